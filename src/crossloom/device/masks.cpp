#include "crossloom/device/masks.h"

#include <algorithm>
#include <cmath>

#include <c10/core/DynamicCast.h>

#include "crossloom/core/vector_code.h"

namespace crossloom {
namespace {

CROSSLOOM_VECTOR
std::int64_t count(const bool* mask, std::int64_t n) {
  std::int64_t total = 0;
  for (std::int64_t begin = 0; begin < n; begin += 255) {
    const std::int64_t end = std::min(n, begin + 255);
    std::uint8_t some = 0;
    for (std::int64_t i = begin; i < end; ++i) some = static_cast<std::uint8_t>(some + mask[i]);
    total += some;
  }
  return total;
}

/// An operand with the step 0 has one element.
template <class T>
struct Operand {
  const T* data;
  std::int64_t step;
};

CROSSLOOM_VECTOR
void choose(const std::uint8_t* mask,
            Operand<std::uint32_t> yes,
            Operand<std::uint32_t> no,
            std::int64_t n,
            std::uint32_t* out) {
  const std::uint32_t one_yes = yes.data[0];
  const std::uint32_t one_no = no.data[0];
  for (std::int64_t i = 0; i < n; ++i) {
    const std::uint32_t a = yes.step == 0 ? one_yes : yes.data[i];
    const std::uint32_t b = no.step == 0 ? one_no : no.data[i];
    const std::uint32_t is_yes =
        0U - mask[i];  // all bits, or none: a branch would be guessed wrong
    out[i] = (a & is_yes) | (b & ~is_yes);
  }
}

CROSSLOOM_VECTOR
void differ(Operand<float> x, Operand<float> y, float tolerance, std::int64_t n, bool* out) {
  const float one_x = x.data[0];
  const float one_y = y.data[0];
  for (std::int64_t i = 0; i < n; ++i) {
    const float a = x.step == 0 ? one_x : x.data[i];
    const float b = y.step == 0 ? one_y : y.data[i];
    out[i] = std::fabs(a - b) > tolerance;
  }
}

template <class T>
Operand<T> operand(const Tensor& tensor) {
  return {static_cast<const T*>(tensor.data_ptr()), tensor.numel() == 1 ? 0 : 1};
}

}  // namespace

bool is_shared(const Tensor& tensor) {
  for (std::int64_t dim = 0; dim < tensor.dim(); ++dim) {
    if (tensor.size(dim) != 1 && tensor.stride(dim) != 0) return false;
  }
  return tensor.numel() > 0;
}

Tensor once(const Tensor& tensor) {
  return is_shared(tensor) ? tensor.as_strided({1}, {1}) : tensor;
}

bool shares(const Tensor& tensor, double value) {
  if (!is_shared(tensor)) return false;
  return tensor.is_cpu()
             ? c10::fetch_and_cast<double>(tensor.scalar_type(), tensor.data_ptr()) == value
             : once(tensor).item<double>() == value;
}

std::int64_t count_true(const Tensor& mask) {
  if (!mask.is_cpu()) return mask.sum().item<std::int64_t>();
  const Tensor whole = mask.contiguous();
  return count(whole.data_ptr<bool>(), whole.numel());
}

Tensor choose(const Tensor& mask, const Tensor& yes, const Tensor& no) {
  if (!mask.is_cpu() || yes.element_size() != sizeof(std::uint32_t))
    return at::where(mask, yes, no);
  Tensor chosen = at::empty(mask.sizes(), yes.options());
  if (mask.numel() == 0) return chosen;
  const Tensor whole = mask.contiguous();
  const Tensor a = once(yes).contiguous();
  const Tensor b = once(no).contiguous();
  choose(static_cast<const std::uint8_t*>(whole.data_ptr()),
         operand<std::uint32_t>(a),
         operand<std::uint32_t>(b),
         whole.numel(),
         static_cast<std::uint32_t*>(chosen.data_ptr()));
  return chosen;
}

Tensor differ(const Tensor& a, const Tensor& b, double tolerance) {
  if (!a.is_cpu()) return (a - b).abs() > tolerance;
  Tensor result = at::empty(a.sizes(), a.options().dtype(at::kBool));
  if (a.numel() == 0) return result;
  const Tensor x = once(a).contiguous();
  const Tensor y = once(b).contiguous();
  differ(operand<float>(x),
         operand<float>(y),
         static_cast<float>(tolerance),
         a.numel(),
         result.data_ptr<bool>());
  return result;
}

}  // namespace crossloom
