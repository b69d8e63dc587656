#include "crossloom/crossbar/weight_error.h"

#include <cmath>

#include <gtest/gtest.h>

#include "crossloom/crossbar/analog_product.h"

namespace crossloom {
namespace {

Hardware hfox(std::vector<std::int64_t> slice_bits) {
  Hardware hardware;
  hardware.device = Device("hfox_neurram_wan2022");
  ParamList params;
  hardware.device.describe(params);
  params.assign({{"g_min", 0.0}, {"read_noise", 0.0}});
  hardware.mapping.slice_bits = std::move(slice_bits);
  return hardware;
}

/// Spread of a cell one day after writing, in units of g_max: the published polynomial.
double day_sigma(double r) {
  return (0.701 + 22.086 * r - 50.773 * r * r + 47.095 * std::pow(r, 3) - 16.458 * std::pow(r, 4)) /
         40;
}

TEST(WeightError, IdealCellsLeaveTheRoundingOfTheMapping) {
  Hardware hardware;
  hardware.mapping.slice_bits = {2, 2};
  const WeightErrorLaw law(hardware, 0, Rng(1));
  const Tensor levels = at::arange(-15, 16).to(at::kFloat) / 15;
  EXPECT_LT(law.mean(levels).abs().max().item<double>(), 1e-6);
  EXPECT_LT(law.sigma(levels).abs().max().item<double>(), 1e-6);
  const Tensor square = law.mean(levels).square() + law.sigma(levels).square();
  EXPECT_LT(square.mean().sqrt().item<double>(), 1e-6);
}

TEST(WeightError, SpreadIsThePublishedOneOfBothCellsOfAPair) {
  const WeightErrorLaw law(hfox({}), 86400, Rng(1));
  // A quarter of the cells at rest is cut off at zero, so the law is met where the cells are away
  // from it; the resting cell's spread is that of a normal number cut off below zero:
  // sigma^2 (1/2 - 1/(2 pi)).
  for (const double u : {0.3, 0.5, 0.75}) {
    const double rest = day_sigma(0) * std::sqrt(0.5 - 0.5 / M_PI);
    const double expected = std::hypot(day_sigma(u), rest);
    const double error = 5 * expected / std::sqrt(2.0 * WeightErrorLaw::kCells);
    for (const double sign : {-1.0, 1.0}) {
      const Tensor at = at::full({1}, sign * u);
      EXPECT_NEAR(law.sigma(at).item<double>(), expected, error) << sign * u;
    }
  }
}

TEST(WeightError, MomentsAreThoseOfProgrammedProducts) {
  const Hardware hardware = hfox({2, 2, 2, 2});
  const WeightErrorLaw law(hardware, 86400, Rng(1));
  const ProductGeometry geometry = ProductGeometry::linear(4000, 4);
  const Tensor level = at::tensor({-0.8, 0.1, 0.42, 1.0}).to(at::kFloat);
  const Tensor w = level.unsqueeze(1).expand({4, 4000}).contiguous();
  const double w_max = 1;
  AnalogProduct product(
      hardware, geometry, InputSign::kSigned, at::full({}, w_max, at::kDouble), Rng(7));
  Rng rng(8);
  product.write(at::ones_like(w, at::kBool), w, 0, rng);
  const Tensor error = (product.weights(86400) - w).to(at::kDouble);
  const Tensor sigma = law.sigma(level).to(at::kDouble);
  const Tensor both = sigma * std::sqrt(1.0 / 4000 + 1.0 / WeightErrorLaw::kCells);
  const Tensor off = (error.mean(1) - law.mean(level)).abs() / both;
  EXPECT_LT(off.max().item<double>(), 5);
  const Tensor spread =
      (error.std(1, true) / sigma - 1).abs() / std::sqrt(0.5 / 4000 + 0.5 / WeightErrorLaw::kCells);
  EXPECT_LT(spread.max().item<double>(), 5);
}

TEST(WeightError, SmoothSquareFollowsTheMomentsAndHasTheirSlope) {
  const WeightErrorLaw law(hfox({}), 86400, Rng(1));
  const Tensor u = at::linspace(-0.9, 0.9, 19);
  const Tensor expected = law.mean(u).square() + law.sigma(u).square();
  // Each level has the error of a variance measured on so many cells.
  const Tensor off = (law.square(u) - expected).abs() / expected.max();
  EXPECT_LT(off.max().item<double>(), 5 * std::sqrt(2.0 / WeightErrorLaw::kCells));
  const Tensor at = at::full({1}, 0.2, at::kDouble).requires_grad_();
  law.square(at).sum().backward();
  const double h = 1e-4;
  const double slope =
      (law.square(at.detach() + h) - law.square(at.detach() - h)).item<double>() / (2 * h);
  EXPECT_NEAR(at.grad().item<double>(), slope, 1e-6 * std::abs(slope) + 1e-9);
}

}  // namespace
}  // namespace crossloom
