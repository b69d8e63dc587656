#include "crossloom/device/iv_law.h"

#include <cmath>

#include <gtest/gtest.h>

#include "crossloom/device/device.h"

namespace crossloom {
namespace {

std::vector<double> sinh_of(const std::vector<double>& v, double b) {
  std::vector<double> i;
  for (const double x : v) i.push_back(3e-6 * std::sinh(b * x));
  return i;
}

double error_of(const Tensor& x, const Tensor& expected) {
  return (x - expected).abs().max().item<double>();
}

TEST(IvLaw, SinhHasTheSlopeOfSmallSignalsAndItsOwnDerivative) {
  const Tensor v = at::linspace(-0.5, 0.5, 101, at::kDouble);
  const IvTerm term = sinh_law(4)[0];
  EXPECT_LT(error_of(term.shape(v), (4 * v).sinh() / 4), 1e-15);
  const double step = 1e-6;
  const Tensor slope = (term.shape(v + step) - term.shape(v - step)) / (2 * step);
  EXPECT_LT(error_of(term.slope(v), slope), 1e-8);
  EXPECT_TRUE(is_linear(sinh_law(0), 1));
  EXPECT_FALSE(is_linear(sinh_law(0.01), 1));
}

TEST(IvLaw, TabulatedFollowsTheCurveItsPointsAreTakenFrom) {
  std::vector<double> points;
  for (int k = 1; k <= 50; ++k) points.push_back(0.01 * k);
  const IvTerm term = tabulated_law(points, sinh_of(points, 4))[0];
  const Tensor v = at::linspace(-0.5, 0.5, 777, at::kDouble);
  const double first = std::sinh(0.04) / 0.04;  // slope of the first piece over that at zero
  EXPECT_LT(error_of(term.shape(v) * first, (4 * v).sinh() / 4), 3e-4);
  const double step = 1e-7;
  const Tensor slope = (term.shape(v + step) - term.shape(v - step)) / (2 * step);
  EXPECT_LT(error_of(term.slope(v), slope), 1e-5);  // continuous across the points
  EXPECT_LT(error_of(term.shape(at::tensor({0.7}, at::kDouble)),
                     term.shape(at::tensor({0.5}, at::kDouble)) +
                         0.2 * term.slope(at::tensor({0.5}, at::kDouble))),
            1e-12);
}

TEST(IvLaw, TabulatedWithNegativeVoltagesKeepsItsAsymmetry) {
  const IvTerm term = tabulated_law({-0.2, -0.1, 0.1, 0.2}, {-3e-6, -1e-6, 1e-6, 5e-6})[0];
  const Tensor i = term.shape(at::tensor({-0.2, 0.0, 0.2}, at::kDouble));
  EXPECT_NEAR(i[1].item<double>(), 0, 1e-18);
  EXPECT_NEAR((i[2] / i[0]).item<double>(), -5.0 / 3, 1e-12);
}

TEST(IvLaw, PointsThatAreNoCurveAreRefused) {
  EXPECT_THROW(tabulated_law({}, {}), ConfigError);
  EXPECT_THROW(tabulated_law({0.1, 0.2}, {1e-6}), ConfigError);
  EXPECT_THROW(tabulated_law({0.2, 0.1}, {1e-6, 2e-6}), ConfigError);
  EXPECT_THROW(tabulated_law({0.1, 0.2}, {2e-6, 1e-6}), ConfigError);
  EXPECT_THROW(tabulated_law({0.0, 0.2}, {1e-7, 1e-6}), ConfigError);
  EXPECT_THROW(tabulated_law({-0.1, 0.2}, {1e-7, 1e-6}), ConfigError);
}

TEST(IvLaw, SlopeOfAStrengthIsItsDerivative) {
  const IvTerm cubic = {{}, {}, [](const Tensor& g) { return g * g * g; }};
  const Tensor g = at::logspace(-6, -3, 20, 10, at::kDouble);
  EXPECT_TRUE(strength_slope(cubic, g).allclose(3 * g * g, 1e-6, 0));
}

TEST(IvLaw, OfADeviceIsTheOneItsParametersName) {
  const Tensor v = at::linspace(-0.3, 0.3, 7, at::kDouble);
  const auto shape_of = [&](const Json& values) {
    Device device("ideal");
    ParamList params;
    device.describe(params);
    params.assign(values);
    device.validate();
    return device.iv_law()[0].shape(v);
  };
  EXPECT_LT(error_of(shape_of({{"iv", "sinh"}, {"iv_curvature", "3 1/V"}}), (3 * v).sinh() / 3),
            1e-15);
  EXPECT_LT(error_of(shape_of({{"iv", "linear"}}), v), 1e-18);
  EXPECT_LT(error_of(shape_of({{"iv", "tabulated"},
                               {"iv_voltages", {0.1, 0.3}},
                               {"iv_currents", {1e-6, 3e-6}}}),
                     v),
            1e-15);
  EXPECT_THROW(shape_of({{"iv", "tabulated"}}), ConfigError);
}

}  // namespace
}  // namespace crossloom
