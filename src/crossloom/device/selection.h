#pragma once

#include "crossloom/device/cells.h"

namespace crossloom {

/// Some cells of a block, or all of them, which then are neither gathered nor scattered. A selected
/// quantity has the shape [n].
class Selection {
 public:
  explicit Selection(const Tensor& mask);

  bool is_empty() const { return size_ == 0; }

  Tensor gather(const Tensor& tensor) const;

  /// `changed` at the selected cells, `tensor` elsewhere.
  Tensor scatter(const Tensor& tensor, const Tensor& changed) const;

 private:
  Tensor index_;  // of the flat block; undefined: all of it
  std::int64_t size_;
};

}  // namespace crossloom
