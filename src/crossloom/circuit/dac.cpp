#include "crossloom/circuit/dac.h"

#include <cmath>
#include <vector>

#include <ATen/Parallel.h>

#include "crossloom/core/vector_code.h"

namespace crossloom {
namespace {

/// Codes clipped to +-top, times `step`; their squares too unless `square` is null.
CROSSLOOM_VECTOR
void quantise(
    const float* x, std::int64_t n, float to_code, float top, float step, float* v, float* square) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float code = std::nearbyint(x[i] * to_code);
    v[i] = (code > top ? top : (code < -top ? -top : code)) * step;
    if (square != nullptr) square[i] = v[i] * v[i];
  }
}

/// sum_b bit_b 4^b / (2^bits - 1)^2 for each code.
std::vector<float> squared_weights(std::int64_t bits) {
  const std::int64_t codes = std::int64_t{1} << bits;
  std::vector<float> table(static_cast<std::size_t>(codes));
  const double top = static_cast<double>(codes - 1);
  for (std::int64_t code = 0; code < codes; ++code) {
    double sum = 0;
    for (std::int64_t b = 0; b < bits; ++b) {
      if ((code >> b & 1) != 0) sum += std::pow(4.0, static_cast<double>(b));
    }
    table[static_cast<std::size_t>(code)] = static_cast<float>(sum / (top * top));
  }
  return table;
}

constexpr std::int64_t kGrain = 1 << 14;

}  // namespace

void Dac::describe(ParamList& params) {
  params.add("bits", bits, {0, 16}, "bit", "resolution of the inputs; 0 = exact");
  params.add("v_read", v_read, {1e-3, 2}, "V", "read voltage, full scale of the converter");
  params.add("x_max", x_max, {1e-12, 1e12}, "1", "fixed range: number that gives v_read");
  params.add_choice<InputEncoding>(
      "encoding",
      encoding,
      {{"amplitude", InputEncoding::kAmplitude}, {"bit_serial", InputEncoding::kBitSerial}},
      "one pulse of variable height, or one pulse per bit weighed by powers of two in the ADC");
  range.describe(params);
}

void Dac::validate() const {
  if (encoding == InputEncoding::kBitSerial && bits == 0) {
    throw ConfigError(
        "dac.encoding = bit_serial with dac.bits = 0 (there are no bits to apply one "
        "after the other); give bits or encoding = amplitude");
  }
}

Drive Dac::drive(const Tensor& x, double full_scale, Want want) const {
  TORCH_CHECK(full_scale > 0, "the range of a DAC must be above zero, not ", full_scale);
  const Tensor input = x.contiguous();
  const std::int64_t n = input.numel();
  Drive drive;
  if (bits == 0) {
    drive.v = (input * (v_read / full_scale)).clamp(-v_read, v_read);
    if (want == Want::kVoltageAndSquare) drive.v_square = drive.v.square();
    return drive;
  }
  const float top = static_cast<float>((std::int64_t{1} << bits) - 1);
  const float to_code = static_cast<float>(top / full_scale);
  const float step = static_cast<float>(v_read / top);
  const bool wants_square = want == Want::kVoltageAndSquare;
  const bool is_serial = encoding == InputEncoding::kBitSerial;
  drive.v = at::empty_like(input);
  if (wants_square) drive.v_square = at::empty_like(input);
  const std::vector<float> weights =
      wants_square && is_serial ? squared_weights(bits) : std::vector<float>();
  const float* const from = input.data_ptr<float>();
  float* const v = drive.v.data_ptr<float>();
  float* const square = wants_square ? drive.v_square.data_ptr<float>() : nullptr;
  at::parallel_for(0, n, kGrain, [&](std::int64_t first, std::int64_t last) {
    float* const part = wants_square && !is_serial ? square + first : nullptr;
    quantise(from + first, last - first, to_code, top, step, v + first, part);
    for (std::int64_t i = first; i < last && !weights.empty(); ++i) {
      square[i] = weights[static_cast<std::size_t>(std::abs(v[i]) / step + 0.5F)] *
                  static_cast<float>(v_read * v_read);
    }
  });
  return drive;
}

}  // namespace crossloom
