// What each paper says of its device, against the model.

#include <cmath>

#include <gtest/gtest.h>

#include "crossloom/device/device.h"

namespace crossloom {
namespace {

constexpr double kDay = 86400;

struct Moments {
  double mean;
  double sigma;
};

/// Mean and spread [S] of n cells written to `g_target` at 0 and looked at at `clock`.
Moments after_write(const std::string& name, double g_target, double clock, std::int64_t n) {
  const Device device(name);
  Rng rng(17);
  Cells cells = device.make_cells({n}, rng);
  device.write(cells, at::ones({n}, at::kBool), at::full({n}, g_target), 0, rng);
  const Tensor g = device.conductance(cells, clock).to(at::kDouble);
  return {g.mean().item<double>(), g.std().item<double>()};
}

TEST(BulkSwitchingWu2023, WriteErrorIsThatOfTheChip) {
  const std::int64_t n = 100000;
  const Moments moments = after_write("bulk_switching_wu2023", 20e-6, 0, n);
  const double sigma = 0.291e-6 / 0.1;  // 0.291 uA read at 0.1 V
  EXPECT_NEAR(moments.sigma, sigma, 5 * sigma / std::sqrt(2.0 * n));
  EXPECT_NEAR(moments.mean, 20e-6, 5 * sigma / std::sqrt(n));
}

TEST(BulkSwitchingWu2023, ReadErrorAndLevelsAreThoseOfTheChip) {
  const Device device("bulk_switching_wu2023");
  const Cells cells = device.make_cells({8}, Rng(1));
  EXPECT_TRUE(device.read_sigma(cells, 0).allclose(at::full({8}, 0.158e-6 / 0.1)));
  EXPECT_NEAR(device.level_step() * 0.1, 0.823e-6, 0.001e-6);  // one 2-bit level
}

TEST(BulkSwitchingWu2023, CellsAreBornConducting) {
  const Device device("bulk_switching_wu2023");
  const Tensor g = device.make_cells({100000}, Rng(2)).g_written.to(at::kDouble);
  EXPECT_GE(g.min().item<double>(), 8.2e-6 * (1 - 1e-6));
  EXPECT_LE(g.max().item<double>(), 20e-6 * (1 + 1e-6));
  EXPECT_NEAR(g.mean().item<double>(), 14.1e-6, 5 * 11.8e-6 / std::sqrt(12 * 1e5));
}

// Values of the table in the description of the fit: 1 s and 1 day, r = 0.1, 0.4 and 1.
TEST(HfoxNeurramWan2022, SpreadFollowsTheFitAfterOneSecondAndOneDay) {
  const std::int64_t n = 200000;
  const double tolerance = 0.005e-6;  // the table has two decimals
  struct {
    double r, second, day;
  } const table[] = {{0.4, 2.22e-6, 4.00e-6}, {0.5, 2.02e-6, 3.91e-6}, {1.0, 1.10e-6, 2.65e-6}};
  for (const auto& row : table) {
    const double g = row.r * 40e-6;
    EXPECT_NEAR(after_write("hfox_neurram_wan2022", g, 1, n).sigma,
                row.second,
                tolerance + 5 * row.second / std::sqrt(2.0 * n));
    EXPECT_NEAR(after_write("hfox_neurram_wan2022", g, kDay, n).sigma,
                row.day,
                tolerance + 5 * row.day / std::sqrt(2.0 * n));
  }
}

TEST(HfoxNeurramWan2022, CellsKeepTheirPathBetweenLooks) {
  const std::int64_t n = 50000;
  const Device device("hfox_neurram_wan2022");
  Rng rng(3);
  Cells cells = device.make_cells({n}, rng);
  device.write(cells, at::ones({n}, at::kBool), at::full({n}, 20e-6), 0, rng);
  const auto step = [&](double t) { return device.conductance(cells, t) - cells.g_written; };
  const Tensor hour = step(3600);
  const Tensor day = step(kDay);
  // One path: the later deviation is a fixed multiple of the earlier one.
  const double ratio = day.std().item<double>() / hour.std().item<double>();
  EXPECT_TRUE(day.allclose(hour * ratio, 1e-3, 1e-10));
  EXPECT_GT(ratio, 1.1);
}

TEST(PcmNandakumar2019, ProgrammingNoiseHasTheFittedStandardDeviation) {
  const std::int64_t n = 100000;
  const double sigma = (0.26348 + 1.9650 * 0.5 - 1.1731 * 0.25) * 1e-6;
  const Moments moments = after_write("pcm_nandakumar2019", 12.5e-6, 0, n);
  EXPECT_NEAR(moments.sigma, sigma, 5 * sigma / std::sqrt(2.0 * n));
  EXPECT_NEAR(moments.mean, 12.5e-6, 5 * sigma / std::sqrt(n));
}

TEST(PcmNandakumar2019, ConductancesDriftWithTheFittedExponents) {
  const std::int64_t n = 100000;
  const Device device("pcm_nandakumar2019");
  Rng rng(4);
  Cells cells = device.make_cells({n}, rng);
  device.write(cells, at::ones({n}, at::kBool), at::full({n}, 5e-6), 0, rng);
  const double log_time = std::log1p(kDay / 20);
  const Tensor nu =
      -(device.conductance(cells, kDay) / cells.g_written).log().to(at::kDouble) / log_time;
  const double mean_nu = -0.0155 * std::log(0.2) + 0.0244;   // 0.0493
  const double sigma_nu = -0.0125 * std::log(0.2) - 0.0059;  // 0.0142
  EXPECT_NEAR(nu.mean().item<double>(), mean_nu, 5 * sigma_nu / std::sqrt(n));
  // The exponent is cut at zero, 3.5 sigma below the mean, which takes off less than 0.1 %.
  EXPECT_NEAR(
      nu.std().item<double>(), sigma_nu, 1e-3 * sigma_nu + 5 * sigma_nu / std::sqrt(2.0 * n));
}

TEST(PcmNandakumar2019, ReadNoiseFollowsTheFit) {
  const Device device("pcm_nandakumar2019");
  Rng rng(5);
  Cells cells = device.make_cells({1}, rng);
  device.write(cells, at::ones({1}, at::kBool), at::full({1}, 12.5e-6), 0, rng);
  const double g = device.conductance(cells, 3600).item<double>();
  const double q = std::min(0.0088 / std::pow(g / 25e-6, 0.65), 0.2);
  const double expected = g * q * std::sqrt(std::log((3600 + 250e-9) / 500e-9));
  EXPECT_NEAR(device.read_sigma(cells, 3600).item<double>(), expected, 1e-5 * expected);
}

TEST(PcmNandakumar2019, RejectsConductancesBeyondTheMeasuredRange) {
  Device device("pcm_nandakumar2019");
  ParamList params;
  device.describe(params);
  EXPECT_THROW(params.assign({{"g_max", 50e-6}}), ConfigError);
}

}  // namespace
}  // namespace crossloom
