// Every effect at once on one crossbar, against a plain loop over cells in double; and that the
// comparison notices when any one of them is left out.

#include <cmath>

#include <gtest/gtest.h>

#include "crossloom/crossbar/analog_product.h"

namespace crossloom {
namespace {

constexpr std::int64_t kRows = 8;
constexpr std::int64_t kOutputs = 4;
constexpr std::int64_t kSlices = 2;
constexpr std::int64_t kCols = kOutputs * kSlices * 2;
constexpr std::int64_t kReads = 3000;
constexpr double kClock = 1e4;          // [s]
constexpr double kCurvature = 5;        // [1/V] of the current law
constexpr double kRangeOfCell = 25e-6;  // [S] g_max; g_min is 0
constexpr double kIMax = 40e-6;         // [A]

/// What is switched on, as the key of a chip file or a field of the hardware.
struct Chip {
  Json device = {{"iv", "sinh"},
                 {"iv_curvature", kCurvature},
                 {"sigma_d2d", 0.1},
                 {"p_stuck_on", 0.04},
                 {"p_stuck_off", 0.04}};
  Hardware hardware;

  Chip() {
    hardware.fidelity = Fidelity::kCircuit;
    hardware.array = {kRows, kCols};
    hardware.mapping.slice_bits = {2, 2};
    hardware.lines.wires = {20, 20, 100, 50};
    hardware.dac.bits = 4;
    hardware.dac.v_read = 0.3;
    hardware.dac.range.policy = RangePolicy::kFixed;
    hardware.adc.bits = 5;
    hardware.adc.i_max = kIMax;
  }
};

Tensor inputs() {
  return Rng(31).uniform({kRows});
}

Tensor weights() {
  return Rng(32).normal({kOutputs, kRows}).clamp(-1, 1);
}

AnalogProduct programmed(Chip chip) {
  chip.hardware.device = Device("pcm_nandakumar2019");
  ParamList params;
  chip.hardware.device.describe(params);
  params.assign(chip.device);
  chip.hardware.validate();
  AnalogProduct product(chip.hardware,
                        ProductGeometry::linear(kRows, kOutputs),
                        InputSign::kNonNegative,
                        at::scalar_tensor(1, at::kDouble),
                        Rng(33));
  Rng rng(34);
  product.write(at::ones({kOutputs, kRows}, at::kBool), weights(), 0, rng);
  return product;
}

/// Reads of one vector: [reads, outputs].
Tensor reads_of(const Chip& chip) {
  AnalogProduct product = programmed(chip);
  ReadContext context;
  context.clock = kClock;
  context.rng = Rng(35);
  return product.forward(inputs().expand({kReads, kRows}).contiguous(), context).to(at::kDouble);
}

/// A cell as the laws of its paper have it (S. R. Nandakumar et al. 2019).
struct Cell {
  double g;      // S at kClock
  double sigma;  // S of a read
};

Cell aged(double g_target, double g_written, double nu_deviate, int fault) {
  if (fault != 0) return {fault > 0 ? kRangeOfCell : 0, 0};
  const double log_r = std::log(std::max(g_target / kRangeOfCell, 1e-6));
  const double mean = std::clamp(-0.0155 * log_r + 0.0244, 0.049, 0.1);
  const double spread = std::clamp(-0.0125 * log_r - 0.0059, 0.008, 0.045);
  const double nu = std::max(mean + spread * nu_deviate, 0.0);
  const double g = g_written * std::pow(1 + kClock / 20, -nu);
  const double q = std::min(0.0088 / std::pow(std::max(g / kRangeOfCell, 1e-6), 0.65), 0.2);
  return {g, g * q * std::sqrt(std::log((kClock + 250e-9) / (2 * 250e-9)))};
}

using Matrix = std::array<std::array<double, kCols>, kRows>;

/// Currents of the cells `g` at the row voltages `v`, with lines: what they lose, found again from
/// the currents until it stays.
std::array<double, kCols> solve(const Matrix& g, const std::array<double, kRows>& v) {
  const LineResistance wires = Chip().hardware.lines.wires;
  Matrix i{};
  Matrix lost{};
  for (int pass = 0; pass < 30; ++pass) {
    for (std::size_t r = 0; r < kRows; ++r) {
      for (std::size_t c = 0; c < kCols; ++c) {
        i[r][c] = g[r][c] * std::sinh(kCurvature * (v[r] - lost[r][c])) / kCurvature;
      }
    }
    for (std::size_t r = 0; r < kRows; ++r) {
      for (std::size_t c = 0; c < kCols; ++c) {
        double drop = 0;
        for (std::size_t k = 0; k < kCols; ++k) {  // cell k of the row, over the segments in common
          const auto segments = static_cast<double>(std::min(k, c) + 1);
          drop += (wires.r_driver + wires.r_row * segments) * i[r][k];
        }
        for (std::size_t k = 0; k < kRows; ++k) {
          const auto segments = static_cast<double>(kRows - std::max(k, r));
          drop += (wires.r_sense + wires.r_col * segments) * i[k][c];
        }
        lost[r][c] = drop;
      }
    }
  }
  std::array<double, kCols> sums{};
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t c = 0; c < kCols; ++c) sums[c] += i[r][c];
  }
  return sums;
}

/// The cells of `product` as they lie in the crossbar; checks what the write left in them.
std::array<std::array<Cell, kCols>, kRows> cells_of(const AnalogProduct& product) {
  const Cells cells = product.cells();
  const auto value =
      [](const Tensor& x, std::int64_t s, std::int64_t p, std::int64_t o, std::int64_t r) {
        return x[s][p][o][r].item<double>();
      };
  std::array<std::array<Cell, kCols>, kRows> array{};
  double sum = 0;
  double squares = 0;
  int written = 0;
  for (std::int64_t o = 0; o < kOutputs; ++o) {
    for (std::int64_t r = 0; r < kRows; ++r) {
      const double w = weights()[o][r].item<double>();
      const auto code = static_cast<int>(std::nearbyint(std::fabs(w) * 15));
      for (std::int64_t s = 0; s < kSlices; ++s) {
        const int digit = s == 0 ? code / 4 : code % 4;
        for (std::int64_t p = 0; p < 2; ++p) {
          const bool carries = (w > 0) == (p == 0);
          const double target = carries ? digit / 3.0 * kRangeOfCell : 0;
          const double g_written = value(cells.g_written, s, p, o, r);
          array[static_cast<std::size_t>(r)][static_cast<std::size_t>((o * kSlices + s) * 2 + p)] =
              aged(target,
                   g_written,
                   value(cells.latent.at("drift_nu"), s, p, o, r),
                   static_cast<int>(value(cells.fault, s, p, o, r)));
          if (target == 0) continue;
          const double reachable = std::min(target, value(cells.window, s, p, o, r) * kRangeOfCell);
          const double u = reachable / kRangeOfCell;
          const double z =
              (g_written - reachable) / (1e-6 * (0.26348 + 1.965 * u - 1.1731 * u * u));
          sum += z;
          squares += z * z;
          ++written;
        }
      }
    }
  }
  EXPECT_GT(written, 40);
  EXPECT_NEAR(sum / written, 0, 5 / std::sqrt(written));
  EXPECT_NEAR(squares / written, 1, 5 * std::sqrt(2.0 / written));
  EXPECT_NEAR(cells.window.to(at::kDouble).std().item<double>(), 0.1, 5 * 0.1 / std::sqrt(256.0));
  EXPECT_GT(cells.fault.eq(1).sum().item<int>(), 0);
  EXPECT_GT(cells.fault.eq(-1).sum().item<int>(), 0);
  return array;
}

/// The same reads, cell by cell: [reads, outputs].
Tensor reads_by_cells() {
  const auto cells = cells_of(programmed(Chip()));
  std::array<double, kRows> v{};
  for (std::size_t r = 0; r < kRows; ++r) {
    const double x = inputs()[static_cast<std::int64_t>(r)].item<double>();
    v[r] = 0.3 * std::nearbyint(x * 15) / 15;
  }
  const Tensor noise = Rng(36).normal({kReads, kRows, kCols}).to(at::kDouble);
  const auto deviate = noise.accessor<double, 3>();
  Tensor y = at::zeros({kReads, kOutputs}, at::kDouble);
  auto out = y.accessor<double, 2>();
  for (std::int64_t k = 0; k < kReads; ++k) {
    Matrix g{};
    for (std::size_t r = 0; r < kRows; ++r) {
      for (std::size_t c = 0; c < kCols; ++c) {
        g[r][c] = cells[r][c].g +
                  cells[r][c].sigma *
                      deviate[k][static_cast<std::int64_t>(r)][static_cast<std::int64_t>(c)];
      }
    }
    const std::array<double, kCols> currents = solve(g, v);
    for (std::size_t c = 0; c < kCols; ++c) {
      const double lsb = kIMax / 31;
      const double i = lsb * std::clamp(std::nearbyint(currents[c] / lsb), 0.0, 31.0);
      const double share = c / 2 % 2 == 0 ? 12.0 / 15 : 3.0 / 15;
      out[k][static_cast<std::int64_t>(c / 4)] +=
          (c % 2 == 0 ? 1 : -1) * share * i / (0.3 * kRangeOfCell);
    }
  }
  return y;
}

/// Distance of two samples of one number each, in standard errors.
double distance(const Tensor& a, const Tensor& b) {
  const double variance =
      (a.var() / static_cast<double>(a.numel()) + b.var() / static_cast<double>(b.numel()))
          .item<double>();
  return std::fabs((a.mean() - b.mean()).item<double>()) / std::sqrt(variance + 1e-30);
}

/// The largest distance of means and of variances over the outputs.
struct Distances {
  double mean = 0;
  double variance = 0;
};

Distances distances(const Tensor& y, const Tensor& expected) {
  Distances found;
  for (std::int64_t o = 0; o < kOutputs; ++o) {
    const Tensor a = y.select(1, o);
    const Tensor b = expected.select(1, o);
    found.mean = std::max(found.mean, distance(a, b));
    found.variance =
        std::max(found.variance, distance((a - a.mean()).square(), (b - b.mean()).square()));
  }
  return found;
}

TEST(AllEffects, AtOnceAreThoseOfALoopOverCells) {
  const Tensor expected = reads_by_cells();
  const Distances full = distances(reads_of(Chip()), expected);
  EXPECT_LT(full.mean, 5);
  EXPECT_LT(full.variance, 5);

  using Change = void (*)(Chip&);
  const std::vector<std::pair<std::string, Change>> without = {
      {"read noise", [](Chip& s) { s.device["read_noise_scale"] = 0; }},
      {"programming noise", [](Chip& s) { s.device["programming_noise_scale"] = 0; }},
      {"cells stuck on", [](Chip& s) { s.device["p_stuck_on"] = 0; }},
      {"cells stuck off", [](Chip& s) { s.device["p_stuck_off"] = 0; }},
      {"device-to-device variation", [](Chip& s) { s.device["sigma_d2d"] = 0; }},
      {"drift", [](Chip& s) { s.device["drift_scale"] = 0; }},
      {"current law", [](Chip& s) { s.device["iv"] = "linear"; }},
      {"line resistance", [](Chip& s) { s.hardware.lines.wires = {}; }},
      {"slices", [](Chip& s) { s.hardware.mapping.slice_bits = {}; }},
      {"DAC", [](Chip& s) { s.hardware.dac.bits = 0; }},
      {"ADC", [](Chip& s) { s.hardware.adc.bits = 0; }}};
  for (const auto& [name, change] : without) {
    Chip chip;
    change(chip);
    const Distances found = distances(reads_of(chip), expected);
    EXPECT_GT(std::max(found.mean, found.variance), 8) << "nobody misses the " << name;
    // Noise moves means too, by what the converters round; what it is noticed by is the variance.
    if (name == "read noise") {
      EXPECT_GT(found.variance, 8);
    }
  }
}

}  // namespace
}  // namespace crossloom
