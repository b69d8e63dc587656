#include "crossloom/circuit/line_resistance.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "crossloom/core/random.h"

namespace crossloom {
namespace {

/// Conductances over the decades 1 nS ... 1 mS, a tenth of them absent.
Tensor decades(std::int64_t num_rows, std::int64_t num_cols, std::uint64_t seed) {
  Rng rng(seed);
  const Tensor g = at::pow(10, -9 + 6 * rng.uniform({num_rows, num_cols}).to(at::kDouble));
  return g * (rng.uniform({num_rows, num_cols}) > 0.1);
}

/// Dense elimination in long double for the cell voltages d of every row driven alone, from
/// d + W g d = 1 in the driven row, W written out cell by cell.
Tensor solved_densely(const Tensor& g, const LineResistance& lines) {
  const std::int64_t num_rows = g.size(0);
  const std::int64_t num_cols = g.size(1);
  const std::int64_t n = num_rows * num_cols;
  const std::int64_t width = n + num_rows;
  std::vector<long double> m(static_cast<std::size_t>(n * width));
  const auto cells = g.accessor<double, 2>();
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t r = i / num_cols;
    const std::int64_t c = i % num_cols;
    for (std::int64_t k = 0; k < n; ++k) {
      long double shared = 0;  // [ohm] what the paths of the two cells have in common
      if (k / num_cols == r) {
        shared += static_cast<long double>(lines.r_driver) +
                  static_cast<long double>(lines.r_row) * (1 + std::min(c, k % num_cols));
      }
      if (k % num_cols == c) {
        shared += static_cast<long double>(lines.r_sense) +
                  static_cast<long double>(lines.r_col) * (num_rows - std::max(r, k / num_cols));
      }
      m[i * width + k] = shared * cells[k / num_cols][k % num_cols] + (i == k ? 1 : 0);
    }
    m[i * width + n + r] = 1;
  }
  for (std::int64_t p = 0; p < n; ++p) {
    std::int64_t best = p;
    for (std::int64_t i = p + 1; i < n; ++i) {
      if (std::abs(m[i * width + p]) > std::abs(m[best * width + p])) best = i;
    }
    for (std::int64_t k = p; k < width; ++k) std::swap(m[p * width + k], m[best * width + k]);
    for (std::int64_t i = 0; i < n; ++i) {
      const long double factor = i == p ? 0 : m[i * width + p] / m[p * width + p];
      if (factor == 0) continue;
      for (std::int64_t k = p; k < width; ++k) m[i * width + k] -= factor * m[p * width + k];
    }
  }
  Tensor effective = at::zeros({num_rows, num_cols}, at::kDouble);
  auto out = effective.accessor<double, 2>();
  for (std::int64_t driven = 0; driven < num_rows; ++driven) {
    for (std::int64_t c = 0; c < num_cols; ++c) {
      long double i_col = 0;
      for (std::int64_t r = 0; r < num_rows; ++r) {
        const std::int64_t p = r * num_cols + c;
        i_col += cells[r][c] * m[p * width + n + driven] / m[p * width + p];
      }
      out[driven][c] = static_cast<double>(i_col);
    }
  }
  return effective;
}

/// Of an entry, relative to that entry of the reference.
double largest_relative_error(const Tensor& m, const Tensor& reference) {
  return ((m - reference).abs() / reference.abs().clamp_min(1e-300)).max().item<double>();
}

const std::vector<LineResistance> kManyLines = {{1, 1, 0, 0},
                                                {2.5, 0.3, 50, 10},
                                                {0, 1, 0, 0},
                                                {1, 0, 0, 0},
                                                {0, 0, 100, 0},
                                                {0, 0, 0, 100},
                                                {0, 7, 1000, 0},
                                                {3, 0, 0, 1000},
                                                {1e-9, 1e-6, 0, 1e-3},
                                                {1000, 1000, 1000, 1000},
                                                {1000, 1e-3, 0, 0},
                                                {1e-3, 1000, 1, 0}};

/// Arrays of odd shapes, over decades and over one decade.
std::vector<Tensor> arrays() {
  std::vector<Tensor> list;
  for (const auto& [rows, cols] :
       {std::pair{1, 1}, {5, 4}, {1, 40}, {40, 1}, {3, 17}, {9, 20}, {13, 12}}) {
    list.push_back(decades(rows, cols, 3));
    list.push_back(10e-6 + 90e-6 * Rng(4).uniform({rows, cols}).to(at::kDouble));
  }
  return list;
}

/// What `body` throws as a `ConfigError`.
template <class Body>
std::string message_of(const Body& body) {
  try {
    body();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(LineResistance, EffectiveMatrixIsThatOfADenseSolution) {
  for (const Tensor& g : arrays()) {
    for (const LineResistance& lines : kManyLines) {
      const Tensor reference = solved_densely(g, lines);
      const Tensor m = effective_conductance(g, lines);
      EXPECT_LT(largest_relative_error(m, reference), 1e-12) << g.sizes() << " " << lines.r_row;
      EXPECT_LT(largest_relative_error(m.sum(0), reference.sum(0)), 1e-13) << g.sizes();
      EXPECT_LT(largest_relative_error(effective_conductance_by_cells(g, lines), reference), 1e-12);
    }
  }
}

TEST(LineResistance, LosesNoDigitsWhereTheLinesTakeNearlyEverything) {
  const LineResistance lines{1000, 700, 100, 30};
  for (const double factor : {1e3, 1e6, 1e9, 1e12, 1e20}) {
    const Tensor g = factor * decades(9, 12, 3);
    EXPECT_LT(largest_relative_error(effective_conductance(g, lines), solved_densely(g, lines)),
              1e-13)
        << factor;
  }
}

TEST(LineResistance, JoinedBlocksAreTheArrayBuiltCellByCell) {
  for (const auto& [rows, cols] : {std::pair{40, 24}, {8, 70}, {63, 3}, {25, 41}}) {
    const Tensor g = decades(rows, cols, 5);
    const LineResistance lines{2, 0.7, 30, 4};
    const Tensor slow = effective_conductance_by_cells(g, lines);
    EXPECT_LT(largest_relative_error(effective_conductance(g, lines), slow), 1e-12) << g.sizes();
  }
}

TEST(LineResistance, OneCellIsInSeriesWithEverythingOnItsPath) {
  const Tensor g = at::full({1, 1}, 1e-3, at::kDouble);
  const double expected = 1 / (1e3 + 3 + 5 + 70 + 11);
  EXPECT_NEAR(effective_conductance(g, {3, 5, 70, 11}).item<double>(), expected, 1e-15 * expected);
}

TEST(LineResistance, OneRowIsALadder) {
  constexpr int kCells = 37;
  const LineResistance lines{2, 3, 50, 7};
  const Tensor g = decades(1, kCells, 8);
  std::vector<double> branch(kCells);  // [S] a cell with the column below it
  std::vector<double> load(kCells);    // [S] of the ladder from this cell's node to the right
  for (int c = kCells - 1; c >= 0; --c) {
    const double cell = g[0][c].item<double>();
    branch[c] = cell / (1 + cell * (lines.r_col + lines.r_sense));
    load[c] = branch[c] + (c + 1 < kCells ? load[c + 1] / (1 + load[c + 1] * lines.r_row) : 0);
  }
  const Tensor m = effective_conductance(g, lines);
  double v = 1;
  for (int c = 0; c < kCells; ++c) {
    v /= 1 + load[c] * (lines.r_row + (c == 0 ? lines.r_driver : 0));
    EXPECT_NEAR(m[0][c].item<double>(), branch[c] * v, 1e-13 * branch[c] * v) << c;
  }
}

TEST(LineResistance, DriversAloneShareTheVoltageOfEachRow) {
  const Tensor g = decades(20, 30, 9);
  const Tensor expected = g / (1 + 400 * g.sum(1, true));
  EXPECT_LT(largest_relative_error(effective_conductance(g, {0, 0, 400, 0}), expected), 1e-13);
}

TEST(LineResistance, OfZeroChangesNothingBitForBit) {
  for (const Tensor& g : arrays()) {
    EXPECT_TRUE(effective_conductance(g, {}).equal(g));
    EXPECT_TRUE(effective_conductance_by_cells(g, {}).equal(g));
    EXPECT_TRUE(approximate_conductance(g, {}).g.equal(g));
    EXPECT_EQ(approximate_conductance(g, {}).bound, 0);
  }
}

TEST(LineResistance, FadesContinuouslyToTheIdealWire) {
  const Tensor g = decades(33, 21, 4);
  for (const double r : {1e-6, 1e-9, 1e-12, 1e-15, 1e-300}) {
    const Tensor m = effective_conductance(g, {r, r, r, r});
    const double lost = 1e-3 * r * 33 * 33;  // [1] at most, over the whole array
    EXPECT_LT((m - g).abs().max().item<double>(), 1e-3 * lost + 1e-18) << r;
  }
}

TEST(LineResistance, SeenFromTheColumnsIsTheSameArray) {
  const Tensor g = decades(23, 14, 6);
  const Tensor m = effective_conductance(g, {1, 4, 20, 3});
  const Tensor turned = effective_conductance(g.t().flip({0, 1}), {4, 1, 3, 20});
  EXPECT_LT(largest_relative_error(turned.flip({0, 1}).t(), m), 1e-12);
}

TEST(LineResistance, CurrentOfEqualInputsFallsWithEveryResistance) {
  const Tensor g = decades(18, 27, 7);
  const LineResistance lines{2, 2, 2, 2};
  const double total = effective_conductance(g, lines).sum().item<double>();
  EXPECT_LT(total, g.sum().item<double>());
  for (const LineResistance& more :
       {LineResistance{3, 2, 2, 2}, {2, 3, 2, 2}, {2, 2, 3, 2}, {2, 2, 2, 3}}) {
    EXPECT_LT(effective_conductance(g, more).sum().item<double>(), total);
  }
  EXPECT_LT(effective_conductance(g * 0.99, lines).sum().item<double>(), total);
}

TEST(LineResistance, NoCurrentFlowsWithoutCells) {
  EXPECT_EQ(effective_conductance(at::zeros({12, 5}), {1, 1, 0, 0}).abs().max().item<double>(), 0);
}

TEST(LineResistance, ApproximationStaysWithinItsBound) {
  int known = 0;
  for (const Tensor& g : arrays()) {
    for (const LineResistance& lines : kManyLines) {
      const ApproximateConductance approximate = approximate_conductance(g, lines);
      if (!std::isfinite(approximate.bound)) continue;
      ++known;
      const Tensor error = (approximate.g - solved_densely(g, lines)).abs().sum(0);
      EXPECT_TRUE((error <= (approximate.bound + 1e-14) * g.sum(0)).all().item<bool>())
          << g.sizes();
    }
  }
  EXPECT_GT(known, 80);
}

TEST(LineResistance, ApproximationHasNoBoundWhenLinesCanTakeTheWholeVoltage) {
  const Tensor g = at::full({8, 8}, 1e-3, at::kDouble);
  EXPECT_TRUE(std::isinf(approximate_conductance(g, {100, 100, 0, 0}).bound));
}

TEST(LineResistance, DropIsLinearInTheResistances) {
  const Tensor x = decades(7, 9, 1);
  Tensor sum = line_drop(x, {2, 0, 0, 0}) + line_drop(x, {0, 3, 0, 0});
  sum = sum + line_drop(x, {0, 0, 5, 0}) + line_drop(x, {0, 0, 0, 7});
  EXPECT_LT(largest_relative_error(line_drop(x, {2, 3, 5, 7}), sum), 1e-14);
}

TEST(LineResistance, ImpossibleConductancesAreNamed) {
  const double nan = std::nan("");
  const double infinity = std::numeric_limits<double>::infinity();
  for (const auto& [value, text] : {std::pair{-1e-6, "-1e-06"}, {nan, "nan"}, {infinity, "inf"}}) {
    Tensor g = at::ones({3, 4});
    g[1][2] = value;
    const std::string message = message_of([&g = g] { effective_conductance(g, {1, 1, 0, 0}); });
    EXPECT_NE(message.find(std::string("row 1, column 2 = ") + text), std::string::npos) << message;
    EXPECT_EQ(message, message_of([&g = g] { effective_conductance(g, {}); }));
    EXPECT_EQ(message, message_of([&g = g] { approximate_conductance(g, {}); }));
  }
}

TEST(LineResistance, ShapesThatAreNoArrayAreNamed) {
  for (const Tensor& g : {at::ones({4}),
                          at::ones({0, 4}),
                          at::ones({4, 0}),
                          at::ones({2, 2, 2}),
                          at::ones({2, 2}, at::kBool)}) {
    const std::string message = message_of([&g = g] { effective_conductance(g, {1, 1, 0, 0}); });
    EXPECT_EQ(message.find("conductances of shape ["), 0) << message;
  }
}

TEST(LineResistance, EquationsThatOverflowAreAClearError) {
  const Tensor g = at::full({20, 20}, 1e200, at::kDouble);
  const std::string message = message_of([&] { effective_conductance(g, {1e200, 0, 0, 0}); });
  EXPECT_EQ(
      message,
      "conductances of up to 1e+200 S with line resistances of 1e+200 Ohm (the nodal equations "
      "overflow); give physical values in S and Ohm");
}

TEST(LineResistance, ImpossibleResistancesAreNamed) {
  const Tensor g = at::ones({2, 2});
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(
      message_of([&] {
        effective_conductance(g, {-1, 0, 0, 0});
      }),
      "r_row = -1 Ohm (a line resistance is finite and not negative); give 0 for an ideal wire "
      "or a positive resistance");
  EXPECT_EQ(message_of([&] {
              effective_conductance(g, {0, infinity, 0, 0});
            }).find("r_col = inf"),
            0);
  EXPECT_EQ(message_of([&] {
              effective_conductance(g, {0, 0, std::nan(""), 0});
            }).find("r_driver = nan"),
            0);
  EXPECT_EQ(message_of([&] { approximate_conductance(g, {0, 0, 0, -2}); }).find("r_sense = -2"), 0);
}

}  // namespace
}  // namespace crossloom
