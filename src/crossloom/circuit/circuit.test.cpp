#include <cmath>

#include <gtest/gtest.h>

#include "crossloom/circuit/adc.h"
#include "crossloom/circuit/dac.h"
#include "crossloom/circuit/range_search.h"
#include "crossloom/core/random.h"

namespace crossloom {
namespace {

TEST(Dac, StepsAreThoseOfItsBits) {
  Dac dac;
  dac.bits = 3;
  dac.v_read = 0.7;
  const Tensor x = at::tensor({0.0F, 0.99F / 7, 1.01F / 14, 0.5F, 1.0F, 3.0F, -0.3F, -9.0F});
  const Tensor v = dac.drive(x, 1, Dac::Want::kVoltage).v;
  const Tensor expected = at::tensor({0.0F, 0.1F, 0.1F, 0.4F, 0.7F, 0.7F, -0.2F, -0.7F});
  EXPECT_TRUE(v.allclose(expected, 1e-6, 1e-7)) << v;
}

TEST(Dac, ZeroBitsAreExactWithinTheRange) {
  Dac dac;
  dac.bits = 0;
  const Tensor x = at::linspace(-2, 2, 101);
  EXPECT_TRUE(dac.drive(x, 2, Dac::Want::kVoltage).v.allclose(x * 0.05));
}

TEST(Dac, BitSerialSquareIsTheSumOverTheBitsOfTheCode) {
  Dac dac;
  dac.bits = 4;
  dac.v_read = 0.2;
  dac.encoding = InputEncoding::kBitSerial;
  const Tensor x = at::arange(16).to(at::kFloat) / 15;
  const Drive drive = dac.drive(x, 1, Dac::Want::kVoltageAndSquare);
  for (int code = 0; code < 16; ++code) {
    double mean = 0;
    double square = 0;
    for (int b = 0; b < 4; ++b) {
      const double pulse = 0.2 * (code >> b & 1) * std::pow(2, b) / 15;
      mean += pulse;
      square += pulse * pulse;
    }
    EXPECT_NEAR(drive.v[code].item<double>(), mean, 1e-7);
    EXPECT_NEAR(drive.v_square[code].item<double>(), square, 1e-8);
  }
}

TEST(Dac, AmplitudeSquareIsTheSquareOfTheVoltage) {
  const Dac dac;
  const Drive drive = dac.drive(at::linspace(-1, 1, 57), 1, Dac::Want::kVoltageAndSquare);
  EXPECT_TRUE(drive.v_square.allclose(drive.v.square()));
}

TEST(Dac, ContradictingParametersAndEmptyRangesAreRefused) {
  Dac dac;
  dac.encoding = InputEncoding::kBitSerial;
  dac.bits = 0;
  EXPECT_THROW(dac.validate(), ConfigError);
  EXPECT_THROW(Dac().drive(at::ones({2}), 0, Dac::Want::kVoltage), c10::Error);
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

}  // namespace
}  // namespace crossloom
