#include "crossloom/crossbar/column_sums.h"

#include <gtest/gtest.h>

#include "crossloom/core/random.h"

namespace crossloom {
namespace {

/// Variances of cells and squares of inputs, a hundred rows in three tiles.
TEST(ColumnSums, ReducedPrecisionKeepsVariancesToASmallShare) {
  const ProductGeometry geometry = ProductGeometry::linear(100, 60);
  Tiling tiling{};
  tiling.row_tiles = 3;
  tiling.rows_per_tile = 40;
  const Tensor values = 1e-14 * Rng(1).uniform({2, 60, 100});
  const Tensor x = 0.04 * Rng(2).uniform({16, 100});
  const ColumnSums whole(values, geometry, tiling);
  const ColumnSums reduced(values, geometry, tiling, ColumnSums::Precision::kReduced);
  for (std::int64_t tile = 0; tile < 3; ++tile) {
    const std::vector<Tensor> exact = whole(x, tile);
    const std::vector<Tensor> sums = reduced(x, tile);
    ASSERT_EQ(sums.size(), 2);
    for (std::size_t k = 0; k < 2; ++k) {
      ASSERT_EQ(sums[k].scalar_type(), at::kFloat);
      ASSERT_EQ(sums[k].sizes(), exact[k].sizes());
      // Half a unit in the last of eight binary places, of both factors and of the sum.
      EXPECT_LT(((sums[k] - exact[k]) / exact[k]).abs().max().item<double>(), 3.0 / 512);
    }
  }
}

}  // namespace
}  // namespace crossloom
