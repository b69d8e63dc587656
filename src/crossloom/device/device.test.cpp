#include <cmath>

#include <gtest/gtest.h>

#include "crossloom/device/device_testing.h"

namespace crossloom {
namespace {

TEST(Device, StuckCellsAppearWithTheirProbabilityAndIgnoreWrites) {
  const std::int64_t n = 200000;
  const Device device = make_device("ideal", {{"p_stuck_on", 0.02}, {"p_stuck_off", 0.05}});
  Rng rng(1);
  Cells cells = device.make_cells({n}, rng);
  const double on = mean_of(cells.fault.eq(1));
  const double off = mean_of(cells.fault.eq(-1));
  EXPECT_NEAR(on, 0.02, 5 * std::sqrt(0.02 * 0.98 / n));
  EXPECT_NEAR(off, 0.05, 5 * std::sqrt(0.05 * 0.95 / n));
  device.write(cells, all(n), at::full({n}, 50e-6), 0, rng);
  const Tensor g = device.conductance(cells, 0);
  const float g_min = static_cast<float>(device.range().g_min);
  const float g_max = static_cast<float>(device.range().g_max);
  EXPECT_TRUE(g.masked_select(cells.fault.eq(1)).eq(g_max).all().item<bool>());
  EXPECT_TRUE(g.masked_select(cells.fault.eq(-1)).eq(g_min).all().item<bool>());
  EXPECT_TRUE(g.masked_select(cells.fault.eq(0)).eq(50e-6F).all().item<bool>());
}

TEST(Device, WindowOfACellStaysWithItOverWrites) {
  const std::int64_t n = 100000;
  const Device device = make_device("ideal", {{"sigma_d2d", 0.1}});
  Rng rng(2);
  Cells cells = device.make_cells({n}, rng);
  const double g_max = device.range().g_max;
  device.write(cells, all(n), at::full({n}, g_max), 0, rng);
  const Tensor first = device.conductance(cells, 0);
  device.write(cells, all(n), at::full({n}, g_max), 1, rng);
  EXPECT_TRUE(device.conductance(cells, 1).equal(first));
  // min(1, 1 + 0.1 xi) has the mean 1 - 0.1 / sqrt(2 pi): a cell that can do more is asked for no
  // more.
  const double expected = 1 - 0.1 / std::sqrt(2 * M_PI);
  EXPECT_NEAR(mean_of(first) / g_max, expected, 5 * 0.06 / std::sqrt(n));
}

TEST(Device, DrawsDeviatesAnewFromTheSecondWriteOn) {
  const std::int64_t n = 100000;
  const Device device("hfox_neurram_wan2022");
  Rng rng(7);
  Cells cells = device.make_cells({n}, rng);
  const Tensor of_birth = cells.latent.at("relaxation");
  device.write(cells, all(n), at::full({n}, 20e-6), 0, rng);
  EXPECT_TRUE(cells.latent.at("relaxation").equal(of_birth));
  for (const double share : {0.01, 0.5}) {
    const Tensor before = cells.latent.at("relaxation");
    const Tensor mask = Rng(8).uniform({n}).lt(share);
    device.write(cells, mask, at::full({n}, 20e-6), 0, rng);
    const Tensor xi = cells.latent.at("relaxation").masked_select(mask);
    const auto m = static_cast<double>(xi.numel());
    EXPECT_NEAR(mean_of(xi), 0, 5 / std::sqrt(m));
    EXPECT_NEAR(std_of(xi), 1, 5 / std::sqrt(2 * m));
    EXPECT_NEAR(mean_of(xi * before.masked_select(mask)), 0, 5 / std::sqrt(m));
  }
}

TEST(Device, KeepsTheDeviatesOfBirthForTheFirstWriteOfEachCell) {
  const std::int64_t n = 10000;
  const Device device("hfox_neurram_wan2022");
  Rng rng(9);
  Cells cells = device.make_cells({n}, rng);
  const Tensor of_birth = cells.latent.at("relaxation");
  const Tensor mask = Rng(10).uniform({n}).lt(0.5);
  device.write(cells, mask, at::full({n}, 20e-6), 0, rng);
  EXPECT_TRUE(cells.latent.at("relaxation").equal(of_birth));
  Cells loaded = cells;  // as a checkpoint has them, each value of its own
  loaded.write_count = cells.write_count.contiguous().clone();
  for (Cells& each : {std::ref(cells), std::ref(loaded)}) {
    Rng again(11);
    device.write(each, all(n), at::full({n}, 20e-6), 1, again);
    const Tensor is_kept = each.latent.at("relaxation").eq(of_birth);
    EXPECT_TRUE(is_kept.equal(mask.logical_not()));
  }
  EXPECT_TRUE(cells.latent.at("relaxation").equal(loaded.latent.at("relaxation")));
}

TEST(Device, PulsesMoveByTheirCountAndSpreadByItsRoot) {
  const std::int64_t n = 100000;
  const Device device = make_device("ideal", {{"pulse_step", "1 uS"}, {"sigma_c2c", 0.5}});
  Rng rng(3);
  Cells cells = device.make_cells({n}, rng);
  device.write(cells, all(n), at::full({n}, 50e-6), 0, rng);
  device.pulse(cells, at::full({n}, -9), 1, rng);
  const Tensor change = (device.conductance(cells, 1) - 50e-6).to(at::kDouble);
  const double sigma = 0.5e-6 * 3;
  EXPECT_NEAR(mean_of(change), -9e-6, 5 * sigma / std::sqrt(n));
  EXPECT_NEAR(change.std().item<double>(), sigma, 5 * sigma / std::sqrt(2.0 * n));
  EXPECT_TRUE(cells.write_count.eq(10).all().item<bool>());
}

TEST(Device, PulsesStopAtTheEndsOfTheRange) {
  const Device device = make_device("ideal", {{"pulse_step", "30 uS"}});
  Rng rng(4);
  Cells cells = device.make_cells({2}, rng);
  device.pulse(cells, at::tensor({100.0F, -100.0F}), 0, rng);
  const Tensor g = device.conductance(cells, 0);
  EXPECT_FLOAT_EQ(g[0].item<float>(), static_cast<float>(device.range().g_max));
  EXPECT_FLOAT_EQ(g[1].item<float>(), static_cast<float>(device.range().g_min));
}

TEST(Device, ContradictingParametersAreRefused) {
  EXPECT_THROW(make_device("ideal", {{"g_min", "50 uS"}, {"g_max", "50 uS"}}), ConfigError);
  EXPECT_THROW(make_device("ideal", {{"p_stuck_on", 0.6}, {"p_stuck_off", 0.6}}), ConfigError);
  EXPECT_THROW(make_device("bulk_switching_wu2023", {{"g_min", "40 uS"}}), ConfigError);
}

TEST(Device, RetentionBeyondTheMeasurementNamesItsRange) {
  const Device device("hfox_neurram_wan2022");
  const Cells cells = device.make_cells({4}, Rng(5));
  try {
    device.conductance(cells, 3.15e8);
    FAIL() << "expected ConfigError";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("2 day"), std::string::npos) << error.what();
  }
}

TEST(Device, WriteOfAnotherShapeIsRefused) {
  const Device device;
  Rng rng(6);
  Cells cells = device.make_cells({4}, rng);
  EXPECT_THROW(device.write(cells, all(5), at::full({5}, 1e-5), 0, rng), c10::Error);
}

}  // namespace
}  // namespace crossloom
