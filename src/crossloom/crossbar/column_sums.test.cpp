#include "crossloom/crossbar/column_sums.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "crossloom/core/random.h"

namespace crossloom {
namespace {

/// Half a unit in the last of eight binary places, of both factors and of the sum.
constexpr double kReduced = 3.0 / 512;

/// Largest relative distance of reduced sums over variances of cells and squares of inputs.
double distance(const ProductGeometry& geometry, const Tiling& tiling, std::int64_t batch) {
  std::vector<std::int64_t> sizes = geometry.weight_sizes();
  sizes.insert(sizes.begin(), 2);
  const Tensor values = 1e-14 * Rng(1).uniform(sizes);
  const Tensor x = 0.04 * Rng(2).uniform({batch, geometry.in_channels});
  const ColumnSums whole(values, geometry, tiling);
  const ColumnSums reduced(values, geometry, tiling, ColumnSums::Precision::kReduced);
  double largest = 0;
  for (std::int64_t tile = 0; tile < tiling.row_tiles; ++tile) {
    const std::vector<Tensor> exact = whole(x, tile);
    const std::vector<Tensor> sums = reduced(x, tile);
    for (std::size_t k = 0; k < 2; ++k) {
      EXPECT_EQ(sums.at(k).scalar_type(), at::kFloat);
      EXPECT_EQ(sums[k].sizes(), exact[k].sizes());
      largest = std::max(largest, ((sums[k] - exact[k]) / exact[k]).abs().max().item<double>());
    }
  }
  return largest;
}

TEST(ColumnSums, ReducedPrecisionKeepsVariancesToASmallShare) {
  Tiling tiling{};
  tiling.row_tiles = 3;
  tiling.rows_per_tile = 40;
  EXPECT_LT(distance(ProductGeometry::linear(100, 60), tiling, 16), kReduced);
}

TEST(ColumnSums, ReducedPrecisionAddsUpManyRowsOfFewColumns) {
  Tiling tiling{};
  tiling.row_tiles = 1;
  tiling.rows_per_tile = 2000;
  for (const std::int64_t batch : {1, 3, 40}) {
    EXPECT_LT(distance(ProductGeometry::linear(2000, 1), tiling, batch), kReduced) << batch;
  }
}

}  // namespace
}  // namespace crossloom
