#include "crossloom/crossbar/column_conversion.h"

#include <cmath>

#include <gtest/gtest.h>

namespace crossloom {
namespace {

struct Case {
  std::int64_t images, groups, columns, period;  // period 0: no read noise
};

/// Groups as views of one product, as they come from linear layers; factors of both signs.
std::vector<ColumnGroup> make_groups(const Case& c) {
  Rng rng(1);
  const Tensor mean = rng.uniform({c.images, c.groups, c.columns}) * 120e-6 - 10e-6;
  const Tensor variance = rng.uniform({c.images, std::max<std::int64_t>(c.period, 1)}) * 1e-11;
  std::vector<ColumnGroup> groups;
  for (std::int64_t k = 0; k < c.groups; ++k) {
    ColumnGroup group;
    group.mean = mean.select(1, k);
    if (c.period > 0) group.variance = k % 3 == 2 ? 2 * variance : variance;
    group.i_max = 60e-6 + 10e-6 * static_cast<double>(k);
    group.factor = (k % 2 == 0 ? 1 : -0.25) * 1e6;
    groups.push_back(group);
  }
  return groups;
}

Tensor convert(const std::vector<ColumnGroup>& groups,
               const Converter& converter,
               const NoiseAddress& noise) {
  Tensor sum = at::full(groups[0].mean.sizes(), 7.0);
  add_converted(groups, converter, noise, Before::kForgotten, sum);
  return sum;
}

Converter make_converter(std::int64_t bits, Adc::Polarity polarity) {
  Converter converter;
  converter.adc.bits = bits;
  converter.polarity = polarity;
  return converter;
}

// The kernel against plain loops in double: exact except where a current lies, to float rounding,
// on the border between two codes, which moves the sum by one step.
TEST(AddConverted, AgreesWithThePlainLoop) {
  for (const Case& c : {Case{1, 1, 1, 0},
                        Case{3, 2, 68, 17},
                        Case{65, 6, 10, 1},
                        Case{4, 3, 10, 10},
                        Case{2, 2, 5000, 1250},
                        Case{2, 2, 5000, 2500},
                        Case{1, 2, 4096, 1}}) {
    for (const std::int64_t bits : {0, 4, 8}) {
      for (const double noise_lsb : {0.0, 2.0}) {
        for (const auto polarity : {Adc::Polarity::kUnipolar, Adc::Polarity::kBipolar}) {
          const std::vector<ColumnGroup> groups = make_groups(c);
          Converter converter = make_converter(bits, polarity);
          converter.adc.noise_lsb = noise_lsb;
          const NoiseAddress noise{Rng(5), 3, 2 * c.groups * c.columns, c.groups * c.columns};
          Tensor expected = at::zeros(groups[0].mean.sizes(), at::kDouble);
          add_converted_reference(groups, converter, noise, expected);
          const Tensor difference = (convert(groups, converter, noise) - expected).abs();
          const double step = bits == 0 ? 0 : 120 / converter.adc.highest_code(polarity);
          const double rounding = 1e-3;
          EXPECT_LE(difference.max().item<double>(), step * 1.001 + rounding);
          EXPECT_LE(difference.gt(rounding).to(at::kDouble).mean().item<double>(), 4e-3);
          Tensor by_tensors = at::full(groups[0].mean.sizes(), 7.0);
          add_converted_by_tensors(groups, converter, noise, Before::kForgotten, by_tensors);
          const Tensor other = (by_tensors - expected).abs();
          EXPECT_LE(other.max().item<double>(), step * 1.001 + rounding);
          EXPECT_LE(other.gt(rounding).to(at::kDouble).mean().item<double>(), 4e-3);
        }
      }
    }
  }
}

TEST(AddConverted, InTensorOperationsHasTheSameConverters) {
  std::vector<ColumnGroup> groups = make_groups({3, 2, 60, 12});
  for (ColumnGroup& group : groups) {
    group.gain = 1 + 0.1 * Rng(11).normal({15});
    group.offset = Rng(12).normal({15});
  }
  const Converter converter = make_converter(6, Adc::Polarity::kUnipolar);
  const NoiseAddress noise{Rng(13), 0, 120, 0};
  Tensor sum = at::zeros({3, 60});
  add_converted_by_tensors(groups, converter, noise, Before::kKept, sum);
  const Tensor same = (sum - convert(groups, converter, noise)).abs().le(1e-3);
  EXPECT_GT(same.to(at::kDouble).mean().item<double>(), 0.98);  // of 180, two on a border
}

TEST(AddConverted, NoiseDependsNeitherOnTheBatchNorOnTheCalls) {
  const std::vector<ColumnGroup> groups = make_groups({20, 3, 66, 11});
  Converter converter = make_converter(8, Adc::Polarity::kUnipolar);
  converter.adc.noise_lsb = 1;
  const Tensor whole = convert(groups, converter, {Rng(7), 0, 3 * 66, 0});
  Tensor parts = at::zeros({4, 66});
  for (std::size_t k = 0; k < groups.size(); ++k) {
    ColumnGroup part = groups[k];
    part.mean = part.mean.slice(0, 13, 17);
    part.variance = part.variance.slice(0, 13, 17);
    add_converted({part},
                  converter,
                  {Rng(7), 13, 3 * 66, static_cast<std::int64_t>(k) * 66},
                  Before::kKept,
                  parts);
  }
  EXPECT_TRUE(parts.equal(whole.slice(0, 13, 17)));
}

TEST(AddConverted, ClipsCurrentsBeyondTheFullScale) {
  ColumnGroup positive;
  positive.mean = at::full({1, 1}, 500e-6);
  positive.i_max = 60e-6;
  ColumnGroup negative = positive;
  negative.mean = -positive.mean;
  negative.factor = -1;
  const std::vector<ColumnGroup> pair = {positive, negative};
  EXPECT_NEAR(
      convert(pair, make_converter(8, Adc::Polarity::kUnipolar), {}).item<double>(), 60e-6, 1e-10);
  EXPECT_NEAR(
      convert(pair, make_converter(8, Adc::Polarity::kBipolar), {}).item<double>(), 120e-6, 1e-10);
}

// Mean and variance of the two-product law, and independence between columns and images, with the
// bounds of 5 standard errors.
TEST(AddConverted, NoiseHasTheGivenMeanAndVarianceAndIsIndependent) {
  const std::int64_t images = 20000;
  ColumnGroup positive;
  positive.mean = at::zeros({images, 2});
  positive.variance = at::full({images, 1}, 4e-12);
  ColumnGroup negative = positive;
  negative.factor = -1;
  const Tensor y =
      convert({positive, negative}, make_converter(0, Adc::Polarity::kUnipolar), {Rng(3), 0, 4, 0})
          .to(at::kDouble);
  const double sigma = std::sqrt(8e-12);  // two columns subtracted
  const double n = static_cast<double>(images);
  for (std::int64_t column = 0; column < 2; ++column) {
    EXPECT_NEAR(y.select(1, column).mean().item<double>(), 0, 5 * sigma / std::sqrt(n));
    EXPECT_NEAR(y.select(1, column).std().item<double>(), sigma, 5 * sigma / std::sqrt(2 * n));
  }
  const auto correlation = [&](const Tensor& a, const Tensor& b) {
    return (a * b).mean().item<double>() / (sigma * sigma);
  };
  EXPECT_NEAR(correlation(y.select(1, 0), y.select(1, 1)), 0, 5 / std::sqrt(n));
  EXPECT_NEAR(correlation(y.select(1, 0).slice(0, 1), y.select(1, 0).slice(0, 0, images - 1)),
              0,
              5 / std::sqrt(n));
}

TEST(AddConverted, EmptyRangesAndWrongShapesAreRefused) {
  const std::vector<ColumnGroup> good = make_groups({2, 1, 6, 3});
  const Converter converter = make_converter(8, Adc::Polarity::kUnipolar);
  std::vector<ColumnGroup> bad = good;
  bad[0].i_max = 0;
  EXPECT_THROW(convert(bad, converter, {}), c10::Error);
  bad = good;
  bad[0].variance = at::ones({2, 4});  // 6 columns are no multiple
  EXPECT_THROW(convert(bad, converter, {}), c10::Error);
  Tensor sum = at::zeros({2, 7});
  EXPECT_THROW(add_converted(good, converter, {}, Before::kKept, sum), c10::Error);
}

}  // namespace
}  // namespace crossloom
