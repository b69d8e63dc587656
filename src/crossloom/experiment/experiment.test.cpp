#include "crossloom/experiment/experiment.h"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "crossloom/core/files.h"
#include "crossloom/experiment/toml.h"
#include "crossloom/network/architectures.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

class ExperimentFile : public testing::Test {
 protected:
  ~ExperimentFile() override { fs::remove(path_); }

  Experiment load(const std::string& text, const std::vector<std::string>& overrides = {}) const {
    write_file(path_, text);
    return load_experiment(path_, overrides);
  }

  /// The message with which `text` is refused.
  std::string refusal(const std::string& text,
                      const std::vector<std::string>& overrides = {}) const {
    try {
      load(text, overrides);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "(accepted)";
  }

  const fs::path path_ =
      fs::temp_directory_path() / ("crossloom_experiment_" + std::to_string(::getpid()) + ".toml");
};

#define EXPECT_MENTIONS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST_F(ExperimentFile, ValuesReachTheParts) {
  const Experiment e = load(
      "[experiment]\nname = 'a'\nnetwork = 'lenet5_mnist'\nbaselines = ['digital']\n"
      "[device]\nmodel = 'bulk_switching_wu2023'\ng_max = '70 uS'\nnum_levels = 16\n"
      "[array]\nnum_rows = 128\n[mapping]\nslice_bits = [2, 2]\n[dac]\nbits = 4\n[adc]\ni_max = "
      "'70 uA'\n"
      "[training]\nmethod = 'mixed_precision'\nlearning_rate = 0.01\n"
      "[method]\nafter_write = 'keep_remainder'\n[transfer]\nchips = 7\n[cost]\n"
      "conversion_time = '1 us'\n");
  EXPECT_EQ(e.network, "lenet5_mnist");
  EXPECT_EQ(e.chip.hardware().device.name(), "bulk_switching_wu2023");
  EXPECT_DOUBLE_EQ(e.chip.hardware().device.range().g_max, 70e-6);
  EXPECT_EQ(e.chip.hardware().array.num_rows, 128);
  EXPECT_EQ(e.chip.hardware().mapping.num_slices(), 2);
  EXPECT_EQ(e.chip.hardware().dac.bits, 4);
  EXPECT_DOUBLE_EQ(e.chip.hardware().adc.i_max, 70e-6);
  EXPECT_DOUBLE_EQ(e.training.optimiser.learning_rate, 0.01);
  EXPECT_EQ(e.transfer.chips, 7);
  EXPECT_DOUBLE_EQ(e.cost.conversion_time, 1e-6);
}

TEST_F(ExperimentFile, MistakesAreRefusedByName) {
  EXPECT_MENTIONS(refusal("[experiment]\nnmae = 'a'\n"), "nmae");
  EXPECT_MENTIONS(refusal("[experiment]\nnmae = 'a'\n"), "use one of: name");
  EXPECT_MENTIONS(refusal("[exp]\nname = 'a'\n"), "[exp]");
  EXPECT_MENTIONS(refusal("[device]\nmodel = 'pcm'\n"), "pcm_nandakumar2019");
  EXPECT_MENTIONS(refusal("[device]\nmodel = 3\n"), "device.model");
  EXPECT_MENTIONS(refusal("[device]\nmodel = 'pcm_nandakumar2019'\ng_max = '50 uS'\n"), "25 uS");
  EXPECT_MENTIONS(refusal("[device]\ng_max = '50 uA'\n"), "50 uA");
  EXPECT_MENTIONS(refusal("[device]\ng_min = '50 uS'\ng_max = '20 uS'\n"), "g_min");
  EXPECT_MENTIONS(refusal("[adc]\ni_max = 0\n"), "i_max");
  EXPECT_MENTIONS(refusal("[training]\nmethod = 'magic'\n"), "mixed_precision");
  EXPECT_MENTIONS(refusal("[training]\nepochs = -1\n"), "epochs");
  EXPECT_MENTIONS(refusal("[experiment]\nnetwork = 'lenet'\n"), "lenet_wu2023");
  EXPECT_MENTIONS(refusal("[experiment]\ndata = 'mnits'\n"), "mnist");
  EXPECT_MENTIONS(refusal("[experiment]\nbaselines = ['magic']\n"), "magic");
  EXPECT_MENTIONS(refusal("[experiment]\nname = '../x'\n"), "../x");
  EXPECT_MENTIONS(refusal("[mapping]\nslice_bits = [8, 8, 8]\n"), "24 bits");
  EXPECT_MENTIONS(refusal("device = 3\n"), "[device]");
  EXPECT_MENTIONS(refusal("[dac]\nbits = 0\nencoding = 'bit_serial'\n"), "bit_serial");
  EXPECT_MENTIONS(refusal("[dac\n"), "line 1");
  EXPECT_MENTIONS(refusal("[dac]\nbits = 1999-01-01\n"), "date");
  EXPECT_MENTIONS(refusal("[experiment]\nname = 'a'\n", {"training.epochs"}), "section.key=value");
  EXPECT_MENTIONS(refusal("[experiment]\nname = 'a'\n", {"training.epochs=many"}), "many");
}

TEST_F(ExperimentFile, OverridesWinOverTheFile) {
  const Experiment e = load(
      "[training]\nepochs = 5\n",
      {"training.epochs=2", "device.model=ideal", "experiment.name=other", "dac.v_read=0.2 V"});
  EXPECT_EQ(e.training.epochs, 2);
  EXPECT_EQ(e.name, "other");
  EXPECT_DOUBLE_EQ(e.chip.hardware().dac.v_read, 0.2);
}

TEST_F(ExperimentFile, ResolvedConfigGivesTheSameExperiment) {
  Experiment first = load(
      "[device]\nmodel = 'bulk_switching_wu2023'\nread_noise = '1.23456789012 uS'\n"
      "[method]\nthreshold = 0.3\n[experiment]\nbaselines = ['digital']\n");
  Experiment second = load(to_toml(first));
  EXPECT_EQ(first.values(), second.values());
}

TEST_F(ExperimentFile, EveryParameterHasADocAndADefaultThatIsAccepted) {
  Experiment experiment;
  int count = 0;
  experiment.for_each_section([&](const std::string& section, ParamList& params) {
    for (const Param& param : params.all()) {
      EXPECT_FALSE(param.doc.empty()) << section << "." << param.name;
      EXPECT_NO_THROW(param.set(param.get())) << section << "." << param.name;
      ++count;
    }
  });
  EXPECT_GT(count, 40);
}

TEST_F(ExperimentFile, ParameterTableMarksWhatWasChanged) {
  Experiment experiment = load("[dac]\nbits = 6\n");
  int changed = 0;
  for (const Json& row : parameter_table(experiment)) {
    if (row["section"] == "dac" && row["name"] == "bits") {
      EXPECT_TRUE(row["changed"].get<bool>());
      EXPECT_EQ(row["value"], "6 bit");
      EXPECT_EQ(row["default"], "8 bit");
    }
    changed += row["changed"].get<bool>() ? 1 : 0;
  }
  EXPECT_EQ(changed, 1);
}

TEST_F(ExperimentFile, BaselinesTakeTheValuesTheyDeclare) {
  const Experiment e =
      load("[method]\nw_max = 0.7\nthreshold = 2\n[experiment]\nbaselines = ['naive_in_situ']\n");
  const auto naive = e.make_method("naive_in_situ");
  ParamList params;
  naive->describe(params);
  EXPECT_EQ(params.values()["w_max"], 0.7);
}

TEST_F(ExperimentFile, TakesTheHardwareOfAChipFileWhereItSaysNothingElse) {
  const fs::path chip = path_.parent_path() / ("crossloom_chip_" + std::to_string(::getpid()));
  write_file(chip,
             "[device]\nmodel = 'hfox_neurram_wan2022'\n[array]\nnum_rows = 96\nnum_cols = 64\n"
             "[layers]\ndigital = ['@first']\n[calibration]\nexamples = 8\n"
             "[layer.'@last'.mapping]\nscale = 'column'\n");
  Experiment e = load("[experiment]\nchip = '" + chip.filename().string() +
                            "'\n[training]\nmethod = 'digital'\n"
                            "[array]\nnum_cols = 32\n[layer.'@last'.adc]\nbits = 5\n");
  EXPECT_EQ(e.chip.device_name(), "hfox_neurram_wan2022");
  EXPECT_EQ(e.chip.hardware().array.num_rows, 96);
  EXPECT_EQ(e.chip.hardware().array.num_cols, 32);
  EXPECT_EQ(e.chip.layers.digital, std::vector<std::string>{"@first"});
  EXPECT_EQ(e.chip.calibration.examples, 8);
  // Batch normalisations stay where they were in training.
  EXPECT_EQ(e.chip.calibration.batch_norm, CalibrationOptions::BatchNorm::kKept);
  const std::vector<Placement> placements = e.chip.place(make_network(e.network));
  EXPECT_EQ(placements.front().hardware.adc.bits, e.chip.hardware().adc.bits);
  EXPECT_EQ(placements.back().hardware.adc.bits, 5);
  EXPECT_EQ(placements.back().hardware.mapping.scale, ScalePer::kColumn);
  EXPECT_NE(placements.back().kind, placements.front().kind);
  EXPECT_NE(to_toml(e).find("[layer.\"@last\".adc]"), std::string::npos);
  fs::remove(chip);
}

// Every experiment file that is shipped can be read.
TEST(ShippedExperiments, AreAccepted) {
  int count = 0;
  for (const auto& entry :
       fs::directory_iterator(fs::path(CROSSLOOM_SOURCE_DIR) / "configs/experiments")) {
    EXPECT_NO_THROW(load_experiment(entry.path(), {})) << entry.path();
    ++count;
  }
  EXPECT_GT(count, 0);
}

}  // namespace
}  // namespace crossloom
