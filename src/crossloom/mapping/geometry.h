#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <ATen/ATen.h>

#include "crossloom/core/params.h"

namespace crossloom {

using at::Tensor;

/// A product with a stored weight: a convolution of images, or a linear layer over the last
/// dimension.
struct ProductGeometry {
  enum class Kind { kLinear, kConv };
  using Extent = std::array<std::int64_t, 2>;   // along the height, along the width
  using Padding = std::array<std::int64_t, 4>;  // top, left, bottom, right

  Kind kind = Kind::kLinear;
  std::int64_t in_channels = 1;
  std::int64_t out_channels = 1;
  Extent kernel = {1, 1};
  Extent stride = {1, 1};
  Padding padding = {0, 0, 0, 0};
  Extent dilation = {1, 1};
  std::int64_t groups = 1;  // each connects its share of the inputs with its share of the outputs

  static ProductGeometry linear(std::int64_t in_channels, std::int64_t out_channels);

  /// A square kernel with the same stride and padding in both directions.
  static ProductGeometry conv(std::int64_t in_channels,
                              std::int64_t out_channels,
                              std::int64_t kernel,
                              std::int64_t stride = 1,
                              std::int64_t padding = 0,
                              std::int64_t groups = 1);

  std::int64_t kernel_area() const { return kernel[0] * kernel[1]; }
  /// Rows of the weight matrix (of each group).
  std::int64_t num_rows() const { return in_channels / groups * kernel_area(); }
  std::int64_t num_weights() const { return num_rows() * out_channels; }
  bool is_depthwise() const { return groups > 1 && groups == in_channels; }

  /// Shape of the weight: [C, C_in / groups, k_h, k_w] or [C, C_in].
  std::vector<std::int64_t> weight_sizes() const;

  /// Shape of the output for an input of shape `input_size`.
  std::vector<std::int64_t> output_sizes(at::IntArrayRef input_size) const;
};

/// The exact product, with gradients where the arguments want them.
///
///   x        [B, C_in, H, W]  or [..., C_in]
///   returns  [B, C, H', W']   or [..., C]
Tensor digital_product(const Tensor& x,
                       const Tensor& weight,
                       const ProductGeometry& geometry,
                       const Tensor& bias = {});

/// The transposed product: what the output gradient `grad` is to an input of shape `input_size`.
Tensor transposed_product(const Tensor& grad,
                          const Tensor& weight,
                          const ProductGeometry& geometry,
                          at::IntArrayRef input_size);

/// Gradient of the weight, from the input and the gradient of the output.
Tensor weight_gradient(const Tensor& grad,
                       const Tensor& x,
                       const Tensor& weight,
                       const ProductGeometry& geometry);

/// Size of one crossbar.
struct ArraySize {
  std::int64_t num_rows = 64;
  std::int64_t num_cols = 64;

  void describe(ParamList& params);
};

/// What a weight takes of a crossbar.
struct WeightFootprint {
  std::int64_t num_cells = 2;       // in one row
  std::int64_t num_lines = 2;       // columns
  std::int64_t num_references = 0;  // columns of a block that all of its weights share
};

/// How a product is cut into blocks of crossbars, and what of them it uses.
///
/// The rows of a group are its inputs in the order (channel, k_h, k_w). A kernel that fits into a
/// crossbar is never cut, so that a row tile holds floor(R / (k_h k_w)) input channels; rows of a
/// larger kernel are cut anywhere. The columns of one weight are never parted.
/// Source: derived from Table 2 of arXiv:2305.14547, which it reproduces; groups are ours.
struct Tiling {
  std::int64_t rows_per_tile;
  std::int64_t outputs_per_tile;
  std::int64_t row_tiles;  // of one group
  std::int64_t col_tiles;  // of one group
  std::int64_t blocks_per_crossbar;
  std::int64_t num_crossbars;  // of all groups
  std::int64_t used_cells;
  std::int64_t all_cells;  // of these crossbars

  double utilisation() const {
    return static_cast<double>(used_cells) / static_cast<double>(all_cells);
  }
};

/// Throws `ConfigError` when `array` does not hold a weight.
Tiling tile_product(const ProductGeometry& geometry,
                    const ArraySize& array,
                    const WeightFootprint& footprint = {});

/// One block of a product, a rectangle of one crossbar: the outputs of a column tile for the inputs
/// of a row tile of one group.
///
/// This is how a product lies in a crossbar. Rows are driven from the left, columns end at the
/// bottom. Within a block the first row is at the top; output o (counted from `first_output`) takes
/// the columns (o S + s) L + l: its slices s, most significant first, beside each other, and the L
/// lines of a slice, positive before negative. A reference column is the last of its block. The
/// first block of a crossbar stands in the bottom left corner, where lines are shortest. Groups do
/// not share rows or columns: those that fit into one crossbar stand on its diagonal, block n above
/// and to the right of block n - 1. Cells beside the blocks carry no current (assumption: they are
/// not formed, or their selectors are open).
struct Block {
  std::int64_t group;
  std::int64_t row_tile;
  std::int64_t col_tile;
  std::int64_t crossbar;   // number, within the product
  std::int64_t first_row;  // of the weight matrix of the group
  std::int64_t num_rows;
  std::int64_t first_output;  // of the product
  std::int64_t num_outputs;
  std::int64_t rows_below;    // in the crossbar
  std::int64_t lines_before;  // columns left of the block
};

std::vector<Block> blocks_of(const ProductGeometry& geometry,
                             const Tiling& tiling,
                             const WeightFootprint& footprint);

}  // namespace crossloom
