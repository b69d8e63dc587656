#include "crossloom/device/telegraph_fit.h"

#include <cmath>

#include "crossloom/core/errors.h"
#include "crossloom/data/data_testing.h"
#include "crossloom/device/device_testing.h"

namespace crossloom {
namespace {

constexpr double kInterval = 0.01;  // [s]

/// Reads [n] of one cell with the telegraph noise of a device: 3 uS, 0.1 s low and 0.05 s high on
/// average, and white noise of 0.4 uS.
std::vector<double> synthetic(std::int64_t n, std::uint64_t seed) {
  const Device device =
      make_device("ideal", {{"rtn_amplitude", "3 uS"}, {"rtn_rate_up", 10}, {"rtn_rate_down", 20}});
  const Cells cells = written_cells(device, 1, 50e-6, seed);
  Rng rng(seed);
  const std::vector<double> noise = to_vector(0.4e-6 * rng.normal({n}));
  std::vector<double> g;
  for (std::int64_t k = 0; k < n; ++k) {
    g.push_back(device.conductance(cells, static_cast<double>(k) * kInterval).item<double>() +
                noise[static_cast<std::size_t>(k)]);
  }
  return g;
}

TEST(TwoLevels, AreFoundInNoise) {
  const TwoLevels fit = fit_two_levels(synthetic(20000, 1));
  // 200 s hold about 1333 stays at each level: 5 standard errors of their mean are 14 %.
  const double rate = -std::log(1 - fit.up - fit.down) / kInterval;
  EXPECT_NEAR(rate * fit.up / (fit.up + fit.down), 10, 1.4);
  EXPECT_NEAR(rate * fit.down / (fit.up + fit.down), 20, 2.8);
  EXPECT_NEAR(fit.high - fit.low, 3e-6, 5 * 0.4e-6 * std::sqrt(3 / 20000.0 * 4.5));
  EXPECT_NEAR(fit.sigma, 0.4e-6, 5 * 0.4e-6 / std::sqrt(2 * 20000.0));
}

TEST(TelegraphFit, FindsTheTrapOfADeviceAndPredictsItsAllanDeviation) {
  const NoiseReadings readings = {kInterval, {"a"}, {synthetic(40000, 2)}};
  const CellNoise cell = fit_noise(readings).front();
  ASSERT_TRUE(cell.has_trap);
  EXPECT_EQ(cell.fitted.num_windows, 10);
  EXPECT_NEAR(cell.fitted.amplitude, 3e-6, 5 * cell.fitted.amplitude_error);
  EXPECT_NEAR(cell.fitted.time_low, 0.1, 5 * cell.fitted.time_low_error);
  EXPECT_NEAR(cell.fitted.time_high, 0.05, 5 * cell.fitted.time_high_error);
  EXPECT_LT(cell.fitted.time_low_error, 0.01);
  EXPECT_NEAR(cell.unseen.amplitude, cell.fitted.amplitude, 5 * cell.unseen.amplitude_error);
  EXPECT_NEAR(cell.read_noise, 0.4e-6, 0.02e-6);
  for (const std::int64_t count : {1, 10, 100}) {
    const double law = allan_deviation(cell.read_noise, cell.fitted, kInterval, count);
    const double means = 40000.0 / static_cast<double>(count);
    EXPECT_NEAR(allan_deviation(readings.g[0], count), law, (5 / std::sqrt(means) + 0.02) * law);
  }
}

TEST(TelegraphFit, WhiteNoiseHasNoTrap) {
  Rng rng(3);
  const std::vector<double> g = to_vector(50e-6 + 1e-6 * rng.normal({20000}));
  const CellNoise cell = fit_noise({kInterval, {"a"}, {g}}).front();
  EXPECT_FALSE(cell.has_trap);
  EXPECT_NEAR(cell.read_noise, 1e-6, 0.03e-6);
  EXPECT_NEAR(allan_deviation(g, 16), 0.25e-6, 0.25e-6 * 5 / std::sqrt(1250.0));
}

// The shipped recording: five cells, 400 reads a second for 250 s. Every other window of 5 s is
// fitted, those between are what the fit has not seen.
TEST(TelegraphFit, HoldsInTheUnseenHalfOfAMeasuredRecording) {
  const auto path = find_data("memristor/rram_timeseries_techA_400Hz.csv.gz");
  CROSSLOOM_NEEDS_DATA(path);
  const Measurements table = read_measurements(path);
  ASSERT_TRUE(has_noise(table));
  int num_traps = 0;
  for (const CellNoise& cell : fit_noise(noise_readings(table))) {
    EXPECT_GT(cell.read_noise, 0.1e-6) << cell.name;
    EXPECT_LT(cell.read_noise, 1e-6) << cell.name;
    if (!cell.has_trap) continue;
    ++num_traps;
    const auto agrees = [&](double fitted, double error, double unseen, double unseen_error) {
      EXPECT_NEAR(fitted, unseen, 3 * std::hypot(error, unseen_error)) << cell.name;
    };
    const TelegraphFigures& a = cell.fitted;
    const TelegraphFigures& b = cell.unseen;
    agrees(a.amplitude, a.amplitude_error, b.amplitude, b.amplitude_error);
    agrees(a.time_low, a.time_low_error, b.time_low, b.time_low_error);
    agrees(a.time_high, a.time_high_error, b.time_high, b.time_high_error);
    if (cell.name != "level8") continue;
    EXPECT_NEAR(a.amplitude, 2.87e-6, 0.05e-6);
    EXPECT_NEAR(a.amplitude / b.amplitude, 1, 0.05);
    EXPECT_NEAR(a.time_low / b.time_low, 1, 0.1);
    EXPECT_NEAR(a.time_high / b.time_high, 1, 0.1);
  }
  EXPECT_EQ(num_traps, 2);
}

TEST(NoiseReadings, AreRefusedUnlessEvenlySpacedAndMany) {
  std::string csv = "t_s,g_uS_a\n";
  for (int k = 0; k < 3000; ++k) csv += std::to_string(k) + "," + std::to_string(k % 7) + "\n";
  const Measurements table(csv, "x.csv");
  ASSERT_TRUE(has_noise(table));
  EXPECT_DOUBLE_EQ(noise_readings(table).interval, 1);
  const Measurements gap(csv + "3002,1\n", "x.csv");
  EXPECT_NE(message_of<ConfigError>([&] { noise_readings(gap); }).find("apart, as most are"),
            std::string::npos);
  const Measurements few("t_s,g_uS_a\n0,1\n1,2\n", "x.csv");
  EXPECT_NE(message_of<ConfigError>([&] { noise_readings(few); }).find("2 reads"),
            std::string::npos);
}

}  // namespace
}  // namespace crossloom
