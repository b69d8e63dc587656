#include <cmath>

#include <gtest/gtest.h>

#include "crossloom/device/device_testing.h"
#include "crossloom/device/models/pulse_presets.h"

namespace crossloom {
namespace {

/// `preset` without spread of any kind.
Device exact(const std::string& preset) {
  return make_device("pulsed",
                     {{"preset", preset}, {"c2c", 0}, {"write_noise", 0}, {"d2d_scale", 0}});
}

/// Conductances in [0, 1] of the range after each of `count` pulses, starting at an end.
std::vector<double> staircase(const Device& device, int count, double pulse) {
  const auto [g_min, g_max] = device.range();
  Rng rng(1);
  Cells cells = device.make_cells({1}, rng);
  cells.g_written = at::full({1}, pulse > 0 ? g_min : g_max, at::kFloat);
  std::vector<double> u;
  for (int k = 0; k < count; ++k) {
    device.pulse(cells, at::full({1}, pulse), k, rng);
    u.push_back((device.conductance(cells, k).item<double>() - g_min) / (g_max - g_min));
  }
  return u;
}

// Entries of the table "Nonlinearity-NormA" of NeuroSim.
TEST(PulsePresets, CurvatureOfALabelIsThatOfTheTable) {
  const std::pair<double, double> table[] = {
      {0.01, 126.268958}, {0.02, 63.134314}, {0.1, 12.625807}, {1.0, 1.251653}, {2.0, 0.609035}};
  for (const auto& [label, norm_a] : table) {
    EXPECT_NEAR(1 / curvature_of_label(label), norm_a, 2e-6 * norm_a) << label;
    EXPECT_NEAR(1 / curvature_of_label(-label), -norm_a, 2e-6 * norm_a) << label;
  }
  EXPECT_EQ(curvature_of_label(0), 0);
}

// G(p) = B (1 - exp(-p / A)) + g_min with A = 100 NormA(1.85) up; down by -1.79 from the top.
TEST(Pulsed, CurvesAreThoseOfNeuroSim) {
  const double pulses = 102;
  const Device device = exact("taox_tio2");
  const double a_up = pulses / curvature_of_label(1.85);
  const std::vector<double> up = staircase(device, 102, 1);
  for (int p = 1; p <= 102; ++p) {
    EXPECT_NEAR(up[p - 1], std::expm1(-p / a_up) / std::expm1(-pulses / a_up), 1e-4) << p;
  }
  EXPECT_NEAR(up.back(), 1, 1e-4);
  const double a_down = pulses / curvature_of_label(-1.79);
  const std::vector<double> down = staircase(device, 102, -1);
  for (int p = 1; p <= 102; ++p) {
    const double left = pulses - p;
    EXPECT_NEAR(down[p - 1], std::expm1(-left / a_down) / std::expm1(-pulses / a_down), 1e-4) << p;
  }
}

TEST(Pulsed, ManyPulsesAtOnceEqualOneByOne) {
  for (const std::string preset : {"ag_si", "reram_es", "ecram"}) {
    const Device device = exact(preset);
    EXPECT_NEAR(staircase(device, 12, 1).back(), staircase(device, 1, 12).back(), 1e-5) << preset;
    EXPECT_NEAR(staircase(device, 12, -1).back(), staircase(device, 1, -12).back(), 1e-5) << preset;
  }
}

// dw = s (1 - w / w_max): the distance to the bound shrinks by the same factor with each pulse.
TEST(Pulsed, SoftBoundsApproachTheBoundGeometrically) {
  const Device device = exact("reram_array_om");
  const std::vector<double> u = staircase(device, 30, 1);
  for (int n = 1; n <= 30; ++n) {
    const double w = 1 - 2 * std::pow(1 - 0.0949, n);
    EXPECT_NEAR(u[n - 1], (w + 1) / 2, 1e-5) << n;
  }
}

TEST(Pulsed, ExponentialStepsFollowTheirFormula) {
  const Device device = exact("reram_es");
  for (const double sign : {1.0, -1.0}) {
    double w = -sign;
    const std::vector<double> u = staircase(device, 50, sign);
    for (int n = 0; n < 50; ++n) {
      const double z = -0.5 * w - 0.5;
      const double a = sign > 0 ? -1.18445 : -0.081404;
      w += sign * 0.00135 * (1 + sign * 0.259359) * std::max(1 - a * std::exp(sign * 5 * z), 0.0);
      EXPECT_NEAR(u[n], (w + 1) / 2, 2e-5) << n;
    }
  }
}

TEST(Pulsed, StepsSpreadFromPulseToPulseAsGiven) {
  const std::int64_t n = 100000;
  const Device device = make_device("pulsed", {{"preset", "idealized"}, {"d2d_scale", 0}});
  const auto [g_min, g_max] = device.range();
  const double middle = (g_min + g_max) / 2;
  Rng rng(3);
  Cells cells = device.make_cells({n}, rng);
  cells.g_written = at::full({n}, middle);
  device.pulse(cells, at::full({n}, 100.0), 0, rng);
  const Tensor w = (device.conductance(cells, 0) - middle).to(at::kDouble) * 2 / (g_max - g_min);
  EXPECT_NEAR(mean_of(w), 100 * 0.0002, 1e-6 + 5 * 0.0006 / std::sqrt(n));
  const double sigma = 0.3 * 0.0002 * 10;
  EXPECT_NEAR(std_of(w), sigma, 1e-6 + 5 * sigma / std::sqrt(2.0 * n));
}

TEST(Pulsed, CellsKeepTheirOwnStep) {
  const std::int64_t n = 50000;
  const Device device = make_device(
      "pulsed", {{"preset", "gokmen_vlasov"}, {"c2c", 0}, {"g_min", "0 uS"}, {"g_max", "2 uS"}});
  Rng rng(4);
  Cells cells = device.make_cells({n}, rng);
  cells.g_written = at::full({n}, 1e-6);
  const auto move = [&](double count) {
    const Tensor before = device.conductance(cells, 0);
    device.pulse(cells, at::full({n}, count), 0, rng);
    return (device.conductance(cells, 0) - before) * 1e6;
  };
  const Tensor first = move(100);
  // Spread 0.3 of the step, cut at zero, and 0.01 of asymmetry.
  EXPECT_NEAR(std_of(first) / 0.16, 0.3, 0.01);
  // Cells whose own bound is out of reach.
  const Tensor is_free = cells.latent.at("w_max").gt(-0.2);
  const auto of_free = [&](const Tensor& x) { return x.masked_select(is_free); };
  EXPECT_TRUE(of_free(move(100)).allclose(of_free(first), 0, 2e-4));
}

// What write noise adds is seen, but the next pulse starts from what is below it.
TEST(Pulsed, WriteNoiseDoesNotAccumulate) {
  const std::int64_t n = 50000;
  const Device device =
      make_device("pulsed", {{"preset", "reram_es"}, {"c2c", 0}, {"d2d_scale", 0}});
  Rng rng(5);
  const auto [g_min, g_max] = device.range();
  Cells cells = device.make_cells({n}, rng);
  cells.g_written = at::full({n}, (g_min + g_max) / 2);
  for (int k = 0; k < 20; ++k) device.pulse(cells, at::full({n}, k % 2 == 0 ? 1.0 : -1.0), 0, rng);
  const double noise = 75 * 0.00135 * (g_max - g_min) / 2;
  EXPECT_NEAR(std_of(device.conductance(cells, 0)), noise, 5 * noise / std::sqrt(2.0 * n));
}

TEST(Pulsed, EveryPresetStaysWithinTheBoundsOfItsCells) {
  for (const PulsePreset& preset : pulse_presets()) {
    const Device device = make_device("pulsed", {{"preset", preset.name}, {"write_noise", 0}});
    const std::int64_t n = 2000;
    Rng rng(6);
    Cells cells = device.make_cells({n}, rng);
    for (const double count : {40.0, -40.0, 7.0}) {
      device.pulse(cells, at::full({n}, count), 0, rng);
      const Tensor g = device.conductance(cells, 0);
      EXPECT_TRUE(g.isfinite().all().item<bool>()) << preset.name;
      EXPECT_GE(g.min().item<double>(), 0) << preset.name;
      EXPECT_LE(g.max().item<double>(), 5 * device.range().g_max) << preset.name;
    }
  }
}

}  // namespace
}  // namespace crossloom
