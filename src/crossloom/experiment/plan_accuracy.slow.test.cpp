// Gate E4 on a real network: what is saved against natural order at equal bits, and what it costs.

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "crossloom/data/data_testing.h"
#include "crossloom/experiment/plan_run.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

struct Silent final : Progress {
  void step(const std::string& /*what*/, std::int64_t /*done*/, std::int64_t /*total*/) override {}
  void say(const std::string& /*line*/) override {}
};

/// ResNet-20 with its trained weights on 1000 images of CIFAR-10; skipped where they are not at
/// hand.
class ResNet20 : public testing::Test {
 protected:
  void SetUp() override {
    const fs::path data = data_place();
    if (!fs::exists(data / "cifar10") || !fs::exists(data / "weights")) {
      GTEST_SKIP() << data << " has no CIFAR-10 or no weights";
    }
    at::set_num_threads(2);
    request_.model = "resnet20_cifar10";
    request_.data = "cifar10";
    request_.data_options = {data, /*may_download=*/false, /*may_generate=*/false};
    request_.options.order = Order::kQrSorted;
  }

  PlanRequest request_;
  Silent progress_;
};

TEST_F(ResNet20, BudgetOfTwoStepsSavesTwentyfoldWithinOnePoint) {
  request_.options.budget = 2;
  const Json summary = run_plan(request_, progress_);
  ASSERT_EQ(summary["examples"], 1000);
  EXPECT_GE(summary["gain"].get<double>(), 20);
  const double exact = summary["exact"]["top1"].get<double>();
  EXPECT_NEAR(summary["accuracy"]["top1"].get<double>(), exact, 0.01);
  EXPECT_LE(summary["cost"]["wear"]["max_over_mean"].get<double>(), 1.3);
}

// Experiment E5: at about the same writes a deterministic budget harms less than random stucking.
TEST_F(ResNet20, BudgetKeepsMoreAccuracyThanStuckingAtEqualWrites) {
  const Json summary = run_comparison(
      request_, {"R3 + budget 2", "R3 + static stucking*", "R3 at 8 bits"}, progress_);
  const Json* rows[3] = {};
  for (const Json& row : summary["rows"]) {
    const auto name = row["name"].get<std::string>();
    rows[name == "R3 + budget 2" ? 0 : name == "R3 at 8 bits" ? 1 : 2] = &row;
  }
  for (const Json* other : {rows[1], rows[2]}) {
    EXPECT_GT((*rows[0])["gain"].get<double>(), (*other)["gain"].get<double>());
    EXPECT_GE((*rows[0])["accuracy"]["agreement"].get<double>(),
              (*other)["accuracy"]["agreement"].get<double>() - 0.005);
  }
  EXPECT_GT((*rows[0])["accuracy"]["agreement"].get<double>(),
            (*rows[2])["accuracy"]["agreement"].get<double>());
}

}  // namespace
}  // namespace crossloom
