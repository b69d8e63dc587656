#include "crossloom/device/bake_readings.h"

#include <cmath>

#include "crossloom/data/data_testing.h"
#include "crossloom/device/ageing_fit.h"
#include "crossloom/device/ageing_judgement.h"
#include "crossloom/device/program_fit.h"

namespace crossloom {
namespace {

/// 80 cells of 10, 20, 40 and 80 uS, of which a bake leaves 9/10.
std::string rows(bool in_ohm) {
  std::string text;
  for (int i = 0; i < 80; ++i) {
    const double g = 10e-6 * (1 << i % 4);
    const auto write = [&](double x) { return std::to_string(in_ohm ? 1e-3 / x : 1e6 * x); };
    text += std::to_string(i % 4) + "," + write(g) + "," + write(0.9 * g) + "\n";
  }
  return text;
}

TEST(BakeReadings, ResistancesAreConductancesBeforeAndAfter) {
  for (const bool in_ohm : {true, false}) {
    const std::string names =
        in_ohm ? "level,r_pre_kOhm,r_post_kOhm\n" : "level,g_pre_uS,g_post_uS\n";
    Measurements table(names + rows(in_ohm), "bake.csv");
    EXPECT_TRUE(has_bake(table));
    table.set("t", "30 min");
    table.set("temp", "80 C");
    const std::vector<AgeingReadings> readings = ageing_readings(table);
    ASSERT_EQ(readings.size(), 1U);
    EXPECT_DOUBLE_EQ(readings[0].temperature, 353.15);
    ASSERT_EQ(readings[0].times.size(), 1U);
    EXPECT_NEAR(readings[0].times[0], 1800, 1e-6);
    EXPECT_EQ(readings[0].moved.sizes(), at::IntArrayRef({80, 1}));
    EXPECT_TRUE(readings[0].moved.select(1, 0).allclose(-0.1 * readings[0].g_start, 1e-4, 0));
    EXPECT_NEAR(readings[0].g_start[2].item<double>(), 40e-6, 1e-10);
    const ProgramReadings writes = program_readings(table);
    EXPECT_TRUE(writes.g.allclose(readings[0].g_start));
    EXPECT_TRUE(writes.g_target.allclose(writes.g, 1e-4, 0));  // each level is exact
  }
}

TEST(BakeReadings, TimesAndTemperaturesMayBeColumns) {
  std::string text = "t_h,temp_C,g_pre_uS,g_post_uS\n";
  for (int i = 0; i < 120; ++i) text += i % 2 == 0 ? "2,100,30,29\n" : "2,150,30,25\n";
  const Measurements table(text, "bake.csv");
  const std::vector<AgeingReadings> readings = ageing_readings(table);
  ASSERT_EQ(readings.size(), 2U);
  EXPECT_DOUBLE_EQ(readings[1].temperature, 423.15);
  EXPECT_NEAR(readings[1].times[0], 7200, 1e-6);
  EXPECT_NEAR(readings[1].moved.mean().item<double>(), -5e-6, 1e-10);
}

TEST(BakeReadings, WhatIsMissingIsNamedAtOnce) {
  const auto refusal = [](const std::string& names, const std::string& row, const char* time) {
    return message_of<ConfigError>([&] {
      Measurements table(names + "\n" + row + "\n", "bake.csv");
      if (*time != 0) table.set("t", time);
      bake_readings(table);
    });
  };
  EXPECT_EQ(refusal("r_pre_ohm,r_post_ohm", "5000,5100", ""),
            "bake.csv is not a usable table of measurements (it tells of a bake, but not how long "
            "it was (t), how hot it was (temp)); add columns such as r_pre_Ohm, r_post_Ohm, t_min, "
            "temp_C, or give what holds for all cells as --value t=30min --value temp=80C");
  EXPECT_NE(refusal("r_pre_ohm,t_s,temp_C", "5000,1,80", "").find("not what they had after"),
            std::string::npos);
  EXPECT_NE(refusal("r_pre,r_post_ohm", "5000,5100", "").find("'r_pre' has no unit"),
            std::string::npos);
  EXPECT_NE(refusal("r_pre_ohm,r_post_ohm,temp_C", "5000,0,80", "1 h").find("r_post = 0 Ohm"),
            std::string::npos);
  EXPECT_NE(refusal("r_pre_ohm,r_post_ohm,temp_C", "5000,5100,80", "30 kg").find("30 kg"),
            std::string::npos);
}

// 1 024 cells on 32 levels, 30 minutes at 80 C; the moments by a plain sum over the lines.
TEST(BakeReadings, MeasuredCellsArePredictedFromTheOthers) {
  const std::filesystem::path path = find_data("memristor/radar_32level_bake80C_30min.csv");
  if (path.empty()) GTEST_SKIP() << "no memristor measurements under " << data_place();
  Measurements table = read_measurements(path);
  table.set("t", "30 min");
  table.set("temp", "80 C");
  const std::vector<double> before = table.column("r_pre", "Ohm");
  const std::vector<double> after = table.column("r_post", "Ohm");
  double sum = 0;
  for (std::size_t i = 0; i < before.size(); ++i) sum += 1 / after[i] - 1 / before[i];
  const std::vector<AgeingCheck> checks = judge_ageing(ageing_readings(table), 1);
  ASSERT_EQ(checks.size(), 1U);
  EXPECT_EQ(checks[0].num_read, 1024);
  const FigureCheck& mean = checks[0].mean;
  EXPECT_NEAR(mean.measured, sum / 1024, 1e-12);
  EXPECT_NEAR(mean.unseen_cells, mean.measured, 2 * mean.standard_error);
  const FigureCheck& spread = checks[0].spread;
  EXPECT_NEAR(spread.unseen_cells, spread.measured, 2 * spread.standard_error);
}

}  // namespace
}  // namespace crossloom
