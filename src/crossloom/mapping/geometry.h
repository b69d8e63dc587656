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

/// How a product is cut into crossbars.
///
/// A kernel is never cut, so that a row tile holds floor(R / k^2) input channels; each weight takes
/// two neighbouring columns (its differential pair).
/// Source: derived from Table 2 of arXiv:2305.14547, which it reproduces.
struct Tiling {
  std::int64_t channels_per_tile;
  std::int64_t row_tiles;
  std::int64_t col_tiles;

  std::int64_t num_crossbars() const { return row_tiles * col_tiles; }
};

/// Throws `ConfigError` when one kernel, or one pair of columns, does not fit into `array`.
Tiling tile_product(const ProductGeometry& geometry, const ArraySize& array);

}  // namespace crossloom
