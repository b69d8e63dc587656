#include "crossloom/mapping/digits.h"

#include <cmath>
#include <limits>
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

void recode(const std::int32_t* codes, std::int64_t n, std::int32_t* number) {
  for (std::int64_t i = 0; i < n; ++i) number[i] = codes[number[i]];
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

std::int64_t largest_number(const std::vector<Slice>& slices) {
  std::int64_t sum = 0;
  for (const Slice& slice : slices) sum += slice.weight * slice.largest();
  return sum;
}

Tensor codes_of_numbers(const std::vector<Slice>& slices) {
  std::int64_t bits = 0;
  for (const Slice& slice : slices) bits += slice.bits;
  std::vector<double> least(static_cast<std::size_t>(largest_number(slices)) + 1,
                            std::numeric_limits<double>::infinity());
  std::vector<std::int32_t> codes(least.size());
  for (std::int64_t code = (std::int64_t{1} << bits) - 1; code >= 0; --code) {
    std::int64_t number = 0;
    double mean = 0;
    double variance = 0;
    std::int64_t below = bits;
    for (const Slice& slice : slices) {
      below -= slice.bits;
      const std::int64_t digit = code >> below & slice.largest();
      number += slice.weight * digit;
      if (slice.errors.empty()) continue;
      const LevelError& error = slice.errors.at(static_cast<std::size_t>(digit));
      const auto span = static_cast<double>(slice.weight * slice.largest());
      mean += span * error.mean;
      variance += span * span * error.sigma * error.sigma;
    }
    const double square = mean * mean + variance;
    const auto place = static_cast<std::size_t>(number);
    if (square >= least[place] * (1 - 1e-9)) continue;  // less by rounding is not less
    least[place] = square;
    codes[place] = static_cast<std::int32_t>(code);
  }
  for (const double square : least) {
    TORCH_CHECK(std::isfinite(square), "slices that cannot make every whole number");
  }
  return at::tensor(codes, at::kInt);
}

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
    if (codes.defined()) recode(codes.data_ptr<std::int32_t>(), n, code);
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
  Tensor code = (size.to(at::kDouble) * static_cast<double>(largest)).round().to(at::kLong) + zero;
  if (codes.defined()) code = codes.to(code.device()).to(at::kLong).index({code});
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
