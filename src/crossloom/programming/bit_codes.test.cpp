#include "crossloom/programming/bit_codes.h"

#include <algorithm>
#include <functional>
#include <limits>

#include <gtest/gtest.h>

namespace crossloom {
namespace {

std::string refusal(const std::function<void()>& work) {
  try {
    work();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(BitCodes, EverySignCodingGivesItsIntegersBack) {
  for (const auto sign : {SignCoding::kPhase,
                          SignCoding::kPair,
                          SignCoding::kRedundantPair,
                          SignCoding::kSignBit,
                          SignCoding::kTwosComplement}) {
    for (int q = -31; q <= 31; ++q) {
      const std::uint32_t word = encode(sign, 5, q);
      EXPECT_EQ(word >> word_bits(sign, 5), 0U);
      EXPECT_EQ(decode(sign, 5, word, q < 0 ? -1 : 1), q);
    }
  }
}

TEST(BitCodes, QuantisedWeightsAreWithinHalfAStep) {
  const Tensor w = at::linspace(-0.7, 0.3, 101).view({1, 101});
  const LayerCodes codes = quantise("w", w, 8);
  double squares = 0;
  for (std::int64_t i = 0; i < 101; ++i) {
    const double error = w[0][i].item<double>() - codes.values[i] * codes.lsb[0];
    EXPECT_LE(std::abs(error), 0.5001 * codes.lsb[0]);
    squares += error * error;
  }
  EXPECT_EQ(codes.values[0], -255);
  EXPECT_NEAR(codes.rounding_power, squares / 101, 1e-12);
}

TEST(BitCodes, OutputsWithTheirOwnStepsKeepTheirCodesAtAnyScale) {
  const Tensor w = at::linspace(-0.7, 0.3, 24).view({4, 6});
  const Tensor scales = at::tensor({1.0, 1e-3, 40.0, 0.0}).view({4, 1});
  const LayerCodes codes = quantise("w", w, 8, ScalePer::kColumn);
  LayerCodes scaled = quantise("w", w * scales, 8, ScalePer::kColumn);
  for (std::int64_t output = 0; output < 3; ++output) {
    const double step = w[output].abs().max().item<double>() / 255;
    EXPECT_NEAR(codes.lsb[output] / step, 1, 1e-6);
    EXPECT_NEAR(scaled.lsb[output] / (step * scales[output].item<double>()), 1, 1e-6);
  }
  EXPECT_GT(scaled.lsb[3], 0);  // pruned away
  EXPECT_TRUE(std::equal(codes.values.begin(), codes.values.begin() + 18, scaled.values.begin()));
  EXPECT_TRUE(
      std::all_of(scaled.values.begin() + 18, scaled.values.end(), [](auto q) { return q == 0; }));
}

TEST(BitCodes, WeightsThatAreNotFiniteAreRefused) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const Tensor w = at::ones({2, 3});
    w[1][2].fill_(bad);
    const std::string message = refusal([&] { quantise("fc1", w, 8); });
    EXPECT_NE(message.find("'fc1' hold a NaN or an infinity"), std::string::npos) << message;
  }
}

TEST(BitCodes, LayerOfZerosIsRefused) {
  for (const double weight : {0.0, 1e-37}) {
    const std::string message = refusal([&] { quantise("fc1", at::full({2, 3}, weight), 8); });
    EXPECT_NE(message.find("all weights of 'fc1' are zero"), std::string::npos) << message;
  }
}

TEST(BitCodes, BitsThatDoNotCoverTheCodesAreRefused) {
  const Tensor q = at::tensor({1, -8}).view({1, 2});
  EXPECT_EQ(take_codes("fc1", q, 1, 4).values[1], -8);
  const std::string message = refusal([&] { take_codes("fc1", q, 1, 3); });
  EXPECT_NE(message.find("3 bits do not cover the codes of 'fc1' (the largest magnitude is 8)"),
            std::string::npos)
      << message;
  EXPECT_NE(refusal([&] { quantise("fc1", at::ones({1, 2}), 16); }), "");
}

}  // namespace
}  // namespace crossloom
