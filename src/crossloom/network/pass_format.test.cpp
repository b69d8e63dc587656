#include "crossloom/network/pass_format.h"

#include <gtest/gtest.h>

#include "crossloom/core/processor.h"
#include "crossloom/core/random.h"

namespace crossloom {
namespace {

constexpr double kUnit = 1.0 / 256;    // of a number in bfloat16
constexpr double kOfSums = 4 * kUnit;  // where LibTorch's own loops add up in bfloat16 too

double distance(const Tensor& a, const Tensor& b) {
  const Tensor difference = a.to(at::kDouble) - b.to(at::kDouble);
  return (difference.norm() / b.to(at::kDouble).norm()).item<double>();
}

TEST(Autocast, ProductsKeepThreeDigitsAndAllElseIsFloat) {
  const Tensor x = Rng(1).normal({4, 3, 9, 9});
  const Tensor w = Rng(2).normal({5, 3, 3, 3});
  const Tensor exact = at::conv2d(x, w);
  {
    const Autocast in_precision(Precision::kBfloat16);
    const Tensor y = at::conv2d(x, w);
    EXPECT_EQ(y.scalar_type(), at::kBFloat16);
    EXPECT_LT(distance(y, exact), kOfSums);
    EXPECT_GT(distance(y, exact), kUnit / 16);
    EXPECT_EQ((x + 1).scalar_type(), at::kFloat);
    {
      const Autocast again(Precision::kFloat32);
      EXPECT_TRUE(at::conv2d(x, w).equal(exact));
    }
    EXPECT_EQ(at::conv2d(x, w).scalar_type(), at::kBFloat16);
  }
  EXPECT_TRUE(at::conv2d(x, w).equal(exact));
}

TEST(Precision, FastestIsRecordedAsWhatItIs) {
  Precision precision = Precision::kFloat32;
  ParamList params;
  describe_precision(params, precision, "passes");
  params.assign({{"precision", "fastest"}});
  EXPECT_EQ(params.values()["precision"], multiplies_bfloat16() ? "bfloat16" : "float32");
  EXPECT_EQ(precision == Precision::kBfloat16, multiplies_bfloat16());
}

TEST(Autocast, GradientsAreFloatAndWeightsAreConvertedAnew) {
  const Tensor x = Rng(1).normal({6, 8});
  const Tensor w = Rng(2).normal({4, 8}).requires_grad_();
  for (int step = 0; step < 2; ++step) {
    Tensor y;
    {
      const Autocast in_precision(Precision::kBfloat16);
      y = at::linear(x, w).to(at::kFloat);
    }
    EXPECT_LT(distance(y, at::linear(x, w)), kOfSums);
    y.sum().backward();
    EXPECT_EQ(w.grad().scalar_type(), at::kFloat);
    EXPECT_LT(distance(w.grad(), x.sum(0).expand({4, 8})), kOfSums);
    const at::NoGradGuard no_grad;
    w.grad().zero_();
    w.mul_(-3);
  }
}

TEST(ChannelsLast, ChangesNoValue) {
  const Tensor x = Rng(1).normal({2, 3, 4, 5});
  EXPECT_TRUE(channels_last(x).equal(x));
  EXPECT_EQ(channels_last(x).stride(1), 1);
  const Tensor grey = Rng(3).normal({2, 1, 4, 5});
  EXPECT_TRUE(channels_last(grey).equal(grey));
  EXPECT_EQ(channels_last(grey).suggest_memory_format(), at::MemoryFormat::ChannelsLast);
  const Tensor tokens = Rng(2).normal({2, 3, 4});
  EXPECT_EQ(channels_last(tokens).data_ptr(), tokens.data_ptr());
}

}  // namespace
}  // namespace crossloom
