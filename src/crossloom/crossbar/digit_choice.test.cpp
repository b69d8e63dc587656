#include "crossloom/crossbar/digit_choice.h"

#include <array>
#include <cmath>

#include <gtest/gtest.h>

#include "crossloom/crossbar/weight_error.h"
#include "crossloom/device/device_testing.h"

namespace crossloom {
namespace {

Hardware hfox(const std::vector<std::int64_t>& slice_weights) {
  Hardware hardware;
  hardware.device = make_device("hfox_neurram_wan2022", {{"g_min", 0.0}, {"read_noise", 0.0}});
  hardware.mapping.slice_bits = {2, 2, 2, 2};
  hardware.mapping.slice_weights = slice_weights;
  choose_digits(hardware);
  return hardware;
}

/// Mean squared error of normal weights whose largest is four standard deviations, after a day.
double error_of_normal_weights(const Hardware& hardware) {
  const WeightErrorLaw law(hardware, 86400, Rng(1));
  const Tensor u = (Rng(2).normal({20000}) / 4).clamp_(-1, 1);
  const Tensor stored = law.stored(u);
  const Tensor mean = stored - u + law.mean(u);
  return (mean.square() + law.sigma(u).square()).mean().item<double>();
}

TEST(DigitChoice, AsksTheCellsOfTheDevice) {
  const Hardware hardware = hfox({8, 4, 2, 1});
  ASSERT_EQ(hardware.mapping.level_errors.size(), 4);
  const std::vector<LevelError>& errors = hardware.mapping.level_errors[0];
  ASSERT_EQ(errors.size(), 4);
  // The published spreads after a day, 3.96, 3.56 and 2.65 uS of 40, and that of the resting cell
  // of the pair, which was not written and whose relaxation ends at zero; 5 standard errors.
  const double rest = std::sqrt((0.701 * 0.701 - 0.348 * 0.348) * (0.5 - 0.5 / M_PI));
  const std::array<double, 4> expected = {std::sqrt(2) * rest / 40,
                                          std::hypot(3.96, rest) / 40,
                                          std::hypot(3.56, rest) / 40,
                                          std::hypot(2.65, rest) / 40};
  for (std::size_t digit = 0; digit < 4; ++digit) {
    const double error = 5 * expected.at(digit) / std::sqrt(2.0 * WeightErrorLaw::kCells);
    EXPECT_NEAR(errors[digit].sigma, expected.at(digit), error);
  }
  EXPECT_TRUE(hfox({}).mapping.level_errors.empty());
}

// 7.1 dB by the moments of normal numbers of the published spreads, cut off at zero.
TEST(DigitChoice, MakesWeightsOfHfOxErrAFifthOfThePower) {
  const double places = error_of_normal_weights(hfox({}));
  const double chosen = error_of_normal_weights(hfox({8, 4, 2, 1}));
  EXPECT_NEAR(10 * std::log10(places / chosen), 7.1, 0.3);
}

TEST(DigitChoice, IsTheSameEachTime) {
  const Hardware first = hfox({4, 3, 2, 1});
  const Hardware second = hfox({4, 3, 2, 1});
  for (std::size_t digit = 0; digit < 4; ++digit) {
    EXPECT_EQ(first.mapping.level_errors[0][digit].sigma,
              second.mapping.level_errors[0][digit].sigma);
  }
}

}  // namespace
}  // namespace crossloom
