#pragma once

#include "crossloom/mapping/geometry.h"

namespace crossloom {

/// What the digital part does to the outputs of a product: y -> gain y + offset.
struct DigitalCorrection {
  Tensor gain;    // [C]  undefined: no correction
  Tensor offset;  // [C]

  /// `y`, [B, C, H, W] or [..., C], corrected.
  Tensor apply(const Tensor& y, const ProductGeometry& geometry) const;
};

/// The least-squares line, for each output of a product, from what it gave to what it should have
/// given.
class CorrectionFit {
 public:
  /// More outputs, [B, C, H, W] or [..., C].
  void add(const Tensor& given, const Tensor& wanted, const ProductGeometry& geometry);

  /// An output that does not vary keeps its gain. Without `has_offset` the line goes through zero.
  DigitalCorrection solve(bool has_offset) const;

 private:
  Tensor count_, x_, y_, xx_, xy_;  // [C]  sums over what was given, x, and wanted, y
};

/// [B, C, H, W] or [..., C] -> [C, n]
Tensor by_output(const Tensor& y, const ProductGeometry& geometry);

}  // namespace crossloom
