#include "crossloom/experiment/run.h"

#include <csignal>
#include <filesystem>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "crossloom/core/files.h"
#include "crossloom/core/interrupt.h"
#include "crossloom/data/dataset_source.h"
#include "crossloom/experiment/evaluation_run.h"
#include "crossloom/experiment/run_folder.h"
#include "crossloom/network/model.h"
#include "crossloom/training/squares_testing.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

class Squares final : public DatasetSource {
 public:
  Dataset load(const DataOptions& /*options*/) const override {
    return {
        "test_squares", "squares made by a test", true, 10, make_squares(640), make_squares(200)};
  }
};

const RegisteredDataset<Squares> registered{"test_squares"};

class Quiet : public Progress {
 public:
  void step(const std::string& what, std::int64_t done, std::int64_t /*total*/) override {
    if (what == stop_in && done == stop_at) request_interrupt();
  }
  void say(const std::string& line) override { lines.push_back(line); }

  std::string stop_in;
  std::int64_t stop_at = -1;
  std::vector<std::string> lines;
};

class RunExperiment : public testing::Test {
 protected:
  ~RunExperiment() override {
    clear_interrupt();
    fs::remove_all(base_);
  }

  static Experiment make_experiment() {
    Experiment experiment;
    experiment.assign({{"experiment", {{"data", "test_squares"}, {"baselines", {"digital"}}}},
                       {"device", {{"model", "bulk_switching_wu2023"}}},
                       {"adc", {{"range", "tracked"}}},
                       {"training", {{"epochs", 3}, {"batches_per_epoch", 6}, {"batch_size", 32}}},
                       {"transfer", {{"chips", 4}}}});
    return experiment;
  }

  Json run(const std::string& folder, Progress& progress, bool may_resume = false) const {
    Experiment experiment = make_experiment();
    RunOptions options;
    options.out = base_ / folder;
    options.may_resume = may_resume;
    return run_experiment(experiment, options, progress);
  }

  std::string bytes(const std::string& file) const { return read_file(base_ / file); }

  const fs::path base_ =
      fs::temp_directory_path() / ("crossloom_run_" + std::to_string(::getpid()));
  Quiet quiet_;
};

TEST_F(RunExperiment, LeavesACompleteFolder) {
  const Json summary = run("a", quiet_);
  for (const char* file : {"config.toml",
                           "parameters.json",
                           "metrics.jsonl",
                           "transfer.jsonl",
                           "summary.json",
                           "chip.json",
                           "data.json",
                           "timing.json",
                           "checkpoints/mixed_precision.safetensors",
                           "weights/digital.safetensors"}) {
    EXPECT_TRUE(fs::exists(base_ / "a" / file)) << file;
  }
  EXPECT_EQ(read_json_lines(base_ / "a/metrics.jsonl").size(), 6U);
  EXPECT_EQ(read_json_lines(base_ / "a/transfer.jsonl").size(), 8U);
  EXPECT_TRUE(summary["data"]["is_synthetic"].get<bool>());
  EXPECT_EQ(summary["transfer"]["mixed_precision"]["points"][0]["accuracy"]["count"], 4);
}

TEST_F(RunExperiment, OneSeedGivesOneSummary) {
  run("a", quiet_);
  run("b", quiet_);
  EXPECT_EQ(bytes("a/summary.json"), bytes("b/summary.json"));
  EXPECT_EQ(bytes("a/metrics.jsonl"), bytes("b/metrics.jsonl"));
  EXPECT_EQ(bytes("a/chip.json"), bytes("b/chip.json"));
}

// The chip file that a run leaves, with the weights beside it, gives `evaluate` the same chips.
TEST_F(RunExperiment, EvaluateTakesTheChipFileOfARun) {
  Experiment experiment;
  experiment.assign({{"experiment", {{"data", "test_squares"}}},
                     {"device", {{"model", "hfox_neurram_wan2022"}, {"iv", "sinh"}}},
                     {"dac", {{"range", "calibrated"}, {"range_use", 0.7}}},
                     {"adc", {{"range", "calibrated"}}},
                     {"training",
                      {{"method", "finetune"},
                       {"epochs", 2},
                       {"batches_per_epoch", 5},
                       {"batch_size", 32},
                       {"training_images", 400},
                       {"validation_images", 100}}},
                     {"method", {{"shrink", "learned"}, {"ranges", "learned"}}},
                     {"transfer", {{"chips", 3}, {"elapsed", {1, 86400}}}}});
  RunOptions options;
  options.out = base_ / "a";
  const Json summary = run_experiment(experiment, options, quiet_);
  EvaluationRequest request;
  request.model = experiment.network;
  request.weights = base_ / "a/weights/finetune.safetensors";
  request.chip = base_ / "a/chips/finetune.toml";
  request.data = "test_squares";
  request.chips = 3;
  request.times = {1, 86400};
  const Json evaluation = run_evaluation(request, quiet_);
  const Json& points = summary["transfer"]["finetune"]["points"];
  for (std::size_t t = 0; t < 2; ++t) {
    EXPECT_EQ(points[t]["accuracy"], evaluation["times"][t]["top1"]);
  }
  EXPECT_NE(bytes("a/chips/finetune.toml").find("[layer."), std::string::npos);
}

TEST_F(RunExperiment, LayersThatAMethodAddsAreEvaluatedBesideTheChip) {
  Experiment experiment;
  experiment.assign(
      {{"experiment", {{"data", "test_squares"}}},
       {"training",
        {{"method", "correctnet"}, {"epochs", 2}, {"batches_per_epoch", 6}, {"batch_size", 32}}},
       {"method", {{"compensated", {"conv1"}}, {"filters", 2}}},
       {"transfer", {{"chips", 1}, {"elapsed", {1}}}}});
  RunOptions options;
  options.out = base_ / "a";
  const Json summary = run_experiment(experiment, options, quiet_);
  EvaluationRequest request;
  request.model = (base_ / "a/weights/correctnet.onnx").string();
  request.chip = base_ / "a/chips/correctnet.toml";
  request.data = "test_squares";
  request.chips = 1;
  const Json evaluation = run_evaluation(request, quiet_);
  // Ideal chips: all differences would come from the layers that were added.
  EXPECT_EQ(summary["transfer"]["correctnet"]["points"][0]["accuracy"]["mean"],
            evaluation["times"][0]["top1"]["mean"]);
  const Network network = open_model(request.model);
  std::vector<std::string> analog;
  const std::vector<Placement> placements = load_chip_config(request.chip, {}).place(network);
  for (std::size_t i = 0; i < placements.size(); ++i) {
    if (placements[i].is_analog) analog.push_back(network.product_name(i));
  }
  EXPECT_EQ(analog, (std::vector<std::string>{"conv1", "conv2", "fc"}));
}

// Questions go the same road as images: learned from train.json, tested as `evaluate` does.
TEST_F(RunExperiment, QuestionsAreFinetunedOn) {
  const auto questions = [](int first) {
    std::string text;
    for (int i = first; i < first + 8; ++i) {
      const std::string answer = std::vector<std::string>{"the cat", "on", "the mat", "sat"}[i % 4];
      text += (i > first ? ", " : "") + (R"({"id": ")" + std::to_string(i)) +
              R"(", "question": "who sat?", "answers": [{"text": ")" + answer + R"("}]})";
    }
    return R"({"version": "v2.0", "data": [{"paragraphs": [{"context": "the cat sat on the mat",
               "qas": [)" +
           text + "]}]}]}";
  };
  write_file(base_ / "data/train.json", questions(0));
  write_file(base_ / "data/dev.json", questions(8));
  write_file(base_ / "data/vocab.txt",
             "[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\ncat\nsat\non\nmat\nwho\n?\n");
  const std::string data = "squad:" + (base_ / "data").string();
  Experiment experiment;
  experiment.assign({{"experiment", {{"data", data}, {"network", "bert_tiny_squad"}}},
                     {"device", {{"model", "cmo_hfox_falcone2025"}, {"iv", "sinh"}}},
                     {"array", {{"num_rows", 256}, {"num_cols", 256}}},
                     {"dac", {{"range", "calibrated"}}},
                     {"adc", {{"range", "calibrated"}, {"subtraction", "analog"}}},
                     {"training", {{"method", "finetune"}, {"epochs", 1}, {"batch_size", 4}}},
                     {"method", {{"distillation", 1}}},
                     {"calibration", {{"examples", 8}}},
                     {"transfer", {{"chips", 2}, {"elapsed", {86400}}}}});
  RunOptions options;
  options.out = base_ / "a";
  const Json summary = run_experiment(experiment, options, quiet_);
  EXPECT_TRUE(std::isfinite(summary["training"]["finetune"]["loss"].get<double>()));
  EvaluationRequest request;
  request.model = experiment.network;
  request.weights = base_ / "a/weights/finetune.safetensors";
  request.chip = base_ / "a/chips/finetune.toml";
  request.data = data;
  request.chips = 2;
  request.times = {86400};
  const Json evaluation = run_evaluation(request, quiet_);
  EXPECT_EQ(evaluation["examples"], 8);
  EXPECT_EQ(summary["transfer"]["finetune"]["exact_accuracy"], evaluation["exact"]["f1"]);
  experiment.training.augmentation.has_flip = true;
  options.out = base_ / "b";
  EXPECT_THROW(run_experiment(experiment, options, quiet_), ConfigError);
}

TEST_F(RunExperiment, StoppedAnywhereItGoesOnToTheSameResult) {
  run("whole", quiet_);
  const std::pair<const char*, std::int64_t> stops[] = {{"mixed_precision", 1},
                                                        {"mixed_precision", 12},
                                                        {"digital", 7},
                                                        {"digital on fresh chips", 2}};
  for (const auto& [part, step] : stops) {
    const std::string folder = std::string(part) + std::to_string(step);
    Quiet stopping;
    stopping.stop_in = part;
    stopping.stop_at = step;
    EXPECT_THROW(run(folder, stopping), Interrupted) << folder;
    EXPECT_FALSE(fs::exists(base_ / folder / "summary.json"));
    clear_interrupt();
    run(folder, quiet_, true);
    for (const char* file : {"/summary.json", "/metrics.jsonl", "/transfer.jsonl", "/chip.json"}) {
      EXPECT_EQ(bytes(folder + file), bytes(std::string("whole") + file)) << folder;
    }
  }
}

TEST_F(RunExperiment, PieceOfALineLeftByAKilledProcessIsDropped) {
  run("whole", quiet_);
  fs::copy(base_ / "whole", base_ / "cut", fs::copy_options::recursive);
  fs::remove(base_ / "cut/summary.json");
  const std::string lines = bytes("cut/transfer.jsonl");
  write_file(base_ / "cut/transfer.jsonl", lines.substr(0, lines.size() / 2 + 3));
  run("cut", quiet_, true);
  EXPECT_EQ(bytes("cut/transfer.jsonl"), bytes("whole/transfer.jsonl"));
  EXPECT_EQ(bytes("cut/summary.json"), bytes("whole/summary.json"));
}

TEST_F(RunExperiment, ExistingFolderIsNeverOverwritten) {
  run("a", quiet_);
  EXPECT_THROW(run("a", quiet_), ConfigError);
  const std::string before = bytes("a/summary.json");
  EXPECT_NO_THROW(run("a", quiet_, true));  // finished: nothing to do
  EXPECT_EQ(bytes("a/summary.json"), before);
  EXPECT_NE(quiet_.lines.back().find("finished"), std::string::npos);
  Experiment other = make_experiment();
  other.seed = 2;
  RunOptions options;
  options.out = base_ / "a";
  options.may_resume = true;
  EXPECT_THROW(run_experiment(other, options, quiet_), ConfigError);
}

TEST_F(RunExperiment, FolderInUseIsRefused) {
  Experiment experiment = make_experiment();
  const RunFolder first(base_ / "a", experiment, false);
  EXPECT_THROW(RunFolder(base_ / "a", experiment, true), ConfigError);
}

TEST_F(RunExperiment, DamagedCheckpointIsRefused) {
  Quiet stopping;
  stopping.stop_in = "mixed_precision";
  stopping.stop_at = 8;
  EXPECT_THROW(run("a", stopping), Interrupted);
  clear_interrupt();
  const fs::path checkpoint = base_ / "a/checkpoints/mixed_precision.safetensors";
  const std::string whole = read_file(checkpoint);
  write_file(checkpoint, whole.substr(0, whole.size() - 10));
  EXPECT_THROW(run("a", quiet_, true), ConfigError);
}

// A limit on the size of files stands for a full disk: the write fails, nothing is left of it, and
// what was there before stays.
TEST_F(RunExperiment, FullDiskLeavesNothingHalfWritten) {
  write_file(base_ / "old", "old");
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit tight = before;
  tight.rlim_cur = 4096;
  setrlimit(RLIMIT_FSIZE, &tight);
  EXPECT_THROW(write_file(base_ / "old", std::string(100000, 'x')), IoError);
  EXPECT_THROW(run("a", quiet_), IoError);
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(bytes("old"), "old");
  EXPECT_FALSE(fs::exists(base_ / "a/config.toml"));
  for (const auto& entry : fs::recursive_directory_iterator(base_)) {
    EXPECT_EQ(entry.path().string().find(".tmp"), std::string::npos) << entry.path();
  }
  run("a", quiet_);
  EXPECT_TRUE(fs::exists(base_ / "a/summary.json"));
}

}  // namespace
}  // namespace crossloom
