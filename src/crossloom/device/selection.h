#pragma once

#include "crossloom/device/cells.h"

namespace crossloom {

/// Some cells of a block, and what becomes of the others while something is computed for these.
///
/// A selected quantity has the shape [n], or [1] where all cells have one value in common.
class Selection {
 public:
  /// Whether the others may be computed as well, and the results dropped: cheaper than to pick the
  /// selected ones out, when they are not few.
  enum class Others { kLeftOut, kMayComeAlong };

  /// The cells where `mask`, [...], is true.
  Selection(const Tensor& mask, Others others);

  bool is_empty() const { return num_selected_ == 0; }

  /// Number n of the cells that are computed.
  std::int64_t size() const { return index_.defined() ? num_selected_ : mask_.numel(); }

  Tensor gather(const Tensor& tensor) const;

  /// `changed` at the selected cells, `tensor` elsewhere.
  Tensor scatter(const Tensor& tensor, const Tensor& changed) const;

 private:
  Tensor mask_;
  Tensor index_;  // of the flat block, where only the selected ones are computed
  std::int64_t num_selected_;
};

}  // namespace crossloom
