#include "crossloom/device/selection.h"

#include "crossloom/device/masks.h"

namespace crossloom {
namespace {

/// Others come along up to that many times the selected ones.
constexpr std::int64_t kMostOthers = 8;

}  // namespace

Selection::Selection(const Tensor& mask, Others others)
    : mask_(mask.reshape(-1)), num_selected_(count_true(mask_)) {
  const std::int64_t most = others == Others::kMayComeAlong ? kMostOthers * num_selected_ : 0;
  const std::int64_t num_others = mask.numel() - num_selected_;
  if (num_others > most) index_ = mask_.nonzero().squeeze(1);
}

Tensor Selection::gather(const Tensor& tensor) const {
  if (is_shared(tensor)) return once(tensor);
  const Tensor flat = tensor.reshape(-1);
  return index_.defined() ? flat.index_select(0, index_) : flat;
}

Tensor Selection::scatter(const Tensor& tensor, const Tensor& changed) const {
  const Tensor typed = changed.to(tensor.scalar_type());
  if (num_selected_ == mask_.numel()) {
    return typed.numel() == 1 ? typed.expand(tensor.sizes()) : typed.reshape(tensor.sizes());
  }
  if (!index_.defined()) return choose(mask_, typed, tensor.reshape(-1)).view(tensor.sizes());
  Tensor result = tensor.clone(at::MemoryFormat::Contiguous);
  result.view(-1).index_copy_(0, index_, typed.expand({index_.numel()}));
  return result;
}

}  // namespace crossloom
