#include "crossloom/core/random.h"

#include <cmath>

#include <ATen/Parallel.h>
#include <Random123/philox.h>
#include <gtest/gtest.h>

#include "crossloom/core/philox.h"

namespace crossloom {
namespace {

TEST(Philox, AgreesWithRandom123) {
  const philox::Source source = {{0x12345678, 0x9abcdef0}, {42, 0xffffffff}, 7};
  std::uint32_t words[philox::kChunk];
  philox::bits(source, 3, words);
  for (std::uint32_t k = 0; k < 64; ++k) {
    const r123::Philox4x32::ctr_type counter = {{3 * 64 + k, 7, 42, 0xffffffff}};
    const auto expected = r123::Philox4x32()(counter, {{0x12345678, 0x9abcdef0}});
    for (std::uint32_t w = 0; w < 4; ++w) ASSERT_EQ(words[64 * w + k], expected[w]);
  }
}

TEST(Philox, NormalsAreBoxMullerOfTheBits) {
  const philox::Source source = {{1, 2}, {3, 4}, 5};
  double worst = 0;
  for (std::uint32_t chunk = 0; chunk < 400; ++chunk) {
    std::uint32_t words[philox::kChunk];
    float normals[philox::kChunk];
    philox::bits(source, chunk, words);
    philox::normal(source, chunk, normals);
    for (std::size_t k = 0; k < 64; ++k) {
      for (std::size_t half = 0; half < 2; ++half) {
        const double u = ((words[128 * half + k] >> 1) + 0.5) * 0x1p-31;
        const std::uint32_t word = words[128 * half + 64 + k];
        const double angle =
            M_PI_2 * ((word >> 30) + static_cast<std::int32_t>(word << 2) * 0x1p-32);
        const double radius = std::sqrt(-2 * std::log(u));
        worst = std::max(worst, std::abs(normals[128 * half + k] - radius * std::cos(angle)));
        worst = std::max(worst, std::abs(normals[128 * half + 64 + k] - radius * std::sin(angle)));
      }
    }
  }
  EXPECT_LT(worst, 4e-6);  // a float near 5 has a step of 5e-7
}

TEST(Rng, EqualPathsGiveEqualNumbers) {
  Rng first = stream(1, {2, 3, 4}, Purpose::kRead);
  Rng second = stream(1, {2, 3, 4}, Purpose::kRead);
  EXPECT_TRUE(first.normal({100}).equal(second.normal({100})));
  EXPECT_TRUE(first.normal({100}).equal(second.normal({100})));
}

TEST(Rng, EveryPartOfThePathMatters) {
  const Tensor reference = stream(1, {2, 3, 4}, Purpose::kRead).normal({64});
  EXPECT_FALSE(stream(9, {2, 3, 4}, Purpose::kRead).normal({64}).equal(reference));
  EXPECT_FALSE(stream(1, {9, 3, 4}, Purpose::kRead).normal({64}).equal(reference));
  EXPECT_FALSE(stream(1, {2, 9, 4}, Purpose::kRead).normal({64}).equal(reference));
  EXPECT_FALSE(stream(1, {2, 3, 9}, Purpose::kRead).normal({64}).equal(reference));
  EXPECT_FALSE(stream(1, {2, 3, 4}, Purpose::kFault).normal({64}).equal(reference));
  EXPECT_FALSE(stream(1, {3, 2, 4}, Purpose::kRead).normal({64}).equal(reference));
}

TEST(Rng, ForkDoesNotDependOnDraws) {
  Rng parent(5);
  Rng before = parent.fork(1);
  parent.normal({10});
  Rng after = parent.fork(1);
  EXPECT_TRUE(before.normal({10}).equal(after.normal({10})));
}

TEST(Rng, NumbersDoNotDependOnThreadsNorOnTheSizeOfTheDraw) {
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const Tensor one = Rng(3).normal({100003});
  at::set_num_threads(3);
  const Tensor three = Rng(3).normal({200000});
  at::set_num_threads(threads);
  EXPECT_TRUE(one.equal(three.slice(0, 0, 100003)));
}

TEST(Rng, PeekGivesPartsOfTheNextDraw) {
  Rng rng(4);
  std::vector<float> part(777);
  rng.peek_normal(part.data(), 301, part.size());
  const Tensor whole = rng.normal({2000});
  EXPECT_TRUE(at::from_blob(part.data(), {777}).equal(whole.slice(0, 301, 301 + 777)));
}

// Mean, variance, third and fourth moment, and correlation of neighbours at every lag up to one
// chunk, each within 5 standard errors.
TEST(Rng, NormalsHaveTheMomentsOfAGaussian) {
  const std::int64_t n = 1 << 22;
  const Tensor x = Rng(11).normal({n}).to(at::kDouble);
  const double root = std::sqrt(static_cast<double>(n));
  EXPECT_NEAR(x.mean().item<double>(), 0, 5 / root);
  EXPECT_NEAR(x.square().mean().item<double>(), 1, 5 * std::sqrt(2.0) / root);
  EXPECT_NEAR(x.pow(3).mean().item<double>(), 0, 5 * std::sqrt(15.0) / root);
  EXPECT_NEAR(x.pow(4).mean().item<double>(), 3, 5 * std::sqrt(96.0) / root);
  for (const std::int64_t lag : {1, 63, 64, 65, 128, 256}) {
    const double correlation = (x.slice(0, lag) * x.slice(0, 0, n - lag)).mean().item<double>();
    EXPECT_NEAR(correlation, 0, 5 / root) << "lag " << lag;
  }
}

TEST(Rng, NormalsFollowTheGaussianDistribution) {
  const std::int64_t n = 1 << 20;
  const Tensor x = Rng(12).normal({n});
  for (const double limit : {-3.0, -2.0, -1.0, -0.3, 0.0, 0.7, 1.5, 2.5, 3.5}) {
    const double p = 0.5 * std::erfc(-limit / std::sqrt(2.0));
    const double measured = x.lt(limit).to(at::kDouble).mean().item<double>();
    EXPECT_NEAR(measured, p, 5 * std::sqrt(p * (1 - p) / static_cast<double>(n))) << limit;
  }
}

TEST(Rng, UniformsFillTheUnitIntervalEvenly) {
  const std::int64_t n = 1 << 20;
  const Tensor x = Rng(13).uniform({n});
  EXPECT_GE(x.min().item<float>(), 0);
  EXPECT_LT(x.max().item<float>(), 1);
  const Tensor counts = at::histc(x, 64, 0, 1).to(at::kDouble);
  const double expected = static_cast<double>(n) / 64;
  const double chi2 = ((counts - expected).square() / expected).sum().item<double>();
  EXPECT_NEAR(chi2, 63, 5 * std::sqrt(2 * 63.0));
}

TEST(Rng, PermutationHoldsEachNumberOnceInANewOrder) {
  Rng rng(14);
  const Tensor first = rng.permutation(1000);
  const Tensor second = rng.permutation(1000);
  EXPECT_TRUE(std::get<0>(first.sort()).equal(at::arange(1000, at::kLong)));
  EXPECT_FALSE(first.equal(second));
  EXPECT_FALSE(first.equal(at::arange(1000, at::kLong)));
  EXPECT_EQ(rng.permutation(0).numel(), 0);
  EXPECT_EQ(rng.permutation(1).numel(), 1);
}

}  // namespace
}  // namespace crossloom
