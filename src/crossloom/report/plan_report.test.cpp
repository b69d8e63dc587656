#include "crossloom/report/plan_report.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "crossloom/core/files.h"
#include "crossloom/experiment/plan_run.h"
#include "crossloom/report/report.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

class PlanReport : public testing::Test {
 protected:
  ~PlanReport() override { fs::remove_all(folder_); }

  static Json row(const std::string& name, const std::string& kind, double gain, double agreement) {
    return {{"name", name},
            {"bits", 10},
            {"kind", kind},
            {"gain", gain},
            {"writes_per_weight", 3.0 / gain},
            {"rmse", 0.01},
            {"routing_bits", 9.5},
            {"max_over_mean_wear", 3.0},
            {"lifetime_inferences", 1e6},
            {"accuracy", {{"top1", 0.9}, {"agreement", agreement}}}};
  }

  const fs::path folder_ =
      fs::temp_directory_path() / ("crossloom_plan_report_" + std::to_string(::getpid()));
};

TEST_F(PlanReport, FrontHoldsTheSchemesThatNoOtherBeats) {
  write_file(folder_ / kComparisonSummary,
             Json{{"model", "x"},
                  {"draw", ""},
                  {"parameters", Json::array()},
                  {"bits", 10},
                  {"weights", 100},
                  {"data", "made up"},
                  {"examples", 7},
                  {"exact", {{"top1", 0.92}}},
                  {"rows",
                   {row("natural", "lossless", 1, 1),
                    row("a", "error budget", 20, 0.99),
                    row("b", "random stucking", 3, 0.98),
                    row("c", "index-routed", 40, 1),
                    row("d", "error budget", 40, 0.97)}}}
                 .dump());
  const Json data = report_data(folder_);
  const Json& series = data["sections"][0]["charts"][0]["series"];
  EXPECT_EQ(series.back()["name"], "front");
  EXPECT_EQ(series.back()["x"], Json({1.0, 20.0, 40.0}));
  EXPECT_EQ(series.back()["y"], Json({100.0, 99.0, 97.0}));
  EXPECT_EQ(series[0]["marks"], true);
  // In top1 and weight error all are equal, so that the greatest gain beats the others.
  for (const int chart : {1, 2}) {
    EXPECT_EQ(data["sections"][0]["charts"][chart]["series"].back()["x"], Json({40.0}));
  }
  EXPECT_EQ(data["sections"][0]["tables"][0]["rows"].size(), 5U);
  EXPECT_NE(read_file(write_report(folder_)).find("natural order"), std::string::npos);
}

TEST_F(PlanReport, ShowsWhatThePlanCosts) {
  PlanRequest request;
  request.model = "lenet5_mnist";
  request.draw = "laplace";
  request.out = folder_;
  struct Silent final : Progress {
    void step(const std::string&, std::int64_t, std::int64_t) override {}
    void say(const std::string&) override {}
  } silent;
  const Json summary = run_plan(request, silent);
  const Json data = report_data(folder_);
  ASSERT_EQ(data["sections"].size(), 3U);
  const Json& layers = data["sections"][0]["tables"][0]["rows"];
  ASSERT_EQ(layers.size(), 5U);
  EXPECT_EQ(layers[4][1], "840");
  double flips = 0;  // of all columns, per weight
  for (const Json& column : data["sections"][1]["charts"][0]["series"][0]["y"]) {
    flips += column.get<double>();
  }
  const Json& cost = summary["cost"];
  const double repeat = cost["repeat"]["set"].get<double>() + cost["repeat"]["reset"].get<double>();
  EXPECT_NEAR(flips + repeat / cost["weights"].get<double>(),
              cost["writes_per_weight"].get<double>(),
              1e-9);
  EXPECT_EQ(data["sections"][2]["charts"][0]["data"].size(), 1280U);
}

}  // namespace
}  // namespace crossloom
