#include "crossloom/training/weight_noise.h"

#include <cmath>

#include <gtest/gtest.h>

namespace crossloom {
namespace {

constexpr std::int64_t kDraws = 200000;

/// `kDraws` weights of `share` of the largest, which is the first.
Tensor weights_at(double share, double w_max) {
  Tensor weight = at::full({kDraws}, share * w_max);
  weight[0] = w_max;
  return weight;
}

/// Spread of the errors of all weights but the first.
double spread(const WeightNoise& noise, const Tensor& weight) {
  Rng rng(1);
  return noise.error(weight, rng).slice(0, 1).to(at::kDouble).std().item<double>();
}

// Five standard errors of a standard deviation from kDraws normal numbers.
const double kTolerance = 5 / std::sqrt(2.0 * kDraws);

TEST(WeightNoise, PaperFactorIsThatOfTheSlices) {
  const auto factor = [](std::int64_t weight_bits, std::int64_t device_bits) {
    WeightNoise noise;
    noise.weight_bits = weight_bits;
    noise.device_bits = device_bits;
    return noise.factor();
  };
  EXPECT_DOUBLE_EQ(factor(8, 2), std::sqrt(4369.0) / 85);
  EXPECT_NEAR(factor(8, 1), 0.5796, 5e-5);
  EXPECT_NEAR(factor(8, 4), 0.943, 5e-4);
  EXPECT_NEAR(factor(6, 2), 0.7868, 5e-5);
  EXPECT_NEAR(factor(4, 2), 0.8246, 5e-5);
  EXPECT_NEAR(factor(4, 1), 0.6146, 5e-5);
}

TEST(WeightNoise, PaperSpreadIsTheFactorTimesTheLargestWeight) {
  const WeightNoise noise;
  const double expected = std::sqrt(4369.0) / 85 * 3.0;
  EXPECT_NEAR(spread(noise, weights_at(0.1, 3.0)) / expected, 1, kTolerance);
  EXPECT_NEAR(spread(noise, weights_at(-0.5, 3.0)) / expected, 1, kTolerance);
}

TEST(WeightNoise, DeviceTypesErrByTheBandOfTheWeight) {
  const std::pair<WeightNoise::DeviceType, double> types[] = {
      {WeightNoise::DeviceType::kRram1, 1},
      {WeightNoise::DeviceType::kFefet2, 2},
      {WeightNoise::DeviceType::kRram4, 4},
      {WeightNoise::DeviceType::kFefet6, 6}};
  for (const auto& [device, ratio] : types) {
    WeightNoise noise;
    noise.device = device;
    const double outer = noise.factor() / std::sqrt(0.4 * ratio * ratio + 0.6);
    EXPECT_NEAR(spread(noise, weights_at(0.2, 1)) / outer, 1, kTolerance) << ratio;
    EXPECT_NEAR(spread(noise, weights_at(0.8, 1)) / outer, 1, kTolerance) << ratio;
    EXPECT_NEAR(spread(noise, weights_at(0.5, 1)) / (outer * ratio), 1, kTolerance) << ratio;
  }
}

TEST(WeightNoise, PhysicalEqualsPaperWhereAllLevelsErrAlike) {
  WeightNoise noise;
  noise.model = WeightNoise::Model::kPhysical;
  const double expected = noise.factor();
  for (const double share : {0.0, 0.3, 0.77}) {
    EXPECT_NEAR(spread(noise, weights_at(share, 1)) / expected, 1, kTolerance) << share;
  }
  noise.has_pair = true;
  EXPECT_NEAR(spread(noise, weights_at(0.3, 1)) / (std::sqrt(2.0) * expected), 1, kTolerance);
}

TEST(WeightNoise, PhysicalErrsByTheLevelsOfTheDigits) {
  WeightNoise noise;
  noise.model = WeightNoise::Model::kPhysical;
  noise.device = WeightNoise::DeviceType::kRram4;
  // 0x1B = 00 01 10 11: levels 0, 1, 2, 3 from the most significant device down.
  const double share = 27.0 / 255;
  const double variance = 4096.0 * 1 + 256.0 * 16 + 16.0 * 16 + 1.0 * 1;
  const double expected = 3.0 / 255 * std::sqrt(variance / (0.4 * 16 + 0.6));
  EXPECT_NEAR(spread(noise, weights_at(share, 1)) / expected, 1, kTolerance);
  noise.has_pair = true;  // four devices at level 0 beside them
  const double with_pair = 3.0 / 255 * std::sqrt((variance + 4369) / (0.4 * 16 + 0.6));
  EXPECT_NEAR(spread(noise, weights_at(share, 1)) / with_pair, 1, kTolerance);
}

TEST(WeightNoise, PhysicalWeightsAreQuantised) {
  WeightNoise noise;
  noise.model = WeightNoise::Model::kPhysical;
  const Tensor weight = at::linspace(-1, 1, 1001);
  const Tensor stored = noise.stored(weight);
  EXPECT_LE((stored - weight).abs().max().item<double>(), 0.5 / 255 + 1e-6);
  const Tensor codes = stored * 255;
  EXPECT_TRUE(codes.allclose(codes.round(), 0, 1e-3));
  EXPECT_TRUE(WeightNoise().stored(weight).equal(weight));
}

TEST(WeightNoise, GradientGoesStraightToTheWeightAndNotThroughItsMaximum) {
  for (const auto model : {WeightNoise::Model::kPaper, WeightNoise::Model::kPhysical}) {
    WeightNoise noise;
    noise.model = model;
    const Tensor weight = at::randn({30, 20}).requires_grad_();
    const Tensor direction = at::randn({30, 20});
    Rng rng(3);
    (noise.on_chip(weight, 0.2, rng) * direction).sum().backward();
    EXPECT_TRUE(weight.grad().equal(direction));
  }
}

TEST(WeightNoise, EveryDrawIsNewAndKeyedByItsStream) {
  const WeightNoise noise;
  const Tensor weight = at::ones({100});
  Rng one(1);
  const Tensor first = noise.on_chip(weight, 0.1, one);
  EXPECT_FALSE(noise.on_chip(weight, 0.1, one).equal(first));
  Rng again(1);
  EXPECT_TRUE(noise.on_chip(weight, 0.1, again).equal(first));
  EXPECT_TRUE(noise.on_chip(weight, 0, one).equal(weight));
}

TEST(WeightNoise, NegativeErrorsAndDevicesThatDoNotFitAreRefused) {
  WeightNoise noise;
  ParamList params;
  noise.describe(params);
  EXPECT_THROW(params.assign({{"sigma", -0.1}}), ConfigError);
  EXPECT_THROW(params.assign({{"device", "rram9"}}), ConfigError);
  noise.device_bits = 3;
  EXPECT_THROW(noise.validate(), ConfigError);
}

}  // namespace
}  // namespace crossloom
