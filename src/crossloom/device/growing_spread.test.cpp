#include "crossloom/device/growing_spread.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "crossloom/core/random.h"

namespace crossloom {
namespace {

constexpr std::int64_t kCells = 1003;

GrowingSpread spread() {
  return {
      {{{0.3, 16, -43, 45, -17}, {0.7, 22, -50, 47, -16}, {-0.5, 20, -43, 37, -12}}}, 1e-6, 4e-5};
}

/// From below zero to above g_max.
Tensor targets() {
  return at::linspace(-1e-5, 6e-5, kCells);
}

/// sigma(r, x) by the definition, in double precision.
double sigma(double g_target, double x) {
  const GrowingSpread law = spread();
  const double r = std::clamp(g_target / law.g_max, 0.0, 1.0);
  double s[3];
  for (std::size_t k = 0; k < 3; ++k) {
    double sum = 0;
    for (std::size_t j = 0; j < 5; ++j) sum += law.fits[k][j] * std::pow(r, static_cast<double>(j));
    s[k] = std::max(law.scale * sum, 0.0);
  }
  return s[0] + (s[1] - s[0]) * std::min(x, 1.0) + (s[2] - s[1]) * std::max(x - 1, 0.0);
}

TEST(GrowingSpread, IsWhatItsDefinitionSays) {
  const Tensor target = targets();
  const Tensor xi = Rng(1).normal({kCells});
  const Tensor written = spread().written(target, xi);
  const auto at = [](const Tensor& x, std::int64_t i) { return double{x[i].item<float>()}; };
  for (const double x : {0.0, 0.4, 1.0, 1.7, 2.0}) {
    const Tensor g = spread().relaxed(target, written, at::full({1}, x, at::kFloat), xi);
    for (std::int64_t i = 0; i < kCells; i += 17) {
      const double before = sigma(at(target, i), 0);
      const double now = sigma(at(target, i), x);
      const double first = std::max(at(target, i) + before * at(xi, i), 0.0);
      EXPECT_NEAR(at(written, i), first, 1e-11);
      const double growth = std::sqrt(std::max(now * now - before * before, 0.0));
      // A small growth is the root of the difference of two rounded squares.
      EXPECT_NEAR(at(g, i), std::max(first + growth * at(xi, i), 0.0), 2e-8) << x << ' ' << i;
    }
  }
}

TEST(GrowingSpread, IsTheSameInTensorOperations) {
  const Tensor written = spread().written(targets(), Rng(1).normal({kCells}));
  const Tensor xi = Rng(2).normal({kCells});
  for (const Tensor& x : {at::full({1}, 0.3F), at::full({1}, 2.0F), 2 * Rng(3).uniform({kCells})}) {
    EXPECT_TRUE(spread()
                    .relaxed(targets(), written, x, xi)
                    .allclose(spread().relaxed_by_tensors(targets(), written, x, xi), 1e-5, 2e-8));
  }
}

}  // namespace
}  // namespace crossloom
