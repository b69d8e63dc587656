#include "crossloom/circuit/nonlinear_cells.h"

#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "crossloom/core/random.h"

namespace crossloom {
namespace {

constexpr LineResistance kLines{4, 1.5, 60, 20};

Tensor cells(std::int64_t num_rows, std::int64_t num_cols) {
  Rng rng(3);
  const Tensor g = 100e-6 * rng.uniform({num_rows, num_cols}).to(at::kDouble);
  return g * (rng.uniform({num_rows, num_cols}) > 0.1);
}

Tensor inputs(std::int64_t batch, std::int64_t num_rows, double v_max) {
  return v_max * (2 * Rng(4).uniform({batch, num_rows}).to(at::kDouble) - 1);
}

/// The plain way: a dense Newton step for d + W i(d) = v, W column by column from `line_drop`.
Tensor solved_densely(const Tensor& g, double a, const Tensor& v, const LineResistance& lines) {
  const std::int64_t n = g.numel();
  Tensor w = at::empty({n, n}, at::kDouble);
  for (std::int64_t k = 0; k < n; ++k) {
    Tensor unit = at::zeros({n}, at::kDouble);
    unit[k] = 1;
    w.select(1, k).copy_(line_drop(unit.view(g.sizes()), lines).flatten());
  }
  Tensor i = at::empty({v.size(0), g.size(1)}, at::kDouble);
  for (std::int64_t b = 0; b < v.size(0); ++b) {
    const Tensor applied = v[b].unsqueeze(1).expand(g.sizes()).flatten();
    Tensor d = applied.clone();
    for (int step = 0; step < 60; ++step) {
      const Tensor current = g.flatten() * (a * d).sinh() / a;
      const Tensor slope = g.flatten() * (a * d).cosh();
      const Tensor jacobian = at::eye(n, at::kDouble) + w * slope;
      d = d - at::linalg_solve(jacobian, d + w.mv(current) - applied);
    }
    i[b] = (g.flatten() * (a * d).sinh() / a).view(g.sizes()).sum(0);
  }
  return i;
}

double error_of(const Tensor& i, const Tensor& reference) {
  return ((i - reference).abs().max() / reference.abs().max()).item<double>();
}

TEST(NonlinearCells, AgreeWithADenseSolution) {
  for (const auto& [rows, cols] : {std::pair{1, 1}, {1, 9}, {9, 1}, {13, 10}, {8, 17}}) {
    const Tensor g = cells(rows, cols);
    const Tensor v = inputs(3, rows, 0.8);
    for (const double a : {0.5, 3.0, 8.0}) {
      const Tensor i = solve_nonlinear(g, sinh_law(a), v, kLines).i;
      EXPECT_LT(error_of(i, solved_densely(g, a, v, kLines)), 1e-11) << g.sizes() << " a = " << a;
    }
  }
}

TEST(NonlinearCells, OfOneCellObeyItsClosedForm) {
  const double a = 5;
  const double g = 1e-4;
  const double r = kLines.r_row + kLines.r_col + kLines.r_driver + kLines.r_sense;
  const Tensor i =
      solve_nonlinear(at::full({1, 1}, g, at::kDouble), sinh_law(a), at::full({1, 1}, 1.0), kLines)
          .i;
  const double d = 1 - r * i.item<double>();  // what the lines leave of 1 V
  EXPECT_NEAR(i.item<double>(), g * std::sinh(a * d) / a, 1e-12 * i.item<double>());
}

TEST(NonlinearCells, WithoutLineResistanceAreASeparableProduct) {
  const Tensor g = cells(30, 20);
  const Tensor v = inputs(5, 30, 0.5);
  const NonlinearSolution solution = solve_nonlinear(g, sinh_law(6), v, {});
  EXPECT_LT(error_of(solution.i, at::matmul((6 * v).sinh() / 6, g)), 1e-14);
  EXPECT_EQ(solution.residuals.size(), 1U);
}

TEST(NonlinearCells, WithoutCurvatureAreTheEffectiveMatrix) {
  for (const auto& [rows, cols] : {std::pair{100, 70}, {31, 130}}) {
    for (const LineResistance& lines : {kLines, LineResistance{0, 3, 0, 0}, {100, 0, 0, 1e4}}) {
      const Tensor g = cells(rows, cols);
      const Tensor v = inputs(3, rows, 0.3);
      const Tensor expected = at::matmul(v, effective_conductance(g, lines));
      EXPECT_LT(error_of(solve_nonlinear(g, sinh_law(0), v, lines).i, expected), 1e-11);
      EXPECT_LT(error_of(solve_nonlinear(g, sinh_law(1e-5), v, lines).i, expected), 1e-9);
    }
  }
}

TEST(NonlinearCells, AreOddInTheInputs) {
  const Tensor g = cells(12, 12);
  const Tensor v = inputs(2, 12, 0.6);
  const Tensor i = solve_nonlinear(g, sinh_law(4), v, kLines).i;
  EXPECT_LT(error_of(solve_nonlinear(g, sinh_law(4), -v, kLines).i, -i), 1e-12);
}

/// i = g v + 40 g^1.5 v^2 + 3 g v^3: three terms, not odd, curved by the state of the cell.
IvLaw skew_law() {
  return {{[](const Tensor& v) { return v.clone(); },
           [](const Tensor& v) { return at::ones_like(v); },
           [](const Tensor& g) { return g.clone(); }},
          {[](const Tensor& v) { return v * v; },
           [](const Tensor& v) { return 2 * v; },
           [](const Tensor& g) { return 40 * g.pow(1.5); }},
          {[](const Tensor& v) { return v * v * v; },
           [](const Tensor& v) { return 3 * v * v; },
           [](const Tensor& g) { return 3 * g; }}};
}

TEST(NonlinearCells, OfSeveralTermsObeyKirchhoffsLaws) {
  const Tensor g = cells(1, 1).clamp_min(5e-5);
  const LineResistance lines{300, 100, 2000, 700};
  for (const double v : {-0.8, 0.8}) {
    const double i =
        solve_nonlinear(g, skew_law(), at::full({1, 1}, v, at::kDouble), lines).i.item<double>();
    const Tensor d = at::full({1, 1}, v - 3100 * i, at::kDouble);
    EXPECT_NEAR(current(skew_law(), g, d).item<double>(), i, 1e-11 * std::abs(i));
  }
  const Tensor many = cells(20, 15);
  const Tensor v = inputs(4, 20, 0.4);
  Tensor expected = at::zeros({4, 15}, at::kDouble);
  for (const IvTerm& term : skew_law()) {
    expected += at::matmul(term.shape(v), term.strength(many));
  }
  EXPECT_LT(error_of(solve_nonlinear(many, skew_law(), v, {}).i, expected), 1e-14);
}

TEST(NonlinearCells, WhoseCurrentFallsAreRefused) {
  IvLaw falling = linear_law();
  falling.push_back({[](const Tensor& v) { return v * v * v; },
                     [](const Tensor& v) { return 3 * v * v; },
                     [](const Tensor& g) { return -5 * g; }});
  EXPECT_THROW(solve_nonlinear(cells(4, 3), falling, at::ones({1, 4}), kLines), ConfigError);
}

TEST(NonlinearCells, ConvergeQuadratically) {
  const NonlinearSolution solution =
      solve_nonlinear(cells(40, 40), sinh_law(5), inputs(1, 40, 0.8), kLines);
  const std::vector<double>& residual = solution.residuals;
  ASSERT_GE(residual.size(), 4U);
  EXPECT_LE(residual.size(), 9U);
  for (std::size_t k = 1; k + 1 < residual.size(); ++k) {
    if (residual[k] > 0.01) continue;
    // Squared up to a constant; the last one may end at the rounding of the voltages.
    EXPECT_LT(residual[k + 1], 30 * residual[k] * residual[k] + 1e-14) << k;
  }
}

TEST(NonlinearCells, AreFoundWhereTheLinesTakeNearlyEverything) {
  const Tensor g = 1e-3 * at::ones({16, 16}, at::kDouble);
  for (const LineResistance& lines : {LineResistance{1000, 1000, 1000, 1000}, {0, 0, 1e6, 0}}) {
    const Tensor v = inputs(2, 16, 5);
    const NonlinearSolution solution = solve_nonlinear(g, sinh_law(20), v, lines);
    EXPECT_TRUE(solution.i.isfinite().all().item<bool>());
    EXPECT_LE(solution.residuals.back(), 1e-12 * 5);
  }
}

TEST(NonlinearCells, SilentInputsGiveNoCurrent) {
  EXPECT_EQ(solve_nonlinear(cells(4, 3), sinh_law(2), at::zeros({2, 4}), kLines)
                .i.abs()
                .max()
                .item<double>(),
            0);
  EXPECT_EQ(solve_nonlinear(cells(4, 3), sinh_law(2), at::zeros({0, 4}), kLines).i.size(0), 0);
}

TEST(NonlinearCells, TooFewStepsAreAClearError) {
  try {
    solve_nonlinear(cells(20, 20), sinh_law(8), inputs(1, 20, 1), kLines, {1e-12, 1});
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_EQ(std::string(error.what()).find("Newton's method did not find"), 0) << error.what();
  }
}

TEST(NonlinearCells, ImpossibleValuesAreRefused) {
  const Tensor g = cells(4, 3);
  const Tensor v = inputs(1, 4, 1);
  EXPECT_THROW(solve_nonlinear(g, sinh_law(1e4), v, kLines), ConfigError);
  EXPECT_THROW(solve_nonlinear(-g, sinh_law(1), v, kLines), ConfigError);
  EXPECT_THROW(solve_nonlinear(g, sinh_law(1), at::ones({1, 3}), kLines), ConfigError);
  EXPECT_THROW(solve_nonlinear(g, sinh_law(1), v * std::nan(""), kLines), ConfigError);
  EXPECT_THROW(solve_nonlinear(g, sinh_law(1), v, {-1, 0, 0, 0}), ConfigError);
}

}  // namespace
}  // namespace crossloom
