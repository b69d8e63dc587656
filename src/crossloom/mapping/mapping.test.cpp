#include <gtest/gtest.h>

#include "crossloom/core/random.h"
#include "crossloom/mapping/differential_pair.h"
#include "crossloom/mapping/geometry.h"

namespace crossloom {
namespace {

/// Linear and convolutions: plain, with groups, with stride and unequal padding and dilation.
std::vector<ProductGeometry> geometries() {
  ProductGeometry odd = ProductGeometry::conv(4, 6, 3, 2, 0, 2);
  odd.kernel = {3, 2};
  odd.padding = {0, 1, 1, 2};
  odd.dilation = {1, 2};
  return {ProductGeometry::linear(7, 5),
          ProductGeometry::conv(3, 4, 3, 1, 1),
          ProductGeometry::conv(6, 6, 3, 2, 1, 6),
          odd};
}

TEST(ProductGeometry, GradientsAreThoseOfTheProduct) {
  Rng rng(1);
  for (const ProductGeometry& g : geometries()) {
    const bool is_linear = g.kind == ProductGeometry::Kind::kLinear;
    const Tensor x = (is_linear ? rng.normal({2, 3, 7}) : rng.normal({2, g.in_channels, 9, 8}))
                         .requires_grad_(true);
    const Tensor w = rng.normal(g.weight_sizes()).requires_grad_(true);
    const Tensor y = digital_product(x, w, g);
    EXPECT_EQ(y.sizes().vec(), g.output_sizes(x.sizes()));
    const Tensor grad = rng.normal(y.sizes());
    (y * grad).sum().backward();
    EXPECT_TRUE(weight_gradient(grad, x.detach(), w.detach(), g).allclose(w.grad(), 1e-4, 1e-4));
    EXPECT_TRUE(transposed_product(grad, w.detach(), g, x.sizes()).allclose(x.grad(), 1e-4, 1e-4));
  }
}

TEST(Tiling, NeverCutsAKernel) {
  // 5 x 5 kernels in 64 rows: two input channels a tile; 3 x 3 in 256 rows: 28.
  EXPECT_EQ(tile_product(ProductGeometry::conv(4, 12, 5, 1, 0), {64, 64}).channels_per_tile, 2);
  EXPECT_EQ(tile_product(ProductGeometry::conv(4, 12, 5, 1, 0), {64, 64}).row_tiles, 2);
  EXPECT_EQ(tile_product(ProductGeometry::conv(64, 64, 3, 1, 1), {256, 64}).channels_per_tile, 28);
  EXPECT_EQ(tile_product(ProductGeometry::conv(64, 64, 3, 1, 1), {256, 64}).row_tiles, 3);
  EXPECT_EQ(tile_product(ProductGeometry::conv(64, 64, 3, 1, 1), {256, 64}).col_tiles, 2);
}

TEST(Tiling, CutsLinearLayersAnywhere) {
  const Tiling tiling = tile_product(ProductGeometry::linear(192, 10), {64, 64});
  EXPECT_EQ(tiling.row_tiles, 3);
  EXPECT_EQ(tiling.col_tiles, 1);
}

TEST(Tiling, KernelLargerThanTheArrayIsRefused) {
  EXPECT_THROW(tile_product(ProductGeometry::conv(3, 64, 11, 4, 2), {64, 64}), ConfigError);
}

TEST(DifferentialPair, WeightsComeBackFromTheirConductances) {
  const DifferentialPair pair({8e-6, 33e-6}, 0.2);
  const Tensor w = at::linspace(-0.2, 0.2, 41).view({41, 1});
  EXPECT_TRUE(pair.to_weights(pair.to_conductances(w)).allclose(w, 1e-5, 1e-7));
}

TEST(DifferentialPair, UnusedCellRestsAtTheSmallestConductance) {
  const DifferentialPair pair({8e-6, 33e-6}, 1);
  const Tensor g = pair.to_conductances(at::tensor({1.0F, -1.0F, 0.0F, 7.0F}));
  const Tensor expected =
      at::tensor({33e-6F, 8e-6F, 8e-6F, 33e-6F, 8e-6F, 33e-6F, 8e-6F, 8e-6F}).view({2, 4});
  EXPECT_TRUE(g.allclose(expected, 1e-6, 1e-12)) << g;
}

}  // namespace
}  // namespace crossloom
