#include "crossloom/experiment/study.h"

#include <gtest/gtest.h>

#include "crossloom/core/files.h"
#include "crossloom/core/interrupt.h"
#include "crossloom/experiment/run_folder.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

// The data set test_squares is made by run.test.cpp.
const char* const kStudy = R"(
[study]
name = "squares"
seeds = [1, 2]
condition = "noise.sigma"
values = [0.05, 0.1]
baseline = "plain"

[base.experiment]
data = "test_squares"
network = "lenet_wu2023"
[base.training]
epochs = 2
batches_per_epoch = 6
batch_size = 32
validation_images = 64
[base.variation]
chips = 3
[base.transfer]
chips = 0

[variant.plain]
training.method = "noise_injection"
[variant.ovf]
training.method = "negative_feedback"
method.beta = 0.01
)";

class Quiet : public Progress {
 public:
  void step(const std::string& what, std::int64_t done, std::int64_t /*total*/) override {
    if (!stop_in.empty() && what.find(stop_in) != std::string::npos && done == 3)
      request_interrupt();
  }
  void say(const std::string& /*line*/) override {}

  std::string stop_in;
};

class StudyTest : public testing::Test {
 protected:
  StudyTest() { write_file(base_ / "study.toml", kStudy); }
  ~StudyTest() override {
    clear_interrupt();
    fs::remove_all(base_);
  }

  Study load(const std::vector<std::string>& overrides = {}) const {
    return Study(base_ / "study.toml", overrides);
  }

  Study load_text(const std::string& text) const {
    write_file(base_ / "other.toml", text);
    return Study(base_ / "other.toml", {});
  }

  std::string refusal(const std::string& text) const {
    try {
      load_text(text);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "";
  }

  Json run(const std::string& store, Progress& progress) const {
    return run_study(load(), {base_ / store, {}, {}}, progress);
  }

  /// A finished experiment, as a run leaves it.
  void put(const StudyCell& cell, double accuracy, bool is_collapsed) const {
    const fs::path folder = base_ / "store" / cell.folder();
    const Json point = {{"x", cell.condition},
                        {"accuracy", {{"mean", accuracy}, {"std", 0.01}}},
                        {"temperature", 2.0},
                        {"calibrated", {{"confidence", accuracy}}}};
    const Json summary = {
        {"method", "m"},
        {"training",
         {{"m",
           {{"accuracy", accuracy}, {"best_epoch", 0}, {"forwards_per_step", 4}, {"steps", 10}}}}},
        {"evaluation",
         {{"m",
           {{"axis", "sigma"},
            {"label", "device error"},
            {"points", Json::array({point})},
            {"exact_accuracy", accuracy},
            {"collapsed", is_collapsed}}}}}};
    write_file(folder / "summary.json", summary.dump());
    write_file(folder / "timing.json", Json{{"training m", 5.0}}.dump());
    write_file(folder / "metrics.jsonl",
               Json{{"method", "m"}, {"epoch", 0}, {"accuracy", accuracy}}.dump() + "\n");
  }

  const fs::path base_ =
      fs::temp_directory_path() / ("crossloom_study_" + std::to_string(::getpid()));
  Quiet quiet_;
};

TEST_F(StudyTest, CellsAreVariantsTimesConditionsTimesSeeds) {
  const std::vector<StudyCell> cells = load().cells();
  ASSERT_EQ(cells.size(), 8U);
  EXPECT_EQ(cells[0].folder(), fs::path("plain/sigma0.05/seed1"));
  EXPECT_EQ(cells[7].folder(), fs::path("ovf/sigma0.1/seed2"));
  EXPECT_EQ(cells[7].values["noise"]["sigma"], 0.1);
  EXPECT_EQ(cells[7].values["method"]["beta"], 0.01);
  EXPECT_EQ(cells[7].values["training"]["epochs"], 2);
  EXPECT_EQ(cells[7].values["experiment"]["seed"], 2);
}

TEST_F(StudyTest, OverridesWinOverVariantsAndTheStudy) {
  const Study study = load({"study.seeds=[7]",
                            "training.epochs=1",
                            "training.method=negative_feedback",
                            "method.beta=0.5"});
  ASSERT_EQ(study.cells().size(), 4U);
  EXPECT_EQ(study.cells()[0].values["training"]["method"], "negative_feedback");
  EXPECT_EQ(study.cells()[1].values["training"]["epochs"], 1);
  EXPECT_EQ(study.cells()[1].values["method"]["beta"], 0.5);
  EXPECT_EQ(study.cells()[1].seed, 7);
}

TEST_F(StudyTest, RunsEverythingAndStoppedGoesOnToTheSameSummary) {
  const Json whole = run("whole", quiet_);
  EXPECT_EQ(whole["cells"].size(), 8U);
  EXPECT_EQ(whole["groups"].size(), 4U);
  for (const Json& cell : whole["cells"]) EXPECT_EQ(cell["state"], "finished");
  EXPECT_EQ(whole["cost"][1]["forwards_per_step"], 4);
  Quiet stopping;
  stopping.stop_in = "ovf, sigma 0.1, seed 1";
  EXPECT_THROW(run("cut", stopping), Interrupted);
  clear_interrupt();
  const Json before = summarise_study(load(), base_ / "cut");
  EXPECT_EQ(before["outcomes"][1]["missing"], 3);
  const Json after = run("cut", quiet_);
  EXPECT_EQ(after["groups"], whole["groups"]);
  EXPECT_EQ(after["curves"], whole["curves"]);
}

TEST_F(StudyTest, VariantsThatWereNotAskedForAreLeftForLater) {
  const Json summary = run_study(load(), {base_ / "store", {"ovf"}, {}}, quiet_);
  ASSERT_EQ(summary["cells"].size(), 8U);
  for (const Json& cell : summary["cells"]) {
    EXPECT_EQ(cell["state"], cell["variant"] == "ovf" ? "finished" : "missing");
  }
  try {
    run_study(load(), {base_ / "store", {"ovf", "other"}, {}}, quiet_);
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_STREQ(error.what(),
                 "--only = 'other' (no variant is called so); use one of: plain, ovf");
  }
}

TEST_F(StudyTest, WhatAnotherProcessIsAtIsLeftToIt) {
  const StudyCell cell = load().cells()[0];
  Experiment experiment;
  experiment.assign(cell.values);
  const RunFolder held(base_ / "store" / cell.folder(), experiment, false);
  const Json summary = run("store", quiet_);
  EXPECT_EQ(summary["cells"][0]["state"], "missing");
  EXPECT_EQ(summary["cells"][1]["state"], "finished");
}

TEST_F(StudyTest, CollapsedAndDivergedTrainingsAreCountedApart) {
  const std::vector<StudyCell> cells = load({"study.seeds=[1, 2, 3]"}).cells();
  for (const StudyCell& cell : cells) {
    if (cell.condition != 0.05) continue;
    const bool is_plain = cell.variant == "plain";
    const bool is_bad = is_plain && cell.seed == 2;
    const auto seed = static_cast<double>(cell.seed);
    const double good = is_plain ? 0.7 + 0.02 * seed : 0.8 + 0.03 * seed;
    put(cell, is_bad ? 0.1 : good, is_bad);
  }
  write_file(base_ / "store" / cells[2].folder() / "failure.json", R"({"reason": "too fast"})");
  const Json summary = summarise_study(load({"study.seeds=[1, 2, 3]"}), base_ / "store");
  const Json& plain = summary["groups"][0];
  EXPECT_EQ(plain["seeds"], 3);
  EXPECT_EQ(plain["collapsed"], 1);
  EXPECT_EQ(plain["accuracy"]["count"], 2);
  EXPECT_NEAR(plain["accuracy"]["mean"].get<double>(), 0.74, 1e-12);
  EXPECT_NEAR(plain["accuracy_with_collapsed"]["mean"].get<double>(), 1.58 / 3, 1e-12);
  const Json& ovf = summary["groups"][1];
  EXPECT_EQ(ovf["difference"]["count"], 2);  // 0.11 and 0.13: seeds 1 and 3
  EXPECT_NEAR(ovf["difference"]["mean"].get<double>(), 0.12, 1e-12);
  EXPECT_NEAR(ovf["difference"]["standard_error"].get<double>(), 0.01, 1e-9);
  EXPECT_EQ(summary["outcomes"][0]["collapsed"], 1);
  EXPECT_EQ(summary["outcomes"][0]["diverged"], 1);
  EXPECT_EQ(summary["outcomes"][0]["missing"], 2);
}

TEST_F(StudyTest, OneSeedHasNoStandardError) {
  for (const StudyCell& cell : load({"study.seeds=[1]"}).cells()) put(cell, 0.7, false);
  const Json summary = write_study_summary(load({"study.seeds=[1]"}), base_ / "store");
  EXPECT_EQ(summary, Json::parse(read_file(base_ / "store" / "study.json")));
  for (const Json& group : summary["groups"]) {
    EXPECT_EQ(group["accuracy"]["mean"], 0.7);
    EXPECT_TRUE(group["accuracy"]["standard_error"].is_null());
    if (!group.contains("difference")) continue;
    EXPECT_EQ(group["difference"]["mean"], 0);
    EXPECT_TRUE(group["difference"]["standard_error"].is_null());
  }
  EXPECT_THROW(write_study_summary(load(), base_ / "nowhere"), ConfigError);
}

TEST_F(StudyTest, BadStudiesAreRefusedBeforeAnythingRuns) {
  EXPECT_NE(refusal("[study]\nseeds=[1]").find("without variants"), std::string::npos);
  EXPECT_NE(refusal("[variant.a]\n[variants.b]").find("variants"), std::string::npos);
  EXPECT_NE(refusal("[study]\nseeds=[]\n[variant.a]").find("seeds"), std::string::npos);
  EXPECT_NE(refusal("[study]\ncondition='noise.sigma'\n[variant.a]").find("values"),
            std::string::npos);
  EXPECT_NE(refusal("[study]\nbaseline='b'\n[variant.a]").find("use one of: a"), std::string::npos);
  EXPECT_NE(refusal("[study]\nbaselin='b'\n[variant.a]").find("baselin"), std::string::npos);
  EXPECT_NE(refusal("[variant.a]\nmethod.betta=1").find("a, seed 1: "), std::string::npos);
  EXPECT_NE(refusal("[study]\ncondition='noise.sigma'\nvalues=[-0.1]\n[variant.a]").find("sigma"),
            std::string::npos);
  EXPECT_NE(refusal("[variant.'a/b']").find("folder"), std::string::npos);
}

}  // namespace
}  // namespace crossloom
