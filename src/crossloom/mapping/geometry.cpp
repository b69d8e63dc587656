#include "crossloom/mapping/geometry.h"

#include <algorithm>

namespace crossloom {

std::vector<std::int64_t> ProductGeometry::weight_sizes() const {
  if (kind == Kind::kLinear) return {out_channels, in_channels};
  return {out_channels, in_channels, kernel, kernel};
}

Tensor digital_product(const Tensor& x, const Tensor& weight, const ProductGeometry& geometry) {
  if (geometry.kind == ProductGeometry::Kind::kLinear) return at::linear(x, weight);
  return at::conv2d(x, weight, {}, geometry.stride, geometry.padding);
}

void ArraySize::describe(ParamList& params) {
  params.add("num_rows", num_rows, {1, 65536}, "1", "rows (inputs) of one crossbar");
  params.add("num_cols", num_cols, {2, 65536}, "1", "columns of one crossbar, two per weight");
}

Tiling tile_product(const ProductGeometry& geometry, const ArraySize& array) {
  const std::int64_t kernel_rows = geometry.kernel * geometry.kernel;
  if (kernel_rows > array.num_rows) {
    throw ConfigError("a kernel of " + std::to_string(geometry.kernel) + " x " +
                      std::to_string(geometry.kernel) + " needs " + std::to_string(kernel_rows) +
                      " rows (a kernel is not cut, a crossbar has " +
                      std::to_string(array.num_rows) + "); give array.num_rows of at least " +
                      std::to_string(kernel_rows));
  }
  const auto divide_up = [](std::int64_t a, std::int64_t b) { return (a + b - 1) / b; };
  Tiling tiling{};
  tiling.channels_per_tile = std::min(array.num_rows / kernel_rows, geometry.in_channels);
  tiling.row_tiles = divide_up(geometry.in_channels, tiling.channels_per_tile);
  tiling.col_tiles = divide_up(2 * geometry.out_channels, array.num_cols);
  return tiling;
}

}  // namespace crossloom
