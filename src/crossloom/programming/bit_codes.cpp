#include "crossloom/programming/bit_codes.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include <ATen/Parallel.h>

#include "crossloom/core/files.h"

namespace crossloom {
namespace {

LayerCodes empty_codes(const std::string& name, const Tensor& w, std::int64_t bits) {
  if (bits < 1 || bits > kMaxBits) {
    throw ConfigError(std::to_string(bits) + " bits for '" + name +
                      "' (a code is kept in 16 bits " + "with its sign); give 1 to " +
                      std::to_string(kMaxBits));
  }
  TORCH_CHECK(
      w.dim() >= 2 && w.numel() > 0, "weights to plan are [outputs, inputs...], not ", w.sizes());
  TORCH_CHECK(
      w.numel() < std::int64_t{1} << 31, "a layer has at most 2^31 weights, not ", w.numel());
  LayerCodes codes;
  codes.name = name;
  codes.num_outputs = w.size(0);
  codes.num_inputs = w.numel() / w.size(0);
  codes.bits = bits;
  codes.values.resize(static_cast<std::size_t>(w.numel()));
  return codes;
}

template <class Number>
std::string digest_of(const std::vector<Number>& numbers) {
  return sha256({reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(Number)});
}

[[noreturn]] void refuse_zeros(const std::string& name) {
  throw ConfigError("all weights of '" + name +
                    "' are zero, or next to it (they have no scale, and nothing to program); leave "
                    "the layer out");
}

}  // namespace

LayerCodes quantise(const std::string& name, const Tensor& w, std::int64_t bits, ScalePer scale) {
  LayerCodes codes = empty_codes(name, w, bits);
  const Tensor packed = w.detach().to(at::kCPU, at::kFloat).contiguous();
  const Tensor largest = packed.flatten(1).abs().amax(1).to(at::kDouble);  // NaN when a weight is
  const double w_max = largest.max().item<double>();
  if (!std::isfinite(w_max)) {
    throw ConfigError("the weights of '" + name +
                      "' hold a NaN or an infinity (no cell can store "
                      "one); give finite weights");
  }
  constexpr float kSmallest = 1e-28F;  // so that the steps of 15 bits are numbers of 32 bits
  if (w_max < kSmallest) refuse_zeros(name);
  const double top = static_cast<double>((1 << bits) - 1);
  const double* w_max_of = largest.data_ptr<double>();
  for (std::int64_t output = 0; output < codes.num_outputs; ++output) {
    const double share = scale == ScalePer::kTensor ? 1 : w_max_of[output] / w_max;
    codes.lsb.push_back(std::max(share, 1e-6) * w_max / top);
  }
  const float* from = packed.data_ptr<float>();
  std::vector<double> power(static_cast<std::size_t>(codes.num_outputs));
  std::vector<double> rounding(static_cast<std::size_t>(codes.num_outputs));
  at::parallel_for(0, codes.num_outputs, 16, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t output = first; output < last; ++output) {
      const double lsb = codes.lsb[output];
      const auto steps = static_cast<float>(1 / lsb);
      const std::int64_t end = (output + 1) * codes.num_inputs;
      for (std::int64_t i = output * codes.num_inputs; i < end; ++i) {
        const float q = std::nearbyint(from[i] * steps);
        codes.values[i] = static_cast<std::int16_t>(q);
        const double error = from[i] - q * lsb;
        power[output] += static_cast<double>(from[i]) * from[i];
        rounding[output] += error * error;
      }
    }
  });
  for (std::int64_t output = 0; output < codes.num_outputs; ++output) {
    codes.weight_power += power[output] / static_cast<double>(w.numel());
    codes.rounding_power += rounding[output] / static_cast<double>(w.numel());
  }
  return codes;
}

double rms_step(const LayerCodes& codes) {
  double squares = 0;
  for (const double lsb : codes.lsb) squares += lsb * lsb;
  return std::sqrt(squares / static_cast<double>(codes.lsb.size()));
}

LayerCodes take_codes(const std::string& name, const Tensor& q, double lsb, std::int64_t bits) {
  LayerCodes codes = empty_codes(name, q, bits);
  TORCH_CHECK(!q.is_floating_point(), "codes are integers, not ", q.scalar_type());
  const Tensor packed = q.to(at::kCPU, at::kLong).contiguous();
  const std::int64_t largest =
      std::max(packed.max().item<std::int64_t>(), -packed.min().item<std::int64_t>());
  if (largest == 0) refuse_zeros(name);
  if (largest >= std::int64_t{1} << bits) {
    throw ConfigError(std::to_string(bits) + " bits do not cover the codes of '" + name +
                      "' (the largest magnitude is " + std::to_string(largest) +
                      "); give more bits, or quantise again");
  }
  codes.lsb.assign(codes.num_outputs, lsb);
  const std::int64_t* from = packed.data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < q.numel(); ++i) {
    codes.values[i] = static_cast<std::int16_t>(from[i]);
    codes.weight_power += static_cast<double>(from[i] * from[i]);
  }
  codes.weight_power *= lsb * lsb / static_cast<double>(q.numel());
  return codes;
}

void NetworkChecksum::add(const LayerCodes& layer) {
  digests_ += layer.name + " " + std::to_string(layer.num_outputs) + " " +
              std::to_string(layer.num_inputs) + " " + std::to_string(layer.bits) + " ";
  digests_ += digest_of(layer.lsb) + digest_of(layer.values);
}

std::string NetworkChecksum::value() const {
  return sha256(digests_);
}

std::int64_t word_bits(SignCoding sign, std::int64_t bits) {
  switch (sign) {
    case SignCoding::kPhase:
      return bits;
    case SignCoding::kPair:
    case SignCoding::kRedundantPair:
      return 2 * bits;
    default:
      return bits + 1;
  }
}

}  // namespace crossloom
