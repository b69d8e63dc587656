#include "crossloom/mapping/digits.h"

#include <cmath>
#include <numeric>

#include "crossloom/core/vector_code.h"

namespace crossloom {
namespace {

constexpr std::int64_t kRun = 1024;  // shares whose whole numbers stay in the cache

CROSSLOOM_VECTOR
void round(
    const float* share, std::int64_t n, double largest, std::int32_t zero, std::int32_t* out) {
  for (std::int64_t i = 0; i < n; ++i) {
    const double x = static_cast<double>(zero == 0 ? std::fabs(share[i]) : share[i]);
    out[i] = static_cast<std::int32_t>(std::rint(x * largest)) + zero;
  }
}

CROSSLOOM_VECTOR
void cut(
    const std::int32_t* code, std::int64_t n, std::int32_t below, std::int32_t top, float* out) {
  for (std::int64_t i = 0; i < n; ++i) {
    out[i] = static_cast<float>(code[i] >> below & top) / static_cast<float>(top);
  }
}

CROSSLOOM_VECTOR
void sign(const float* share, std::int64_t n, float* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = share[i] < 0 ? -out[i] : out[i];
}

}  // namespace

Tensor Digits::of(const Tensor& share) const {
  if (!share.is_cpu()) return by_tensors(share);
  const Tensor whole = share.contiguous();
  std::vector<std::int64_t> sizes = share.sizes().vec();
  sizes.insert(sizes.begin(), static_cast<std::int64_t>(bits.size()));
  Tensor digits = at::empty(sizes, at::kFloat);
  std::int32_t code[kRun];
  for (std::int64_t begin = 0; begin < whole.numel(); begin += kRun) {
    const std::int64_t n = std::min(kRun, whole.numel() - begin);
    const float* in = whole.data_ptr<float>() + begin;
    float* out = digits.data_ptr<float>() + begin;
    round(in, n, static_cast<double>(largest), static_cast<std::int32_t>(zero), code);
    auto below = static_cast<std::int32_t>(std::accumulate(bits.begin(), bits.end(), 0L));
    for (const std::int64_t width : bits) {
      below -= static_cast<std::int32_t>(width);
      cut(code, n, below, (1 << width) - 1, out);
      if (zero == 0) sign(in, n, out);
      out += whole.numel();
    }
  }
  return digits;
}

Tensor Digits::by_tensors(const Tensor& share) const {
  const Tensor size = zero == 0 ? share.abs() : share;
  const Tensor code =
      (size.to(at::kDouble) * static_cast<double>(largest)).round().to(at::kLong) + zero;
  const Tensor sign = zero == 0 ? share.sign() : at::ones_like(share);
  std::int64_t below = std::accumulate(bits.begin(), bits.end(), std::int64_t{0});
  std::vector<Tensor> slices;
  for (const std::int64_t width : bits) {
    below -= width;
    const std::int64_t top = (std::int64_t{1} << width) - 1;
    const Tensor digit = code.bitwise_right_shift(below).bitwise_and(top);
    slices.push_back(digit.to(at::kFloat) / static_cast<double>(top) * sign);
  }
  return at::stack(slices);
}

}  // namespace crossloom
