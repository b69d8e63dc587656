#include "crossloom/crossbar/column_conversion.h"

#include <cmath>

#include <gtest/gtest.h>

namespace crossloom {
namespace {

struct Case {
  std::int64_t images, tiles, columns, positions;
};

ColumnCurrents make_currents(const Case& c, bool is_noisy) {
  Rng rng(1);
  ColumnCurrents currents;
  currents.mean = rng.uniform({c.images, c.tiles, 2, c.columns, c.positions}) * 120e-6 - 10e-6;
  if (is_noisy) currents.variance = rng.uniform(currents.mean.sizes()) * 1e-11;
  return currents;
}

ColumnConversion make_conversion(const Case& c, std::int64_t bits, Adc::Polarity polarity) {
  ColumnConversion conversion;
  conversion.adc.bits = bits;
  conversion.polarity = polarity;
  conversion.i_max = at::linspace(60e-6, 100e-6, c.tiles);
  return conversion;
}

// The kernel against plain loops in double: exact except where a current lies, to float rounding,
// on the border between two codes, which moves the sum by one step.
TEST(ConvertColumns, AgreesWithThePlainLoop) {
  for (const Case& c :
       {Case{1, 1, 1, 1}, Case{3, 2, 4, 17}, Case{65, 3, 10, 1}, Case{2, 1, 5, 400}}) {
    for (const std::int64_t bits : {0, 4, 8}) {
      for (const bool is_noisy : {false, true}) {
        for (const double noise_lsb : {0.0, 2.0}) {
          for (const auto polarity : {Adc::Polarity::kUnipolar, Adc::Polarity::kBipolar}) {
            const ColumnCurrents currents = make_currents(c, is_noisy);
            ColumnConversion conversion = make_conversion(c, bits, polarity);
            conversion.adc.noise_lsb = noise_lsb;
            const Rng rng(5);
            const Tensor difference = (convert_columns(currents, conversion, rng).to(at::kDouble) -
                                       convert_columns_reference(currents, conversion, rng))
                                          .abs();
            const double step = bits == 0 ? 0 : 100e-6 / conversion.adc.highest_code(polarity);
            const double rounding = 1e-9;
            EXPECT_LE(difference.max().item<double>(), step * 1.001 + rounding);
            EXPECT_LE(difference.gt(rounding).to(at::kDouble).mean().item<double>(), 2e-3);
          }
        }
      }
    }
  }
}

TEST(ConvertColumns, NoiseDoesNotDependOnTheBatch) {
  const Case c{20, 2, 6, 11};
  const ColumnCurrents whole = make_currents(c, true);
  ColumnConversion conversion = make_conversion(c, 8, Adc::Polarity::kUnipolar);
  conversion.adc.noise_lsb = 1;
  const Rng rng(7);
  const Tensor expected = convert_columns(whole, conversion, rng);
  conversion.first_image = 13;
  const ColumnCurrents part{whole.mean.slice(0, 13, 17), whole.variance.slice(0, 13, 17)};
  EXPECT_TRUE(convert_columns(part, conversion, rng).equal(expected.slice(0, 13, 17)));
}

TEST(ConvertColumns, ClipsCurrentsBeyondTheFullScale) {
  ColumnCurrents currents;
  currents.mean = at::tensor({500e-6F, -500e-6F}).view({1, 1, 2, 1, 1});
  const Case c{1, 1, 1, 1};
  const Tensor unipolar =
      convert_columns(currents, make_conversion(c, 8, Adc::Polarity::kUnipolar), Rng(1));
  const Tensor bipolar =
      convert_columns(currents, make_conversion(c, 8, Adc::Polarity::kBipolar), Rng(1));
  EXPECT_NEAR(unipolar.item<double>(), 60e-6, 1e-10);
  EXPECT_NEAR(bipolar.item<double>(), 120e-6, 1e-10);
}

// Mean and variance of the two-product law, and independence between columns and images, with the
// bounds of 5 standard errors.
TEST(ConvertColumns, NoiseHasTheGivenMeanAndVarianceAndIsIndependent) {
  const std::int64_t images = 20000;
  ColumnCurrents currents;
  currents.mean = at::zeros({images, 1, 2, 2, 1});
  currents.variance = at::full_like(currents.mean, 4e-12);
  const Case c{images, 1, 2, 1};
  const Tensor y =
      convert_columns(currents, make_conversion(c, 0, Adc::Polarity::kUnipolar), Rng(3))
          .to(at::kDouble)
          .squeeze(2);
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

TEST(ConvertColumns, EmptyRangesAndWrongShapesAreRefused) {
  const Case c{1, 2, 3, 1};
  ColumnConversion conversion = make_conversion(c, 8, Adc::Polarity::kUnipolar);
  conversion.i_max = at::zeros({2});
  EXPECT_THROW(convert_columns(make_currents(c, false), conversion, Rng(1)), c10::Error);
  conversion.i_max = at::ones({3});
  EXPECT_THROW(convert_columns(make_currents(c, false), conversion, Rng(1)), c10::Error);
}

}  // namespace
}  // namespace crossloom
