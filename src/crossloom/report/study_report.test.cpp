#include "crossloom/report/study_report.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "crossloom/core/errors.h"
#include "crossloom/core/files.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

Json make_group(const char* variant, double x, double mean) {
  return {{"variant", variant},
          {"condition", x},
          {"x", x},
          {"seeds", 3},
          {"collapsed", 1},
          {"accuracy", {{"mean", mean}, {"standard_error", 0.01}}},
          {"accuracy_with_collapsed", {{"mean", mean / 2}}},
          {"calibrated_confidence", 0.9},
          {"difference", {{"mean", 0.02}, {"standard_error", 0.005}}}};
}

class StudyReport : public testing::Test {
 protected:
  StudyReport() {
    Json collapsed = make_group("b", 0.2, 0);
    collapsed["accuracy"] = nullptr;
    Json of_one_seed = make_group("b", 0.1, 0.9);
    of_one_seed["accuracy"]["standard_error"] = nullptr;
    put({{"study", "a <b> study"},
         {"baseline", "a"},
         {"axis", "sigma"},
         {"label", "device error"},
         {"condition", "noise.sigma"},
         {"outcomes",
          {{{"variant", "a"},
            {"converged", 5},
            {"collapsed", 1},
            {"diverged", 0},
            {"missing", 2}}}},
         {"groups", {make_group("a", 0.1, 0.8), make_group("a", 0.2, 0.7), of_one_seed, collapsed}},
         {"curves",
          {{{"variant", "a"},
            {"condition", 0.1},
            {"mean", {0.5, 0.75}},
            {"min", {0.4, 0.7}},
            {"max", {0.6, 0.8}}}}},
         {"cost",
          {{{"variant", "a"},
            {"forwards_per_step", 4},
            {"steps", 100},
            {"training_seconds", 12.0},
            {"median_seconds_per_step", 0.12}}}},
         {"cells",
          {{{"variant", "a"}, {"seed", 1}, {"folder", "a/seed1"}, {"state", "missing"}}}}});
  }
  ~StudyReport() override { fs::remove_all(folder_); }

  void put(const Json& study) const { write_file(folder_ / "study.json", study.dump()); }

  const fs::path folder_ =
      fs::temp_directory_path() / ("crossloom_study_report_" + std::to_string(::getpid()));
};

TEST_F(StudyReport, DrawsALineWithItsBandForEachVariant) {
  const Json chart = study_report_data(folder_)["sections"][0]["charts"][0];
  ASSERT_EQ(chart["series"].size(), 2U);
  EXPECT_EQ(chart["series"][0]["name"], "a");
  EXPECT_EQ(chart["series"][0]["x"], Json::parse("[0.1, 0.2]"));
  EXPECT_NEAR(chart["series"][0]["y"][1].get<double>(), 70, 1e-9);
  EXPECT_NEAR(chart["series"][0]["low"][1].get<double>(), 69, 1e-9);
  EXPECT_NEAR(chart["series"][0]["high"][1].get<double>(), 71, 1e-9);
  EXPECT_EQ(chart["series"][1]["x"].size(), 1U);  // where all collapsed there is nothing to draw
}

TEST_F(StudyReport, DrawsTrainingsAndBarsWhereNoVariantHasSeveralPoints) {
  Json study = Json::parse(read_file(folder_ / "study.json"));
  study["groups"] = {make_group("a", 0.1, 0.8), make_group("b", 0.1, 0.6)};
  const auto cell = [](const char* variant, double accuracy, bool is_collapsed) -> Json {
    return {{"variant", variant},
            {"seed", 1},
            {"folder", variant},
            {"state", "finished"},
            {"collapsed", is_collapsed},
            {"points", {{{"x", 0.1}, {"accuracy", {{"mean", accuracy}}}}}}};
  };
  study["cells"] = {cell("a", 0.75, false), cell("a", 0.875, false), cell("b", 0.1, true)};
  put(study);
  const Json data = study_report_data(folder_);
  const Json trainings = data["sections"][0]["charts"][0];
  EXPECT_EQ(trainings["kind"], "distribution");
  EXPECT_EQ(trainings["series"][0]["values"], Json::parse("[75.0, 87.5]"));
  EXPECT_TRUE(trainings["series"][1]["values"].empty());
  const Json confidence = data["sections"][2]["charts"][0];
  EXPECT_EQ(confidence["kind"], "bar");
  EXPECT_EQ(confidence["categories"], Json::parse(R"(["a", "b"])"));
  EXPECT_EQ(confidence["series"][0]["y"], Json::parse("[90.0, 90.0]"));
}

TEST_F(StudyReport, TablesHaveARowForEveryGroupAndOutcome) {
  const Json data = study_report_data(folder_);
  const Json rows = data["sections"][0]["tables"][0]["rows"];
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows[0], Json::parse(R"(["a","0.1","3","1","80.00","1.00","40.00","2.00","0.50"])"));
  EXPECT_EQ(data["sections"][1]["tables"][0]["rows"][0], Json::parse(R"(["a","5","1","0","2"])"));
}

TEST_F(StudyReport, SaysThatExperimentsAreMissing) {
  const Json data = study_report_data(folder_);
  EXPECT_EQ(data["warnings"][0], "1 of 1 experiments are not finished.");
}

TEST_F(StudyReport, NothingAndDamageAreRefused) {
  EXPECT_THROW(study_report_data(folder_ / "absent"), ConfigError);
  write_file(folder_ / "study.json", "{\"study\":");
  EXPECT_THROW(write_study_report(folder_), ConfigError);
}

TEST_F(StudyReport, NamesTheProgram) {
  const Json pairs = study_report_data(folder_)["provenance"];  // the page draws a list of pairs
  ASSERT_TRUE(pairs.is_array());
  EXPECT_EQ(pairs[0][0], "crossloom");
}

TEST_F(StudyReport, IsOnePage) {
  EXPECT_NE(read_file(write_study_report(folder_)).find("device error"), std::string::npos);
}

}  // namespace
}  // namespace crossloom
