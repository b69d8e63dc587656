// What each paper says of its device, against the model.

#include <cmath>

#include <gtest/gtest.h>

#include "crossloom/device/device_testing.h"

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

// Part 2.2 (c) of the mathematics: mean shift and spread in uS.
TEST(CmoHfoxFalcone2025, DriftIsThatOfTheTable) {
  const std::int64_t n = 200000;
  const Device device = make_device("cmo_hfox_falcone2025", {{"programming_noise_scale", 0}});
  const Cells cells = written_cells(device, n, 50e-6, 20);
  struct {
    double clock, shift, spread;
  } const table[] = {{3600, -0.73, 0.76}, {kDay, -1.01, 0.89}, {3650 * kDay, -1.74, 1.23}};
  for (const auto& row : table) {
    const Tensor change = (device.conductance(cells, row.clock) - 50e-6) * 1e6;
    EXPECT_NEAR(mean_of(change), row.shift, 0.005 + 5 * row.spread / std::sqrt(n));
    EXPECT_NEAR(std_of(change), row.spread, 0.005 + 5 * row.spread / std::sqrt(2.0 * n));
  }
}

TEST(CmoHfoxFalcone2025, WritesSpreadByTheAcceptedDistance) {
  const std::int64_t n = 100000;
  struct {
    const char* acceptance;
    double sigma;
  } const table[] = {{"0.2%", 0.00106879 * 50 + 0.00081107}, {"2%", 0.01129027 * 50 + 0.01121854}};
  for (const auto& row : table) {
    const Device device = make_device("cmo_hfox_falcone2025", {{"acceptance", row.acceptance}});
    const Cells cells = written_cells(device, n, 50e-6, 21);
    EXPECT_NEAR(std_of(device.conductance(cells, 0)) * 1e6,
                row.sigma,
                1e-5 + 5 * row.sigma / std::sqrt(2.0 * n));
  }
}

TEST(CmoHfoxFalcone2025, ReadNoiseGrowsWithConductanceAndTime) {
  const Device device("cmo_hfox_falcone2025");
  const Cells cells = written_cells(device, 1, 50e-6, 22);
  const double g = device.conductance(cells, kDay).item<double>() * 1e6;
  const double expected =
      0.02773 * std::log10(g) * std::sqrt(std::log((kDay + 1e-6) / 2e-6)) * 1e-6;
  EXPECT_NEAR(device.read_sigma(cells, kDay).item<double>(), expected, 1e-5 * expected);
}

TEST(Hfo2Milo2021, WritesSpreadLessAtHighConductance) {
  const std::int64_t n = 100000;
  for (const double g : {50e-6, 225e-6}) {
    const double sigma = 4.782e-6 - 0.009107 * g;
    const Moments moments = after_write("hfo2_milo2021", g, 0, n);
    EXPECT_NEAR(moments.sigma, sigma, 5 * sigma / std::sqrt(2.0 * n));
    EXPECT_NEAR(moments.mean, g, 5 * sigma / std::sqrt(n));
  }
}

IvLaw law_of(const std::string& name) {
  return Registry<DeviceModel>::instance().create(name)->iv_law();
}

/// Curvature b [1/V] of the sinh that has the cubic term of the odd part of the current.
double curvature_of(const IvLaw& law, double g) {
  const double v = 0.01;
  const Tensor cell = at::full({1}, g, at::kDouble);
  const auto odd = [&](double at_v) {
    const Tensor up = current(law, cell, at::full({1}, at_v, at::kDouble));
    const Tensor down = current(law, cell, at::full({1}, -at_v, at::kDouble));
    return (up - down).item<double>() / 2;
  };
  const double cubic = (odd(2 * v) - 2 * odd(v)) / (6 * v * v * v);
  const double linear = odd(v) / v - cubic * v * v;
  return std::sqrt(6 * std::max(cubic, 0.0) / linear);
}

TEST(Hfo2Milo2021, CurrentHasThePublishedOddAndEvenParts) {
  const IvLaw law = law_of("hfo2_milo2021");
  EXPECT_NEAR(curvature_of(law, 62.5e-6), 0.95, 0.005);
  EXPECT_NEAR(curvature_of(law, 76e-6), 0.58, 0.005);
  const auto ratio = [&](double g, double v) {
    return current(law, at::full({1}, g, at::kDouble), at::full({1}, v, at::kDouble))
               .item<double>() /
           (g * v);
  };
  EXPECT_NEAR(ratio(62.5e-6, 0.5), 0.85, 0.005);
  EXPECT_NEAR(ratio(94e-6, 0.5), 0.95, 0.005);
  // By polarity: the even part is as much above the odd one on one side as below on the other.
  EXPECT_NEAR(ratio(62.5e-6, 0.5) + ratio(62.5e-6, -0.5), 2 * (1 + 0.95 * 0.95 / 24), 0.005);
}

TEST(Hfo2Milo2021, RefusesVoltagesBeyondTheMeasurement) {
  const IvLaw law = law_of("hfo2_milo2021");
  EXPECT_THROW(current(law, at::full({1}, 1e-4), at::full({1}, 0.6)), ConfigError);
}

TEST(Sonos40nm, SpreadOfTheCurrentSaturatesAndGrowsOverDays) {
  const std::int64_t n = 200000;
  struct {
    double days, a, b;
  } const table[] = {{0, 19.88665, 176.3115}, {1, 25.59102, 186.85544}, {5, 34.57909, 207.34309}};
  for (const auto& row : table) {
    for (const double i : {100.0, 800.0}) {  // [nA]
      const double sigma = row.a * (1 - std::exp(-i / row.b)) * 1e-8;
      const Moments moments = after_write("sonos_40nm", i * 1e-8, row.days * kDay, n);
      EXPECT_NEAR(moments.sigma, sigma, 5 * sigma / std::sqrt(2.0 * n)) << row.days;
    }
  }
}

// The polynomials of the fit, evaluated with NumPy in double.
TEST(Sonos40nm, MeanCurrentShiftsByThePolynomial) {
  const std::int64_t n = 200000;
  struct {
    double days, i, shift;  // [nA]
  } const table[] = {{1, 400, -13.102}, {1, 800, -24.852}, {5, 400, -17.373}, {5, 1200, -52.557}};
  for (const auto& row : table) {
    const double sigma = 35;  // [nA] at most
    const Moments moments = after_write("sonos_40nm", row.i * 1e-8, row.days * kDay, n);
    EXPECT_NEAR(moments.mean * 1e8 - row.i, row.shift, 0.01 + 5 * sigma / std::sqrt(n));
  }
}

// Curvatures of part 2.2 (a), at 27 degrees Celsius.
TEST(AloxTiox, CurvatureDependsOnTheState) {
  const IvLaw law = law_of("alox_tiox");
  struct {
    double state, curvature, tolerance;
  } const table[] = {
      {3.2e-6, 6.2, 0.1}, {10e-6, 4.3, 0.1}, {100e-6, 3.5, 0.15}, {300e-6, 4.5, 0.1}};
  for (const auto& row : table) {
    const double g = -2.58e-6 + 0.977 * row.state + 1.166e-7 * 26.85;
    EXPECT_NEAR(curvature_of(law, g), row.curvature, row.tolerance) << row.state;
  }
}

TEST(AloxTiox, HeatRaisesTheSmallSignalConductance) {
  const std::unique_ptr<DeviceModel> model = Registry<DeviceModel>::instance().create("alox_tiox");
  ParamList params;
  model->describe_environment(params);
  params.assign({{"temperature", "87 degC"}});
  const Tensor g = model->iv_law()[0].strength(at::full({1}, 50e-6, at::kDouble));
  EXPECT_NEAR(g.item<double>(), 50e-6 + 1.166e-7 * 60.15, 1e-11);
}

TEST(AloxTiox, CellsKeepTheirOwnDeviationOverWrites) {
  const std::int64_t n = 100000;
  const Device device("alox_tiox");
  Rng rng(23);
  Cells cells = device.make_cells({n}, rng);
  const auto write = [&] {
    device.write(cells, all(n), at::full({n}, 20e-6), 0, rng);
    return device.conductance(cells, 0);
  };
  const Tensor first = write();
  EXPECT_TRUE(write().equal(first));
  const double state = (20e-6 + 2.58e-6 - 1.166e-7 * 26.85) / 0.977;
  const double sigma = -1.07e-6 + 0.25 * state + 2.20e-8 * 26.85 - 1300 * state * state;
  EXPECT_NEAR(std_of(first), sigma, 5 * sigma / std::sqrt(2.0 * n));
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
