#include "crossloom/device/selection.h"

namespace crossloom {

Selection::Selection(const Tensor& mask) : size_(mask.numel()) {
  if (size_ == 0 || mask.all().item<bool>()) return;
  index_ = mask.reshape(-1).nonzero().squeeze(1);
  size_ = index_.numel();
}

Tensor Selection::gather(const Tensor& tensor) const {
  return index_.defined() ? tensor.reshape(-1).index_select(0, index_) : tensor.reshape(-1);
}

Tensor Selection::scatter(const Tensor& tensor, const Tensor& changed) const {
  const Tensor typed = changed.to(tensor.scalar_type());
  if (!index_.defined()) return typed.reshape(tensor.sizes());
  Tensor result = tensor.clone();
  result.view(-1).index_copy_(0, index_, typed);
  return result;
}

}  // namespace crossloom
