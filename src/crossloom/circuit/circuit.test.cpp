#include <cmath>

#include <gtest/gtest.h>

#include "crossloom/circuit/adc.h"
#include "crossloom/circuit/code_tables.h"
#include "crossloom/circuit/dac.h"
#include "crossloom/circuit/range_search.h"
#include "crossloom/circuit/row_driver.h"
#include "crossloom/core/random.h"

namespace crossloom {
namespace {

constexpr auto kTerms = RowDriver::Want::kTerms;
constexpr auto kSquares = RowDriver::Want::kTermsAndSquares;

Tensor volts(const Dac& dac, const Tensor& x, double full_scale = 1) {
  return RowDriver(dac, linear_law()).drive(x, full_scale, kTerms).terms[0];
}

Dac make_dac(std::int64_t bits, InputEncoding encoding = InputEncoding::kAmplitude) {
  Dac dac;
  dac.bits = bits;
  dac.v_read = 0.2;
  dac.encoding = encoding;
  return dac;
}

/// Three terms, not odd.
IvLaw cubic_law() {
  IvLaw law = linear_law();
  law.push_back({[](const Tensor& v) { return v * v; },
                 [](const Tensor& v) { return 2 * v; },
                 [](const Tensor& g) { return 3 * g; }});
  law.push_back({[](const Tensor& v) { return v * v * v; },
                 [](const Tensor& v) { return 3 * v * v; },
                 [](const Tensor& g) { return 7 * g; }});
  return law;
}

constexpr InputEncoding kEncodings[] = {InputEncoding::kAmplitude,
                                        InputEncoding::kPulseWidth,
                                        InputEncoding::kBitSerial,
                                        InputEncoding::kBitSerialDigital};

TEST(RowDriver, StepsAreThoseOfTheBitsOfTheDac) {
  Dac dac;
  dac.bits = 3;
  dac.v_read = 0.7;
  const Tensor x = at::tensor({0.0F, 0.99F / 7, 1.01F / 14, 0.5F, 1.0F, 3.0F, -0.3F, -9.0F});
  const Tensor expected = at::tensor({0.0F, 0.1F, 0.1F, 0.4F, 0.7F, 0.7F, -0.2F, -0.7F});
  EXPECT_TRUE(volts(dac, x).allclose(expected, 1e-6, 1e-7));
  // The same through a table.
  dac.predistortion = 1e-6;
  EXPECT_TRUE(volts(dac, x).allclose(expected, 1e-6, 1e-7));
}

TEST(RowDriver, ZeroBitsAreExactWithinTheRange) {
  const Tensor x = at::linspace(-2, 2, 101);
  EXPECT_TRUE(volts(make_dac(0), x, 2).allclose(x * 0.1));
  EXPECT_TRUE(volts(make_dac(0), 3 * x, 2).allclose((0.3 * x).clamp(-0.2, 0.2)));
}

TEST(RowDriver, ShrunkRangeDrivesItsShareOfTheVoltage) {
  Dac dac = make_dac(8);
  const Tensor x = at::linspace(-1, 1, 257);
  const Tensor whole = volts(dac, x);
  dac.range_use = 0.3;
  EXPECT_TRUE(volts(dac, x).allclose(0.3 * whole));
  EXPECT_DOUBLE_EQ(RowDriver(dac, sinh_law(4)).full_drive(), 0.3 * 0.2);
}

// Every law and encoding: the pulses one by one, term by term, in double.
TEST(RowDriver, TermsAndSquaresAreSumsOverThePulses) {
  for (const InputEncoding encoding : kEncodings) {
    for (const IvLaw& law : {linear_law(), sinh_law(5), cubic_law()}) {
      const RowDriver driver(make_dac(4, encoding), law);
      const Tensor code = at::arange(-15, 16, at::kDouble);
      const Drive drive = driver.drive((code / 15).to(at::kFloat), 1, kSquares);
      ASSERT_EQ(drive.terms.size(), law.size());
      std::size_t pair = 0;
      for (std::size_t j = 0; j < law.size(); ++j) {
        for (std::size_t k = j; k < law.size(); ++k, ++pair) {
          for (std::int64_t n = 0; n < 31; ++n) {
            const int c = static_cast<int>(std::abs(n - 15));
            const double sign = n < 15 ? -1 : 1;
            double term = 0;
            double square = 0;
            const auto pulse = [&](double v, double weight, double weight_of_square) {
              const Tensor at_v = at::full({1}, sign * v, at::kDouble);
              const double a = law[j].shape(at_v).item<double>();
              const double b = law[k].shape(at_v).item<double>();
              term += weight * a;
              square += weight_of_square * a * b;
            };
            if (encoding == InputEncoding::kAmplitude) {
              pulse(0.2 * c / 15, 1, 1);
            } else if (encoding == InputEncoding::kPulseWidth) {
              pulse(0.2, c / 15.0, c / 15.0);
            } else {
              for (int b = 0; b < 4; ++b) {
                const double weight = (c >> b & 1) * (1 << b) / 15.0;
                pulse(0.2, weight, weight * weight);
              }
            }
            EXPECT_NEAR(drive.terms[j][n].item<double>(), term, 1e-7);
            EXPECT_NEAR(drive.squares[pair][n].item<double>(), square, 1e-8);
          }
        }
      }
    }
  }
}

TEST(RowDriver, PulsesOfBitsAddUpToTheWholeInput) {
  const RowDriver driver(make_dac(6, InputEncoding::kBitSerialDigital), cubic_law());
  const Tensor x = Rng(1).normal({5, 3, 4});
  const Drive whole = driver.drive(x, 2, kSquares);
  const Drive apart = driver.drive_apart(x, 2, kSquares);
  const std::vector<double> weights = driver.pulse_weights();
  ASSERT_EQ(weights.size(), 6U);
  for (std::size_t k = 0; k < 3; ++k) {
    Tensor sum = at::zeros_like(x);
    for (std::size_t p = 0; p < 6; ++p) {
      sum += weights[p] * apart.terms[k].narrow(0, 5 * static_cast<std::int64_t>(p), 5);
    }
    EXPECT_TRUE(sum.allclose(whole.terms[k], 1e-5, 1e-7));
  }
  EXPECT_EQ(apart.squares[5].size(0), 30);
}

// x_max sinh(a s x_hat) / (a s), the input of the linear product that a sinh law stands for.
TEST(RowDriver, TransformIsTheDriveInTheUnitsOfTheInput) {
  const Tensor x = at::linspace(-3, 3, 301);
  for (const double share : {1.0, 0.4}) {
    Dac dac = make_dac(16);
    dac.range_use = share;
    const RowDriver driver(dac, sinh_law(6));
    const double a = 6 * 0.2 * share;
    const Tensor expected = 2 * (a * (x / 2).clamp(-1, 1)).sinh() / a;
    EXPECT_TRUE(
        driver.transform(x, at::full({}, 2.0), at::ones({}), 0).allclose(expected, 1e-5, 1e-6));
    const Tensor driven = driver.drive(x, 2, kTerms).terms[0] * (2 / driver.full_drive());
    EXPECT_TRUE(driven.allclose(expected, 1e-4, 1e-4));
  }
}

// The second reading of a shrunk range: end points keep their size.
TEST(RowDriver, FullScaleCountsAsItself) {
  Dac dac = make_dac(12);
  dac.counts_as = Dac::CountsAs::kFullScale;
  dac.range_use = 0.5;
  const RowDriver driver(dac, sinh_law(10));
  const double a = 10 * 0.2 * 0.5;
  const Tensor x = at::linspace(-2, 2, 101);
  const Tensor expected = 2 * (a * x / 2).sinh() / std::sinh(a);
  const Tensor driven = driver.drive(x, 2, kTerms).terms[0] * (2 / driver.full_drive());
  EXPECT_TRUE(driven.allclose(expected, 1e-3, 1e-3));
  EXPECT_TRUE(
      driver.transform(x, at::full({}, 2.0), at::ones({}), 0).allclose(expected, 1e-5, 1e-6));
}

TEST(RowDriver, TransformHasTheGradientsOfItsClosedForm) {
  const double a = 4 * 0.2;
  const RowDriver driver(make_dac(0), sinh_law(4));
  const Tensor x = at::tensor({-1.7, 0.3, 1.1, 5.0}, at::kDouble).requires_grad_();
  const Tensor full = at::full({}, 2.0, at::kDouble).requires_grad_();
  const Tensor use = at::full({}, 0.7, at::kDouble).requires_grad_();
  driver.transform(x, full, use, 0).sum().backward();
  // T = X sinh(a s u) / (a s), u = clip(x / X)
  const double X = 2, s = 0.7, h = 1e-6;
  const auto sum = [&](double full_scale, double share) {
    const Tensor u = (x.detach() / full_scale).clamp(-1, 1);
    return (full_scale * (a * share * u).sinh() / (a * share)).sum().item<double>();
  };
  EXPECT_NEAR(full.grad().item<double>(), (sum(X + h, s) - sum(X - h, s)) / (2 * h), 1e-7);
  EXPECT_NEAR(use.grad().item<double>(), (sum(X, s + h) - sum(X, s - h)) / (2 * h), 1e-7);
  const Tensor by_x = (a * s * x.detach() / X).cosh() * x.detach().abs().lt(X);
  EXPECT_TRUE(x.grad().allclose(by_x, 1e-9, 1e-12));
}

TEST(RowDriver, BendIsTheTransformAtTheStepsWithItsSlope) {
  for (const double predistortion : {0.0, 2.0}) {
    Dac dac = make_dac(10);
    dac.predistortion = predistortion;
    const RowDriver driver(dac, sinh_law(8));
    const Tensor x = at::linspace(-3, 3, 1001).requires_grad_();
    const RowDriver::Bent bent = driver.bend(x, 2, 0);
    const Tensor exact = driver.transform(x, at::full({}, 2.0), at::ones({}), 0);
    exact.sum().backward();
    // Half a step is 2 / 2046, at a slope of at most cosh(1.6).
    EXPECT_LT((bent.values - exact).abs().max().item<double>(), 1.01 * std::cosh(1.6) * 2 / 2046);
    // Where x is beyond the range by less than half a step the slope may be that of the end.
    const Tensor inside = x.detach().abs().lt(1.99).logical_or(x.detach().abs().gt(2.01));
    EXPECT_LT(((bent.slopes - x.grad()) * inside).abs().max().item<double>(), 1e-2);
  }
}

TEST(RowDriver, PulsesOfOneHeightAreLinearWhateverTheLaw) {
  const Tensor x = at::arange(-15, 16).to(at::kFloat) / 15;
  for (const InputEncoding encoding : kEncodings) {
    if (encoding == InputEncoding::kAmplitude) continue;
    const RowDriver driver(make_dac(4, encoding), sinh_law(10));
    const Tensor y = driver.drive(x, 1, kTerms).terms[0] / driver.full_drive();
    EXPECT_TRUE(y.allclose(x, 1e-5, 1e-6));
    EXPECT_TRUE(driver.transform(x, at::ones({}), at::ones({}), 0).allclose(x, 1e-5, 1e-6));
  }
}

TEST(RowDriver, PredistortionUndoesTheSinhOfTheCells) {
  Dac dac = make_dac(8);
  dac.predistortion = 8;
  const Tensor x = at::arange(-255, 256).to(at::kFloat) / 255;
  const RowDriver driver(dac, sinh_law(8));
  EXPECT_TRUE(driver.drive(x, 1, kTerms).terms[0].allclose(0.2 * x, 1e-5, 1e-7));
  EXPECT_TRUE(driver.transform(x, at::ones({}), at::ones({}), 0).allclose(x, 1e-5, 1e-6));
  EXPECT_NEAR(volts(dac, x).max().item<double>(), std::asinh(1.6) / 8, 1e-7);
}

TEST(RowDriver, NonlinearLevelsAreTheStatedCurves) {
  Dac dac = make_dac(6);
  dac.inl_bow = 2;
  dac.inl_s = -1.5;
  const Tensor code = at::arange(-63, 64, at::kDouble);
  const Tensor u = code.abs() / 63;
  const Tensor inl = 2 * 4 * u * (1 - u) - 1.5 * (2 * M_PI * u).sin();
  const Tensor expected = 0.2 * code.sign() * (u + inl / 63);
  EXPECT_TRUE(volts(dac, (code / 63).to(at::kFloat)).allclose(expected.to(at::kFloat), 1e-5, 1e-7));
}

TEST(RowDriver, InputsThatAreNoNumbersStayNone) {
  Tensor x = at::ones({3});
  x[1] = std::nan("");
  for (const InputEncoding encoding : kEncodings) {
    const Tensor v = volts(make_dac(4, encoding), x);
    EXPECT_TRUE(v.isnan().equal(x.isnan()));
  }
}

TEST(Dac, ContradictingParametersAndEmptyRangesAreRefused) {
  for (const InputEncoding encoding :
       {InputEncoding::kBitSerial, InputEncoding::kBitSerialDigital}) {
    EXPECT_THROW(make_dac(0, encoding).validate(), ConfigError);
    Dac dac = make_dac(8, encoding);
    dac.predistortion = 1;
    EXPECT_THROW(dac.validate(), ConfigError);
    dac.predistortion = 0;
    dac.inl_s = 1;
    EXPECT_THROW(dac.validate(), ConfigError);
  }
  Dac exact = make_dac(0);
  exact.inl_bow = 1;
  EXPECT_THROW(exact.validate(), ConfigError);
  EXPECT_THROW(volts(make_dac(8), at::ones({2}), 0), c10::Error);
}

TEST(Adc, CodesAreSymmetricOnlyForSignedCurrents) {
  Adc adc;
  adc.bits = 8;
  EXPECT_EQ(adc.highest_code(Adc::Polarity::kUnipolar), 255);
  EXPECT_EQ(adc.lowest_code(Adc::Polarity::kUnipolar), 0);
  EXPECT_EQ(adc.highest_code(Adc::Polarity::kBipolar), 127);
  EXPECT_EQ(adc.lowest_code(Adc::Polarity::kBipolar), -127);
}

TEST(Adc, RangeOfZeroIsRefused) {
  Adc adc;
  ParamList params;
  adc.describe(params);
  EXPECT_THROW(params.assign({{"i_max", 0}}), ConfigError);
}

constexpr RangeUse kAllUses[] = {RangeUse::kFrozen, RangeUse::kTrack, RangeUse::kCalibrate};

TEST(Range, FixedNeverMoves) {
  const RangeOptions options{RangePolicy::kFixed, 0.9, 0.5};
  for (const RangeUse use : kAllUses) {
    EXPECT_FALSE(moves(options, 2, use));
    EXPECT_FALSE(moves(options, 0, use));
  }
}

TEST(Range, MovesWhenItsPolicySaysSoAndWhenNothingWasSeenYet) {
  const RangeOptions calibrated{RangePolicy::kCalibrated, 0.9, 0.5};
  const RangeOptions tracked{RangePolicy::kTracked, 0.9, 0.5};
  for (const RangeUse use : kAllUses) {
    EXPECT_EQ(moves(calibrated, 2, use), use == RangeUse::kCalibrate);
    EXPECT_EQ(moves(tracked, 2, use), use == RangeUse::kTrack);
    EXPECT_TRUE(moves(calibrated, 0, use));
    EXPECT_TRUE(moves(tracked, 0, use));
  }
}

TEST(Range, CalibratedIsThePercentileOfTheSizes) {
  const RangeOptions options{RangePolicy::kCalibrated, 0.9, 0.5};
  const Tensor values = -at::arange(1, 101).to(at::kFloat).view({10, 10});
  EXPECT_EQ(observe(options, values), 90);
  EXPECT_EQ(update_range(options, 0, 90), 90);
}

TEST(Range, CalibrationOverBatchesTakesTheLargest) {
  const RangeOptions options{RangePolicy::kCalibrated, 1, 0.5};
  double range = 0;
  const Tensor values = Rng(1).normal({8, 1000});
  for (std::int64_t batch = 0; batch < 8; ++batch) {
    range = update_range(options, range, observe(options, values[batch]));
  }
  EXPECT_EQ(range, values.abs().max().item<double>());
}

// The share of normal numbers within the range of a sample of 2^18: 5 standard errors.
TEST(Range, PercentileOfManyValuesIsThatOfASampleWithinItsBound) {
  const RangeOptions options{RangePolicy::kCalibrated, 0.999, 0.5};
  const Tensor values = Rng(2).normal({64, 100, 1000});
  const double range = observe(options, values);
  const double share = values.abs().le(range).to(at::kDouble).mean().item<double>();
  EXPECT_NEAR(share, 0.999, 5 * std::sqrt(0.999 * 0.001) / 512);
}

TEST(Range, TrackedTakesTheFirstMaximumThenFollowsSlowly) {
  const RangeOptions options{RangePolicy::kTracked, 0.9, 0.25};
  const double first = observe(options, at::tensor({1.0F, -4.0F}));
  EXPECT_EQ(update_range(options, 0, first), 4);
  EXPECT_EQ(update_range(options, 4, observe(options, at::tensor({8.0F, 2.0F}))), 5);
}

/// Mean squared error of N(0,1) quantised with the full scale `r`, by numerical integration.
double gaussian_error(double highest, double r) {
  const double step = r / highest;
  const double dx = 1e-4;
  double sum = 0;
  for (double x = dx / 2; x < 8; x += dx) {
    const double error = step * std::min(std::round(x / step), highest) - x;
    sum += 2 * dx * error * error * std::exp(-x * x / 2) / std::sqrt(2 * M_PI);
  }
  return sum;
}

TEST(RangeSearch, FindsTheBestFullScaleOfNormalValues) {
  for (const double highest : {7.0, 31.0, 127.0}) {
    double least = 1;
    for (double r = 1.5; r < 6; r *= 1.01) least = std::min(least, gaussian_error(highest, r));
    RangeSearch search(highest, -highest);
    for (std::uint64_t batch = 0; batch < 4; ++batch) search.add(Rng(batch).normal({64, 1024}));
    EXPECT_LT(gaussian_error(highest, search.best()), 1.05 * least) << highest;
  }
}

TEST(RangeSearch, KeepsAllOfUniformValuesAndClipsRareOnes) {
  RangeSearch uniform(255, 0);
  uniform.add(Rng(1).uniform({64, 1024}));
  EXPECT_NEAR(uniform.best(), 1, 0.1);
  Tensor values = Rng(1).uniform({64, 1024});
  values[0][0] = 4;  // once in 2^16: 9 / 2^16 lost, against a sixteenfold error of rounding
  RangeSearch coarse(15, 0);
  coarse.add(values);
  EXPECT_NEAR(coarse.best(), 1, 0.1);
}

TEST(RangeSearch, ValuesThatCountForNothingAreClipped) {
  Tensor values = Rng(1).uniform({64, 1024});
  values.select(1, 7) *= 10;
  Tensor weights = at::ones({1024});
  RangeSearch all(15, 0);
  all.add(values, weights);
  EXPECT_GT(all.best(), 3);
  weights[7] = 0;
  RangeSearch search(15, 0);
  search.add(values, weights);
  EXPECT_NEAR(search.best(), 1, 0.1);
}

TEST(RangeSearch, KnowsNothingBeforeTheFirstValue) {
  RangeSearch search(127, -127);
  EXPECT_EQ(search.best(), 0);
  search.add(at::zeros({3, 5}));
  EXPECT_EQ(search.best(), 0);
  search.add(at::full({3, 5}, 2));
  EXPECT_NEAR(search.best(), 2, 0.2);
}

TEST(RowDriver, IsTheSameInTensorOperations) {
  Tensor x = 0.7 * Rng(21).normal({500});  // some beyond the full scale
  x[3] = std::nan("");
  const Dac dac = make_dac(4);
  EXPECT_TRUE((codes_of(x, 15, 15) * (0.2 / 15)).allclose(volts(dac, x), 1e-6, 0, true));
  const RowDriver driver(dac, cubic_law());
  const Drive drive = driver.drive(x, 1, kSquares);
  const Drive at_codes = driver.drive(at::arange(-15, 16, at::kFloat) / 15, 1, kSquares);
  const auto expect_same = [&](const Tensor& values, const Tensor& of_codes) {
    std::vector<float> table(of_codes.data_ptr<float>(), of_codes.data_ptr<float>() + 31);
    table.push_back(std::nanf(""));
    EXPECT_TRUE(entries_at(table, codes_of(x, 15, 15)).allclose(values, 0, 0, true));
  };
  for (std::size_t k = 0; k < 3; ++k) expect_same(drive.terms[k], at_codes.terms[k]);
  for (std::size_t k = 0; k < 6; ++k) expect_same(drive.squares[k], at_codes.squares[k]);
}

}  // namespace
}  // namespace crossloom
