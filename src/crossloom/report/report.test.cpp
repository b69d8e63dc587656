#include "crossloom/report/report.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "crossloom/core/files.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

class Report : public testing::Test {
 protected:
  Report() {
    const auto put = [&](const char* file, const Json& json) {
      write_file(folder_ / file, json.dump());
    };
    put("summary.json",
        {{"experiment", "a <b> test"},
         {"seed", 3},
         {"network", "lenet"},
         {"method", "mixed_precision"},
         {"data", {{"test_images", 100}}},
         {"training",
          {{"mixed_precision",
            {{"accuracy", 0.9791},
             {"updates_per_weight", 4.5},
             {"writes_per_cell", 5.5},
             {"reduction", 1000.4}}},
           {"digital", {{"accuracy", 0.985}}}}},
         {"transfer",
          {{"digital",
            {{"points",
              Json::array({{{"x", 1.0},
                            {"accuracy",
                             {{"count", 2},
                              {"mean", 0.93},
                              {"std", 0.01},
                              {"ci95", 0.02},
                              {"min", 0.92},
                              {"median", 0.93},
                              {"max", 0.94}}}}})}}}}},
         {"cost",
          {{"products",
            {{{"name", "fc"},
              {"devices", 4},
              {"flops", 8},
              {"crossbars", 1},
              {"ops", 1},
              {"tile_ops", 1}}}},
           {"total",
            {{"name", "total"},
             {"devices", 4},
             {"flops", 8},
             {"crossbars", 1},
             {"ops", 1},
             {"tile_ops", 1}}},
           {"latency_s", 0.72e-6},
           {"energy_J", 2.66e-9}}}});
    put("parameters.json", Json::array());
    put("chip.json",
        {{"products",
          {{{"name", "fc"},
            {"rows", 2},
            {"cols", 2},
            {"conductances_uS", {8, 9, 10, 11}},
            {"writes", {{"edges", {0, 1, 2}}, {"counts", {3, 1}}}},
            {"mean_writes", 0.25},
            {"max_writes", 1}}}}});
    put("data.json", {{"name", "x"}, {"provenance", "made up </script>"}, {"is_synthetic", true}});
    put("timing.json", {{"total", 61.0}});
    write_file(
        folder_ / "metrics.jsonl",
        R"({"method":"mixed_precision","epoch":0,"accuracy":0.9,"loss":1.0,"num_updates":[7]})"
        "\n"
        R"({"method":"digital","epoch":0,"accuracy":0.95,"loss":0.5,"num_updates":[]})"
        "\n");
    write_file(folder_ / "transfer.jsonl",
               "{\"method\":\"digital\",\"chip\":1,\"accuracies\":[0.93]}\n");
  }
  ~Report() override { fs::remove_all(folder_); }

  const fs::path folder_ =
      fs::temp_directory_path() / ("crossloom_report_" + std::to_string(::getpid()));
};

TEST_F(Report, ShowsTheNumbersOfTheRun) {
  const Json data = report_data(folder_);
  EXPECT_EQ(data["headline"][0]["value"], "97.91 %");
  EXPECT_EQ(data["sections"][0]["charts"][0]["series"][0]["y"], Json::parse("[90.0]"));
  EXPECT_EQ(data["sections"][0]["charts"][2]["series"][0]["y"], Json::parse("[7]"));
  EXPECT_EQ(data["sections"].size(), 5U);
}

TEST_F(Report, SaysLoudlyThatDataAreNotReal) {
  const Json data = report_data(folder_);
  ASSERT_EQ(data["warnings"].size(), 1U);
  EXPECT_NE(data["warnings"][0].get<std::string>().find("NOT REAL DATA"), std::string::npos);
}

TEST_F(Report, TextOfTheDataCannotEndTheScript) {
  const std::string page = read_file(write_report(folder_));
  EXPECT_EQ(page.find("made up </script>"), std::string::npos);
  EXPECT_NE(page.find("made up \\u003c/script>"), std::string::npos);
  EXPECT_EQ(page.find("__CROSSLOOM_REPORT_DATA__"), std::string::npos);
}

TEST_F(Report, UnfinishedAndDamagedRunsAreRefused) {
  write_file(folder_ / "chip.json", "{\"products\": [");
  EXPECT_THROW(write_report(folder_), ConfigError);
  fs::remove(folder_ / "summary.json");
  EXPECT_THROW(write_report(folder_), ConfigError);
  EXPECT_THROW(write_report(folder_ / "absent"), ConfigError);
}

}  // namespace
}  // namespace crossloom
