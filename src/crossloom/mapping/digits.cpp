#include "crossloom/mapping/digits.h"

#include <cmath>
#include <limits>

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
void look_up(const std::int32_t* number, std::int64_t n, const float* digit, float* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = digit[number[i]];
}

CROSSLOOM_VECTOR
void sign(const float* share, std::int64_t n, float* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = share[i] < 0 ? -out[i] : out[i];
}

/// One way to fill the slices: the number that it makes, its digits and their error.
struct Filling {
  std::int64_t number = 0;
  std::vector<std::int64_t> digits;
  double mean = 0;      // of the number
  double variance = 0;  // the same
  double square() const { return mean * mean + variance; }
};

/// Goes over all fillings, the largest digits of the first slices first.
template <class Use>
void for_each_filling(const std::vector<Slice>& slices, const Filling& begun, const Use& use) {
  if (begun.digits.size() == slices.size()) return use(begun);
  const Slice& slice = slices[begun.digits.size()];
  for (std::int64_t digit = slice.largest(); digit >= 0; --digit) {
    Filling filling = begun;
    filling.number += slice.weight * digit;
    filling.digits.push_back(digit);
    if (!slice.errors.empty()) {
      const LevelError& error = slice.errors.at(static_cast<std::size_t>(digit));
      const auto span = static_cast<double>(slice.weight * slice.largest());
      filling.mean += span * error.mean;
      filling.variance += span * span * error.sigma * error.sigma;
    }
    for_each_filling(slices, filling, use);
  }
}

}  // namespace

std::int64_t largest_number(const std::vector<Slice>& slices) {
  std::int64_t sum = 0;
  for (const Slice& slice : slices) sum += slice.weight * slice.largest();
  return sum;
}

Tensor digits_of_numbers(const std::vector<Slice>& slices) {
  const std::int64_t numbers = largest_number(slices) + 1;
  Tensor digits = at::empty({static_cast<std::int64_t>(slices.size()), numbers}, at::kFloat);
  std::vector<double> least(static_cast<std::size_t>(numbers),
                            std::numeric_limits<double>::infinity());
  for_each_filling(slices, {}, [&](const Filling& filling) {
    double& of_number = least[static_cast<std::size_t>(filling.number)];
    if (filling.square() >= of_number * (1 - 1e-9)) return;  // less by rounding is not less
    of_number = filling.square();
    for (std::size_t s = 0; s < slices.size(); ++s) {
      digits.data_ptr<float>()[static_cast<std::int64_t>(s) * numbers + filling.number] =
          static_cast<float>(filling.digits[s]) / static_cast<float>(slices[s].largest());
    }
  });
  for (const double square : least) {
    TORCH_CHECK(std::isfinite(square), "slices that cannot make every whole number");
  }
  return digits;
}

Tensor Digits::of(const Tensor& share) const {
  if (!share.is_cpu()) return by_tensors(share);
  const Tensor whole = share.contiguous();
  std::vector<std::int64_t> sizes = share.sizes().vec();
  sizes.insert(sizes.begin(), of_numbers.size(0));
  Tensor digits = at::empty(sizes, at::kFloat);
  std::int32_t number[kRun];
  for (std::int64_t begin = 0; begin < whole.numel(); begin += kRun) {
    const std::int64_t n = std::min(kRun, whole.numel() - begin);
    const float* in = whole.data_ptr<float>() + begin;
    float* out = digits.data_ptr<float>() + begin;
    round(in, n, static_cast<double>(largest), static_cast<std::int32_t>(zero), number);
    for (std::int64_t s = 0; s < of_numbers.size(0); ++s, out += whole.numel()) {
      look_up(number, n, of_numbers.data_ptr<float>() + s * of_numbers.size(1), out);
      if (zero == 0) sign(in, n, out);
    }
  }
  return digits;
}

Tensor Digits::by_tensors(const Tensor& share) const {
  const Tensor size = zero == 0 ? share.abs() : share;
  const Tensor number =
      (size.to(at::kDouble) * static_cast<double>(largest)).round().to(at::kLong) + zero;
  const Tensor digits = of_numbers.to(share.device())
                            .index_select(1, number.flatten())
                            .unflatten(1, share.dim() == 0 ? at::IntArrayRef{1} : share.sizes());
  return zero == 0 ? digits * share.sign() : digits;
}

}  // namespace crossloom
