#include "crossloom/device/ageing_fit.h"

#include <cmath>
#include <limits>

#include "crossloom/data/data_testing.h"
#include "crossloom/device/ageing_judgement.h"

namespace crossloom {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double mean_at(double g, double time) {
  return -0.1 * g * (1 + 0.2 * std::log10(time));
}
double sigma_at(double g, double time) {
  return (1e-6 + 0.05 * g) * std::pow(time, 0.1);
}

/// Cells from 5 to 40 uS of the law above, Gaussian, of correlation 0.7 from time to time.
AgeingReadings synthetic(std::int64_t n, std::uint64_t seed) {
  Rng rng(seed);
  AgeingReadings readings;
  readings.times = {0.1, 1, 10, 100, 1000};
  readings.g_start = 5e-6 + 35e-6 * rng.uniform({n}).to(at::kDouble);
  std::vector<Tensor> moved;
  Tensor xi = rng.normal({n}).to(at::kDouble);
  for (const double time : readings.times) {
    const Tensor& g = readings.g_start;
    moved.push_back(g * mean_at(1, time) + (1e-6 + 0.05 * g) * std::pow(time, 0.1) * xi);
    xi = 0.7 * xi + std::sqrt(1 - 0.49) * rng.normal({n}).to(at::kDouble);
  }
  readings.moved = at::stack(moved, 1);
  return readings;
}

TEST(AgeingFit, FindsTheLawThatCellsWereDrawnFrom) {
  const std::int64_t n = 24000;
  AgeingReadings readings = synthetic(n, 1);
  readings.moved.select(1, 3).slice(0, 0, n, 2).fill_(kNaN);  // half of the cells at 100 s
  const AgeingTable law = fit_ageing({readings}).table;
  law.validate();
  ASSERT_EQ(law.conductances.size(), 12U);
  const double per_group = static_cast<double>(n) / 12;
  for (const double g : {law.conductances[0], law.conductances[5], law.conductances[11]}) {
    for (const double time : {0.1, 1.0, 30.0, 1000.0}) {
      const auto [mean, sigma] =
          law.moments(at::full({1}, g), at::full({1}, time, at::kDouble), 300);
      const double expected = sigma_at(g, time);
      // 0.1 % of the spread is the error of lines between tabulated points.
      EXPECT_NEAR(
          mean.item<double>(), mean_at(g, time), (5 / std::sqrt(per_group) + 1e-3) * expected);
      EXPECT_NEAR(sigma.item<double>(), expected, (5 / std::sqrt(2 * per_group) + 1e-2) * expected)
          << g << " " << time;
    }
  }
  ASSERT_EQ(law.path_correlations.size(), 4U);
  for (const double rho : law.path_correlations) {
    EXPECT_NEAR(rho, 0.7, 5 * (1 - 0.49) / std::sqrt(n / 2.0));
  }
  // Gaussian moves: the quantiles are the deviates, but for the few cells of the tails.
  for (std::size_t i = 4; i <= 12; ++i) {
    EXPECT_NEAR(law.shape[i], -4 + 0.5 * static_cast<double>(i), 0.12) << i;
  }
}

TEST(AgeingFit, JudgementAgreesWithinItsStandardErrors) {
  const std::vector<AgeingCheck> checks = judge_ageing({synthetic(12000, 2)}, 3);
  ASSERT_EQ(checks.size(), 5U);
  for (std::size_t k = 0; k < checks.size(); ++k) {
    const AgeingCheck& check = checks[k];
    EXPECT_EQ(check.num_read, 12000);
    EXPECT_NEAR(check.mean.measured, mean_at(22.5e-6, check.time), 5 * check.mean.standard_error);
    // Errors of a mean and of a standard deviation by their formulas; ten parts give the jackknife
    // a relative spread of 1 / sqrt(18).
    EXPECT_NEAR(check.mean.standard_error,
                check.spread.measured / std::sqrt(12000.0),
                check.mean.standard_error);
    EXPECT_NEAR(check.mean.unseen_cells, check.mean.measured, 5 * check.mean.standard_error);
    EXPECT_NEAR(check.spread.unseen_cells, check.spread.measured, 5 * check.spread.standard_error);
    const bool is_inner = k > 0 && k + 1 < checks.size();
    EXPECT_EQ(std::isnan(check.mean.unseen_time), !is_inner);
    if (!is_inner) continue;
    EXPECT_NEAR(check.mean.unseen_time, check.mean.measured, 6 * check.mean.difference_error);
    // The cubic through t^0.1 at two decades' distance is 1 % off, three standard errors are 2 %.
    EXPECT_NEAR(check.spread.unseen_time / check.spread.measured, 1, 0.03);
  }
}

/// Judged on the measured cells of `name`, with seed 1.
std::vector<AgeingCheck> judged(const std::string& name) {
  const auto path = find_data("memristor/" + name);
  if (path.empty()) return {};
  return judge_ageing(ageing_readings(read_measurements(path)), 1);
}

// The mean move is within 10 % at four of the seven inner times; at the others it is small against
// what may be said of it (docs/devices.md).
TEST(AgeingFit, PredictsUnseenTimesOfMeasuredCells) {
  int within = 0;
  for (const char* name : {"rram_relax_techB_after10k_cycles.csv.gz", "rram_relax_techC.csv.gz"}) {
    const std::vector<AgeingCheck> checks = judged(name);
    if (checks.empty()) GTEST_SKIP() << "no memristor measurements under " << data_place();
    for (const AgeingCheck& check : checks) {
      EXPECT_NEAR(check.spread.unseen_cells / check.spread.measured, 1, 0.01) << check.time;
      if (std::isnan(check.spread.unseen_time)) continue;
      EXPECT_NEAR(check.spread.unseen_time / check.spread.measured, 1, 0.1) << check.time;
      const double deviation = check.mean.unseen_time / check.mean.measured - 1;
      EXPECT_NEAR(deviation, 0, 0.18) << check.time;
      if (std::abs(deviation) < 0.1) ++within;
    }
  }
  EXPECT_GE(within, 4);
}

TEST(AgeingReadings, AreReadWithTheirStartsAndTimes) {
  std::string csv = "cell,t_s,g_uS\n";
  for (int cell = 0; cell < 60; ++cell) {
    const std::string name = std::to_string(cell);
    csv += name + ",0,10\n" + name + ",1,11\n" + name + ",1.1,13\n";
    if (cell > 0) csv += name + ",60,8\n";
  }
  const auto readings = ageing_readings(Measurements(csv, "x.csv"));
  ASSERT_EQ(readings.size(), 1U);
  ASSERT_EQ(readings[0].times.size(), 2U);
  EXPECT_NEAR(readings[0].times[0], std::sqrt(1.1), 1e-12);
  EXPECT_NEAR(readings[0].times[1], 60, 1e-9);
  EXPECT_NEAR(readings[0].moved[5][0].item<double>(), 2e-6, 1e-15);  // the mean of 11 and 13
  EXPECT_NEAR(readings[0].moved[5][1].item<double>(), -2e-6, 1e-15);
  EXPECT_TRUE(std::isnan(readings[0].moved[0][1].item<double>()));
}

TEST(AgeingReadings, AreRefusedWithoutStartsTimesOrEnoughCells) {
  const auto refusal = [](const std::string& row_of_cell) {
    std::string csv = "cell,t_s,g_uS\n";
    for (int cell = 0; cell < 60; ++cell) csv += std::to_string(cell) + ",0,10\n";
    return message_of<ConfigError>(
        [&] { ageing_readings(Measurements(csv + row_of_cell, "x.csv")); });
  };
  EXPECT_NE(refusal("").find("no reading after t = 0"), std::string::npos);
  EXPECT_NE(refusal("99,1,5\n").find("cell 99 has no start"), std::string::npos);
  EXPECT_NE(refusal("1,-1,5\n").find("times and starts are at least 0"), std::string::npos);
  EXPECT_NE(refusal("99,0,-5\n").find("times and starts are at least 0"), std::string::npos);
  const std::string few = message_of<ConfigError>(
      [] { ageing_readings(Measurements("cell,t_s,g_uS\n1,0,5\n1,1,6\n", "x.csv")); });
  EXPECT_NE(few.find("there are 1 cells"), std::string::npos) << few;
}

}  // namespace
}  // namespace crossloom
