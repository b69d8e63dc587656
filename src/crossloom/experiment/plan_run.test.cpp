#include "crossloom/experiment/plan_run.h"

#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "crossloom/core/files.h"
#include "crossloom/core/interrupt.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

struct Silent final : Progress {
  void step(const std::string& /*what*/, std::int64_t done, std::int64_t total) override {
    EXPECT_LE(done, total);
    ++num_steps;
    if (num_steps == stop_at) request_interrupt();
  }
  void say(const std::string& /*line*/) override {}
  int num_steps = 0;
  int stop_at = -1;
};

class PlanRun : public testing::Test {
 protected:
  PlanRun() {
    request_.model = "lenet5_mnist";
    request_.draw = "laplace";
    request_.pool.num_crossbars = 2;
    request_.pool.num_rows = 32;
  }
  ~PlanRun() override { fs::remove_all(folder_); }

  std::string refusal() {
    try {
      run_plan(request_, progress_);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "";
  }

  const fs::path folder_ =
      fs::temp_directory_path() / ("crossloom_plan_run_" + std::to_string(::getpid()));
  PlanRequest request_;
  Silent progress_;
};

TEST_F(PlanRun, StoppedPlanGoesOnToTheSameSummaryAndFile) {
  request_.out = folder_ / "whole";
  run_plan(request_, progress_);
  EXPECT_GT(progress_.num_steps, 10);
  request_.out = folder_ / "stopped";
  progress_.num_steps = 0;
  progress_.stop_at = 40;  // in the largest layer
  EXPECT_THROW(run_plan(request_, progress_), Interrupted);
  clear_interrupt();
  EXPECT_FALSE(fs::exists(folder_ / "stopped" / kPlanSummary));
  EXPECT_NE(refusal().find("--resume"), std::string::npos);
  request_.may_resume = true;
  run_plan(request_, progress_);
  for (const char* file : {kPlanFile, kPlanSummary}) {
    EXPECT_EQ(read_file(folder_ / "stopped" / file), read_file(folder_ / "whole" / file)) << file;
  }
  request_.options.budget = 1;
  EXPECT_NE(refusal().find("another request"), std::string::npos);
}

TEST_F(PlanRun, ReplayOfTheFileGivesTheProductsOfTheNetwork) {
  request_.out = folder_;
  run_plan(request_, progress_);
  const Json replay = replay_plan(request_, folder_ / kPlanFile, progress_);
  EXPECT_EQ(replay["differences"], 0);
  EXPECT_EQ(replay["largest_weight_error"], 0);
  EXPECT_GT(replay["products"].get<std::int64_t>(), 5000);
  request_.options.seed = 2;  // other weights
  EXPECT_THROW(replay_plan(request_, folder_ / kPlanFile, progress_), ConfigError);
  request_.options.seed = 1;
  const std::string bytes = read_file(folder_ / kPlanFile);
  write_file(folder_ / "cut.plan", std::string_view(bytes).substr(0, bytes.size() - 3));
  EXPECT_THROW(replay_plan(request_, folder_ / "cut.plan", progress_), ConfigError);
  const std::int64_t lines = export_plan(folder_ / kPlanFile, folder_ / "writes.csv", {1e-6, 1e-5});
  EXPECT_EQ(lines, replay["cells_written"].get<std::int64_t>());
}

TEST_F(PlanRun, ComparisonGoesOnWithTheSchemesThatAreLeft) {
  request_.out = folder_;
  const Json whole =
      run_comparison(request_, {"natural", "R3 + multiset", "QR + Hungarian"}, progress_);
  ASSERT_EQ(whole["rows"].size(), 3U);
  EXPECT_DOUBLE_EQ(whole["rows"][0]["gain"].get<double>(), 1);
  EXPECT_GT(whole["rows"][2]["gain"].get<double>(), whole["rows"][1]["gain"].get<double>());
  // A killed process leaves two rows and a piece of the third.
  std::ifstream lines(folder_ / "results.jsonl");
  std::string first, second, third;
  std::getline(lines, first);
  std::getline(lines, second);
  std::getline(lines, third);
  std::ofstream(folder_ / "results.jsonl") << first << "\n" << second << "\n" << third.substr(0, 9);
  request_.may_resume = true;
  EXPECT_EQ(run_comparison(request_, {"natural", "R3 + multiset", "QR + Hungarian"}, progress_),
            whole);
}

TEST_F(PlanRun, WhatDoesNotFitIsRefusedBeforeAnythingIsWritten) {
  request_.out = folder_;
  request_.pool.num_cols = 6;
  EXPECT_NE(refusal().find("num_cols"), std::string::npos);
  request_.pool.num_cols = 10;
  request_.draw = "cauchy";
  EXPECT_NE(refusal().find("laplace"), std::string::npos);
  request_.draw = "gauss";
  request_.data = "mnist";
  EXPECT_NE(refusal().find("--draw"), std::string::npos);
  request_.data = "";
  request_.sensitivity = SensitivityBy::kHessian;
  EXPECT_NE(refusal().find("--data"), std::string::npos);
  request_.model = "";
  EXPECT_NE(refusal().find("--model"), std::string::npos);
  EXPECT_FALSE(fs::exists(folder_));
}

}  // namespace
}  // namespace crossloom
