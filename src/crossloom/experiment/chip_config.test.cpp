#include "crossloom/experiment/chip_config.h"

#include <fstream>

#include <gtest/gtest.h>

#include "crossloom/network/architectures.h"

namespace crossloom {
namespace {

Json small_chip() {
  return {{"device", {{"model", "hfox_neurram_wan2022"}}},
          {"array", {{"num_rows", 128}, {"num_cols", 64}}},
          {"mapping", {{"slice_bits", {2, 2}}, {"scale", "column"}}}};
}

std::string refusal(const Json& values, const Network& network) {
  try {
    ChipConfig chip;
    chip.assign(values);
    chip.place(network);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(ChipConfig, PutsEveryProductOnTheChip) {
  ChipConfig chip;
  chip.assign(small_chip());
  const Network network = make_network("lenet_wu2023");
  for (const Placement& placement : chip.place(network)) {
    EXPECT_TRUE(placement.is_analog);
    EXPECT_EQ(placement.hardware.device.name(), "hfox_neurram_wan2022");
    EXPECT_EQ(placement.hardware.mapping.num_slices(), 2);
  }
}

TEST(ChipConfig, LeavesOutAndChangesWhatTheRulesName) {
  Json values = small_chip();
  values["layers"] = {{"digital", {"@first"}}};
  values["layer"] = {{"fc*", {{"adc", {{"bits", 11}}}, {"device", {{"model", "ideal"}}}}}};
  ChipConfig chip;
  chip.assign(values);
  const std::vector<Placement> placements = chip.place(make_network("lenet_wu2023"));
  EXPECT_FALSE(placements[0].is_analog);
  EXPECT_TRUE(placements[1].is_analog);
  EXPECT_EQ(placements[1].hardware.adc.bits, Adc().bits);
  EXPECT_EQ(placements[2].hardware.adc.bits, 11);
  EXPECT_EQ(placements[2].hardware.device.name(), "ideal");
  EXPECT_EQ(placements[2].hardware.array.num_rows, 128);
  EXPECT_EQ(placements[1].hardware.device.name(), "hfox_neurram_wan2022");
}

TEST(ChipConfig, DepthwiseProductsAreFoundByTheirWord) {
  Json values = small_chip();
  values["layers"] = {{"digital", {"@depthwise", "*.fc1", "*.fc2"}}};
  ChipConfig chip;
  chip.assign(values);
  const Network network = make_network("mobilenet_v3_small");
  const std::vector<Placement> placements = chip.place(network);
  std::int64_t digital = 0;
  for (std::size_t i = 0; i < placements.size(); ++i) {
    const bool is_depthwise = network.products()[i].geometry.is_depthwise();
    EXPECT_TRUE(!is_depthwise || !placements[i].is_analog) << network.product_name(i);
    digital += placements[i].is_analog ? 0 : 1;
  }
  EXPECT_EQ(digital, 11 + 2 * 9);  // eleven blocks, nine of them with squeeze and excitation
}

TEST(ChipConfig, MistakesAreNamed) {
  const Network network = make_network("lenet_wu2023");
  Json values = small_chip();
  values["layers"] = {{"digital", {"conv9"}}};
  EXPECT_NE(refusal(values, network).find("conv9"), std::string::npos);
  values = small_chip();
  values["layer"] = {{"conv9", {{"adc", {{"bits", 8}}}}}};
  EXPECT_NE(refusal(values, network).find("conv9"), std::string::npos);
  values["layer"] = {{"conv1", {{"adc", {{"bitz", 8}}}}}};
  EXPECT_NE(refusal(values, network).find("bitz"), std::string::npos);
  values["layer"] = {{"conv1", {{"training", {{"epochs", 8}}}}}};
  EXPECT_NE(refusal(values, network).find("training"), std::string::npos);
  values["layer"] = 3;
  EXPECT_NE(refusal(values, network).find("[layer]"), std::string::npos);
  EXPECT_NE(refusal({{"chip", {{"x", 1}}}}, network).find("chip"), std::string::npos);
}

TEST(ChipConfig, ShippedChipsAreValid) {
  namespace fs = std::filesystem;
  int count = 0;
  for (const auto& entry :
       fs::directory_iterator(fs::path(CROSSLOOM_SOURCE_DIR) / "configs/chips")) {
    ChipConfig chip = load_chip_config(entry.path(), {});
    EXPECT_FALSE(chip.place(make_network("resnet20_cifar10")).empty());
    ++count;
  }
  EXPECT_GT(count, 0);
}

TEST(ChipConfig, ValuesComeBack) {
  Json values = small_chip();
  values["layer"] = {{"fc", {{"adc", {{"bits", 11}}}}}};
  ChipConfig first;
  first.assign(values);
  ChipConfig second;
  second.assign(first.values());
  EXPECT_EQ(first.values(), second.values());
}

}  // namespace
}  // namespace crossloom
