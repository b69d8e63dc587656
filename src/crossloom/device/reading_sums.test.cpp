#include "crossloom/device/reading_sums.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "crossloom/core/random.h"

namespace crossloom {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Readings of n cells at two times of the means 1 and 2 and the correlation 0.8.
Tensor correlated(std::int64_t n, std::uint64_t seed) {
  Rng rng(seed);
  const Tensor first = rng.normal({n}).to(at::kDouble);
  const Tensor second = 0.8 * first + 0.6 * rng.normal({n}).to(at::kDouble);
  return at::stack({1 + first, 2 + second}, 1);
}

TEST(ReadingSums, CompleteReadingsHaveTheirSampleMoments) {
  const Tensor x = correlated(1000, 1);
  const Tensor group = at::arange(1000, at::kLong).remainder(3);
  const ReadingMoments moments = ReadingSums::of(x, group, 3).moments();
  for (std::int64_t b = 0; b < 3; ++b) {
    const Tensor own = x.index_select(0, group.eq(b).nonzero().squeeze(1));
    EXPECT_TRUE(moments.mean[b].allclose(own.mean(0), 1e-12, 0));
    const Tensor centred = own - own.mean(0);
    const Tensor covariance = centred.t().matmul(centred) / static_cast<double>(own.size(0));
    EXPECT_TRUE(moments.covariance[b].allclose(covariance, 1e-9, 1e-12));
    EXPECT_EQ(moments.num_read[b][0].item<double>(), static_cast<double>(own.size(0)));
  }
}

TEST(ReadingSums, MeansDoNotDependOnWhichCellsWereReadLater) {
  const std::int64_t n = 40000;
  Tensor x = correlated(n, 2);
  // Only cells that read high at first are read again.
  const Tensor is_missed = x.select(1, 0).lt(1);
  x.select(1, 1).masked_fill_(is_missed, kNaN);
  const ReadingMoments moments = ReadingSums::of(x, at::zeros({n}, at::kLong), 1).moments();
  const Tensor read = x.select(1, 1).masked_select(is_missed.logical_not());
  EXPECT_GT(read.mean().item<double>(), 2.6);  // 2 + 0.8 sqrt(2 / pi)
  // Regression on half of the cells: error of the mean below that of a quarter of them.
  EXPECT_NEAR(moments.mean[0][1].item<double>(), 2, 5 / std::sqrt(n / 4.0));
  EXPECT_NEAR(moments.covariance[0][1][1].item<double>(), 1, 5 * std::sqrt(2 / (n / 4.0)));
  EXPECT_NEAR(moments.covariance[0][0][1].item<double>(), 0.8, 5 * std::sqrt(2 / (n / 4.0)));
}

TEST(ReadingSums, AddAndLeaveOutTimesAsIfReadSo) {
  Tensor x = at::cat({correlated(500, 3), correlated(500, 4).select(1, 1).unsqueeze(1)}, 1);
  x.select(1, 1).slice(0, 0, 500, 3).fill_(kNaN);
  x.select(1, 2).slice(0, 0, 500, 2).fill_(kNaN);
  const Tensor group = at::arange(500, at::kLong).remainder(2);
  const ReadingSums all = ReadingSums::of(x, group, 2);
  const ReadingSums sum = ReadingSums::of(x.slice(0, 0, 200), group.slice(0, 0, 200), 2) +
                          ReadingSums::of(x.slice(0, 200), group.slice(0, 200), 2);
  EXPECT_TRUE(sum.moments().mean.allclose(all.moments().mean, 1e-10, 0));
  EXPECT_TRUE(sum.moments().covariance.allclose(all.moments().covariance, 1e-8, 1e-10));
  const Tensor kept = x.index_select(1, at::tensor({0, 2}, at::kLong));
  const ReadingMoments direct = ReadingSums::of(kept, group, 2).moments();
  const ReadingMoments left = all.without_time(1).moments();
  EXPECT_TRUE(left.mean.allclose(direct.mean, 1e-10, 0));
  EXPECT_TRUE(left.covariance.allclose(direct.covariance, 1e-8, 1e-10));
}

}  // namespace
}  // namespace crossloom
