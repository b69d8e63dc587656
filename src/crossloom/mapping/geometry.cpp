#include "crossloom/mapping/geometry.h"

#include <algorithm>

namespace crossloom {
namespace {

bool is_symmetric(const ProductGeometry::Padding& padding) {
  return padding[0] == padding[2] && padding[1] == padding[3];
}

/// The input with its padding, for convolutions that pad more on one side than on the other.
Tensor pad(const Tensor& x, const ProductGeometry::Padding& padding) {
  return at::constant_pad_nd(x, {padding[1], padding[3], padding[0], padding[2]});
}

std::vector<std::int64_t> symmetric_part(const ProductGeometry::Padding& padding) {
  if (!is_symmetric(padding)) return {0, 0};
  return {padding[0], padding[1]};
}

/// Gradients of the input as padded, and of the weight.
std::tuple<Tensor, Tensor, Tensor> convolution_gradients(const Tensor& grad,
                                                         const Tensor& x,
                                                         const Tensor& weight,
                                                         const ProductGeometry& geometry,
                                                         std::array<bool, 3> wanted) {
  return at::convolution_backward(grad,
                                  x,
                                  weight,
                                  c10::nullopt,
                                  geometry.stride,
                                  symmetric_part(geometry.padding),
                                  geometry.dilation,
                                  /*transposed=*/false,
                                  /*output_padding=*/{0, 0},
                                  geometry.groups,
                                  wanted);
}

}  // namespace

ProductGeometry ProductGeometry::linear(std::int64_t in_channels, std::int64_t out_channels) {
  ProductGeometry geometry;
  geometry.in_channels = in_channels;
  geometry.out_channels = out_channels;
  return geometry;
}

ProductGeometry ProductGeometry::conv(std::int64_t in_channels,
                                      std::int64_t out_channels,
                                      std::int64_t kernel,
                                      std::int64_t stride,
                                      std::int64_t padding,
                                      std::int64_t groups) {
  ProductGeometry geometry;
  geometry.kind = Kind::kConv;
  geometry.in_channels = in_channels;
  geometry.out_channels = out_channels;
  geometry.kernel = {kernel, kernel};
  geometry.stride = {stride, stride};
  geometry.padding = {padding, padding, padding, padding};
  geometry.groups = groups;
  return geometry;
}

std::vector<std::int64_t> ProductGeometry::weight_sizes() const {
  if (kind == Kind::kLinear) return {out_channels, in_channels};
  return {out_channels, in_channels / groups, kernel[0], kernel[1]};
}

std::vector<std::int64_t> ProductGeometry::output_sizes(at::IntArrayRef input_size) const {
  std::vector<std::int64_t> sizes = input_size.vec();
  if (kind == Kind::kLinear) {
    sizes.back() = out_channels;
    return sizes;
  }
  sizes[1] = out_channels;
  for (std::size_t side = 0; side < 2; ++side) {
    const std::int64_t reach = dilation[side] * (kernel[side] - 1) + 1;
    sizes[2 + side] =
        (input_size[2 + side] + padding[side] + padding[2 + side] - reach) / stride[side] + 1;
  }
  return sizes;
}

Tensor digital_product(const Tensor& x,
                       const Tensor& weight,
                       const ProductGeometry& geometry,
                       const Tensor& bias) {
  if (geometry.kind == ProductGeometry::Kind::kLinear) return at::linear(x, weight, bias);
  return at::conv2d(is_symmetric(geometry.padding) ? x : pad(x, geometry.padding),
                    weight,
                    bias,
                    geometry.stride,
                    symmetric_part(geometry.padding),
                    geometry.dilation,
                    geometry.groups);
}

Tensor transposed_product(const Tensor& grad,
                          const Tensor& weight,
                          const ProductGeometry& geometry,
                          at::IntArrayRef input_size) {
  if (geometry.kind == ProductGeometry::Kind::kLinear) return at::matmul(grad, weight);
  std::vector<std::int64_t> padded = input_size.vec();
  const bool is_padded_here = !is_symmetric(geometry.padding);
  for (std::size_t side = 0; side < 2 && is_padded_here; ++side) {
    padded[2 + side] += geometry.padding[side] + geometry.padding[2 + side];
  }
  const Tensor x = at::empty({1}, grad.options()).expand(padded);  // only its shape is used
  const Tensor grad_x = std::get<0>(
      convolution_gradients(grad.contiguous(), x, weight, geometry, {true, false, false}));
  if (!is_padded_here) return grad_x;
  return grad_x.narrow(2, geometry.padding[0], input_size[2])
      .narrow(3, geometry.padding[1], input_size[3]);
}

Tensor weight_gradient(const Tensor& grad,
                       const Tensor& x,
                       const Tensor& weight,
                       const ProductGeometry& geometry) {
  if (geometry.kind == ProductGeometry::Kind::kLinear) {
    return at::mm(grad.reshape({-1, geometry.out_channels}).t(),
                  x.reshape({-1, geometry.in_channels}));
  }
  const Tensor padded = is_symmetric(geometry.padding) ? x : pad(x, geometry.padding);
  return std::get<1>(
      convolution_gradients(grad.contiguous(), padded, weight, geometry, {false, true, false}));
}

void ArraySize::describe(ParamList& params) {
  params.add("num_rows", num_rows, {1, 65536}, "1", "rows (inputs) of one crossbar");
  params.add("num_cols", num_cols, {1, 65536}, "1", "columns of one crossbar, see mapping.scheme");
}

namespace {

std::int64_t divide_up(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

}  // namespace

Tiling tile_product(const ProductGeometry& geometry,
                    const ArraySize& array,
                    const WeightFootprint& footprint) {
  const std::int64_t smallest = footprint.num_lines + footprint.num_references;
  if (array.num_rows < 1 || array.num_cols < smallest) {
    throw ConfigError("a crossbar of " + std::to_string(array.num_rows) + " x " +
                      std::to_string(array.num_cols) + " cells (a weight takes one row and " +
                      std::to_string(smallest) +
                      " columns); give array.num_rows of at least 1 and array.num_cols of at "
                      "least " +
                      std::to_string(smallest) + ", or fewer slices");
  }
  const std::int64_t rows = geometry.num_rows();
  const std::int64_t outputs = geometry.out_channels / geometry.groups;
  const std::int64_t kernels = array.num_rows / geometry.kernel_area();
  Tiling tiling{};
  tiling.rows_per_tile =
      std::min(kernels > 0 ? kernels * geometry.kernel_area() : array.num_rows, rows);
  tiling.row_tiles = divide_up(rows, tiling.rows_per_tile);
  tiling.outputs_per_tile =
      std::min((array.num_cols - footprint.num_references) / footprint.num_lines, outputs);
  tiling.col_tiles = divide_up(outputs, tiling.outputs_per_tile);
  const std::int64_t cols = outputs * footprint.num_lines + footprint.num_references;
  tiling.blocks_per_crossbar =
      std::max<std::int64_t>(1, std::min(array.num_rows / rows, array.num_cols / cols));
  tiling.num_crossbars =
      divide_up(geometry.groups, tiling.blocks_per_crossbar) * tiling.row_tiles * tiling.col_tiles;
  tiling.used_cells =
      footprint.num_cells * geometry.num_weights() +
      footprint.num_references * geometry.groups * tiling.col_tiles * geometry.num_rows();
  tiling.all_cells = tiling.num_crossbars * array.num_rows * array.num_cols;
  return tiling;
}

std::vector<Block> blocks_of(const ProductGeometry& geometry,
                             const Tiling& tiling,
                             const WeightFootprint& footprint) {
  const std::int64_t outputs = geometry.out_channels / geometry.groups;
  const std::int64_t cols = outputs * footprint.num_lines + footprint.num_references;
  std::vector<Block> blocks;
  for (std::int64_t group = 0; group < geometry.groups; ++group) {
    const std::int64_t place = group % tiling.blocks_per_crossbar;
    for (std::int64_t t = 0; t < tiling.row_tiles; ++t) {
      for (std::int64_t j = 0; j < tiling.col_tiles; ++j) {
        Block block{};
        block.group = group;
        block.row_tile = t;
        block.col_tile = j;
        block.crossbar =
            (group / tiling.blocks_per_crossbar * tiling.row_tiles + t) * tiling.col_tiles + j;
        block.first_row = t * tiling.rows_per_tile;
        block.num_rows = std::min(tiling.rows_per_tile, geometry.num_rows() - block.first_row);
        block.first_output = group * outputs + j * tiling.outputs_per_tile;
        block.num_outputs =
            std::min(tiling.outputs_per_tile, outputs - j * tiling.outputs_per_tile);
        block.rows_below = place * geometry.num_rows();
        block.lines_before = place * cols;
        blocks.push_back(block);
      }
    }
  }
  return blocks;
}

}  // namespace crossloom
