#pragma once

#include <cstdint>
#include <vector>

#include <ATen/ATen.h>

#include "crossloom/core/params.h"

namespace crossloom {

using at::Tensor;

/// A product with a stored weight: a convolution, or a linear layer as one with a kernel of 1 x 1.
/// Its weight has the shape [C_out, C_in, k, k] ([C_out, C_in] for a linear layer).
struct ProductGeometry {
  enum class Kind { kLinear, kConv };
  Kind kind = Kind::kLinear;
  std::int64_t in_channels = 1;
  std::int64_t out_channels = 1;
  std::int64_t kernel = 1;
  std::int64_t stride = 1;
  std::int64_t padding = 0;

  /// Rows of the weight matrix.
  std::int64_t num_rows() const { return in_channels * kernel * kernel; }
  std::int64_t num_weights() const { return num_rows() * out_channels; }
  /// Shape of the weight.
  std::vector<std::int64_t> weight_sizes() const;
};

/// The exact product, with gradients where the arguments want them.
///
///   x        [B, C_in, H, W]  or [B, C_in]
///   returns  [B, C, H', W']   or [B, C]
Tensor digital_product(const Tensor& x, const Tensor& weight, const ProductGeometry& geometry);

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
