#include <cmath>

#include <gtest/gtest.h>

#include "crossloom/circuit/adc.h"
#include "crossloom/circuit/dac.h"

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

TEST(Range, FixedNeverMoves) {
  const RangeOptions options{RangePolicy::kFixed, 0.9, 0.5};
  const Tensor range = at::tensor({2.0F});
  for (const RangeUse use : {RangeUse::kFrozen, RangeUse::kTrack, RangeUse::kCalibrate}) {
    EXPECT_TRUE(update_range(options, range, at::ones({1, 5}), use).equal(range));
  }
}

TEST(Range, CalibratedIsThePercentileOfTheSizesAndThenStays) {
  const RangeOptions options{RangePolicy::kCalibrated, 0.9, 0.5};
  const Tensor values = at::stack({at::arange(1, 101), -2 * at::arange(1, 101)}).to(at::kFloat);
  const Tensor range = update_range(options, at::zeros({2}), values, RangeUse::kFrozen);
  EXPECT_TRUE(range.equal(at::tensor({90.0F, 180.0F})));
  EXPECT_TRUE(update_range(options, range, 3 * values, RangeUse::kTrack).equal(range));
  EXPECT_TRUE(update_range(options, range, 3 * values, RangeUse::kCalibrate).equal(3 * range));
}

TEST(Range, TrackedTakesTheFirstMaximumThenFollowsSlowly) {
  const RangeOptions options{RangePolicy::kTracked, 0.9, 0.25};
  const Tensor first = at::tensor({1.0F, -4.0F}).view({1, 2});
  const Tensor second = at::tensor({8.0F, 2.0F}).view({1, 2});
  Tensor range = update_range(options, at::zeros({1}), first, RangeUse::kFrozen);
  EXPECT_FLOAT_EQ(range.item<float>(), 4);
  EXPECT_TRUE(update_range(options, range, second, RangeUse::kFrozen).equal(range));
  range = update_range(options, range, second, RangeUse::kTrack);
  EXPECT_FLOAT_EQ(range.item<float>(), 5);
}

}  // namespace
}  // namespace crossloom
