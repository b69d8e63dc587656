#include "crossloom/device/program_fit.h"

#include <cmath>

#include "crossloom/core/errors.h"
#include "crossloom/core/random.h"
#include "crossloom/data/data_testing.h"

namespace crossloom {
namespace {

/// Writes to 20 targets with the error 0.1 uS + (0.5 uS + 0.02 g_t) N(0,1).
ProgramReadings synthetic(std::int64_t n, std::uint64_t seed) {
  Rng rng(seed);
  const Tensor target = 2e-6 * (1 + (20 * rng.uniform({n})).floor()).to(at::kDouble);
  const Tensor error = 0.1e-6 + (0.5e-6 + 0.02 * target) * rng.normal({n}).to(at::kDouble);
  return {target, target + error};
}

TEST(ProgramFit, FindsTheErrorThatWritesWereDrawnWith) {
  const std::int64_t n = 20000;
  const ProgramTable law = fit_program(synthetic(n, 1));
  const double per_group = static_cast<double>(n) / 20;
  ASSERT_GE(law.targets.size(), 12U);
  for (std::size_t b = 0; b < law.targets.size(); ++b) {
    const double sigma = 0.5e-6 + 0.02 * law.targets[b];
    EXPECT_NEAR(law.bias[b], 0.1e-6, 5 * sigma / std::sqrt(per_group));
    EXPECT_NEAR(law.sigma[b], sigma, 5 * sigma / std::sqrt(2 * per_group));
  }
}

TEST(ProgramFit, PredictsUnseenCellsWithinStandardErrors) {
  std::int64_t num_cells = 0;
  for (const ProgramCheck& check : judge_program(synthetic(8000, 2), 1)) {
    num_cells += check.num_cells;
    EXPECT_NEAR(check.bias.unseen_cells, check.bias.measured, 5 * check.bias.standard_error);
    EXPECT_NEAR(check.sigma.unseen_cells, check.sigma.measured, 5 * check.sigma.standard_error);
    // Gaussian: the error of a standard deviation is sigma / sqrt(2 n).
    const double expected =
        check.sigma.measured / std::sqrt(2.0 * static_cast<double>(check.num_cells));
    EXPECT_NEAR(check.sigma.standard_error, expected, 0.4 * expected);
  }
  EXPECT_EQ(num_cells, 8000);
}

TEST(ProgramReadings, TargetOfALevelIsItsMean) {
  std::string csv = "cell,level,t_s,g_uS\n";
  for (int cell = 0; cell < 100; ++cell) {
    const std::string start = std::to_string(cell) + "," + std::to_string(cell % 2);
    csv += start + ",0," + std::to_string(10 + cell % 2 * 5 + (cell < 50 ? 1 : -1)) + "\n";
    csv += start + ",5,99\n";  // later: no matter of the write
  }
  const ProgramReadings readings = program_readings(Measurements(csv, "x.csv"));
  ASSERT_EQ(readings.g.numel(), 100);
  EXPECT_NEAR(readings.g_target[0].item<double>(), 10e-6, 1e-15);
  EXPECT_NEAR(readings.g_target[1].item<double>(), 15e-6, 1e-15);
  EXPECT_NEAR(readings.g[1].item<double>(), 16e-6, 1e-15);
  EXPECT_THROW(program_readings(Measurements("level,g_uS\n1,2\n", "x.csv")), ConfigError);
}

}  // namespace
}  // namespace crossloom
