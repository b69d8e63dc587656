#include "crossloom/device/iv_curve_fit.h"

#include <cmath>

#include "crossloom/core/errors.h"
#include "crossloom/core/random.h"
#include "crossloom/data/data_testing.h"
#include "crossloom/device/iv_options.h"

namespace crossloom {
namespace {

constexpr double kNoise = 2e-7;  // [A]

/// Triangles between -0.5 and 0.5 V through a cell of 20 uS and the law, with noise and an offset.
IvReadings synthetic(const IvLaw& law, std::int64_t n, std::uint64_t seed) {
  Rng rng(seed);
  const Tensor phase = (at::arange(n, at::kDouble) / 160).frac();
  const Tensor v = 0.5 * (1 - 4 * (phase - 0.5).abs());
  return {v, 20e-6 * law[0].shape(v) + 1e-7 + kNoise * rng.normal({n}).to(at::kDouble)};
}

TEST(IvFit, FindsTheCurvatureOfASinh) {
  const IvFit fit = fit_iv(synthetic(sinh_law(4), 16000, 1));
  const IvCandidate& sinh = fit.candidates[fit.chosen];
  ASSERT_EQ(sinh.law, "sinh");
  // Errors of least squares with 8000 readings are far below these bounds: g 0.1 %, b 1 %.
  EXPECT_NEAR(sinh.curvature, 4, 0.05);
  EXPECT_NEAR(sinh.g, 20e-6, 0.1e-6);
  EXPECT_NEAR(sinh.offset, 1e-7, 5 * kNoise / std::sqrt(8000.0));
  EXPECT_NEAR(sinh.unseen, kNoise, 5 * kNoise / std::sqrt(16000.0));
  EXPECT_GT(fit.candidates[0].unseen, 2 * kNoise);  // linear
  EXPECT_NEAR(fit.floor, kNoise, 0.02 * kNoise);
}

TEST(IvFit, PrefersALineWhereItIsAsGood) {
  const IvFit fit = fit_iv(synthetic(linear_law(), 16000, 2));
  EXPECT_EQ(fit.candidates[fit.chosen].law, "linear");
  EXPECT_NEAR(fit.candidates[fit.chosen].g, 20e-6, 5 * kNoise / (0.29 * std::sqrt(8000.0)));
}

TEST(IvFit, TakesACurveWhereNoSinhFits) {
  IvLaw law = linear_law();
  // Rectifying: an eighth of the current at negative voltages, smoothly.
  law[0].shape = [](const Tensor& v) { return v * (0.5625 + 0.4375 * (10 * v).tanh()); };
  const IvFit fit = fit_iv(synthetic(law, 16000, 3));
  const IvCandidate& curve = fit.candidates[fit.chosen];
  ASSERT_EQ(curve.law, "tabulated");
  EXPECT_LT(curve.unseen, 1.5 * kNoise);
  EXPECT_GT(fit.candidates[1].unseen, 3 * kNoise);
  IvOptions options;
  options.kind = IvOptions::Kind::kTabulated;
  options.voltages = curve.voltages;
  options.currents = curve.currents;
  EXPECT_NO_THROW(options.law(linear_law()));
}

TEST(IvReadings, AreRefusedWhenFewOrAtOneVoltage) {
  EXPECT_NE(message_of<ConfigError>([] {
              iv_readings(Measurements("v_V,i_A\n0,0\n", "x.csv"));
            }).find("1 currents"),
            std::string::npos);
  std::string csv = "v_V,i_A\n";
  for (int k = 0; k < 300; ++k) csv += "0.1,1e-6\n";
  EXPECT_NE(message_of<ConfigError>([&] {
              iv_readings(Measurements(csv, "x.csv"));
            }).find("measured at 100 mV"),
            std::string::npos);
}

}  // namespace
}  // namespace crossloom
