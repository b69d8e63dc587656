#pragma once

#include <vector>

#include <ATen/ATen.h>

#include "crossloom/mapping/geometry.h"

namespace crossloom {

/// What the columns of crossbars add up: inputs of their rows times a value of each cell, in the
/// row tiles of a product. Made once from the cells; no tensor of batch x rows x columns is ever
/// made.
class ColumnSums {
 public:
  ColumnSums() = default;

  enum class Precision {
    kSingle,
    kReduced,  // three significant digits, for variances, where that is faster
  };

  /// K kinds of columns, such as slices and signs.
  ///
  ///   values  [K, weight shape]
  ColumnSums(const Tensor& values,
             const ProductGeometry& geometry,
             const Tiling& tiling,
             Precision precision = Precision::kSingle);

  /// All cells have the same value, so that one column stands for all of them.
  ColumnSums(double value, const ProductGeometry& geometry, const Tiling& tiling);

  bool is_empty() const { return tiles_.empty(); }

  /// Sums over the rows of row tile `tile`, in the units of `x` times those of the values: K
  /// tensors [B, N] of N = C L outputs, or for equal cells one tensor [B, Nv] that repeats along N.
  ///
  ///   x  [B, C_in, H, W]  or [B, C_in]
  std::vector<Tensor> operator()(const Tensor& x, std::int64_t tile) const;

 private:
  /// The channels of each group that a row tile touches, and its rows as kernels over them: those
  /// of rows that belong to other tiles are zero.
  struct Tile {
    std::int64_t first_channel;
    std::int64_t num_channels;
    Tensor kernels;  // [K, C, channels or 1, k_h, k_w]; linear: [channels, K C], float or bfloat16
  };

  Tile cut(const Tensor& values, const Tiling& tiling, std::int64_t tile) const;
  Tensor channels_of(const Tensor& x, const Tile& tile) const;
  std::vector<Tensor> convolve(const Tensor& x, const Tensor& kernels) const;
  Tensor convolve_images(const Tensor& x, const Tensor& kernel) const;

  ProductGeometry geometry_;  // of equal cells with one output per group
  std::int64_t num_kinds_ = 0;
  std::int64_t repeats_ = 1;  // outputs of a group that one column of equal cells stands for
  bool adds_channels_first_ = false;  // kernels are the same for all channels of a tile
  std::vector<Tile> tiles_;
};

}  // namespace crossloom
