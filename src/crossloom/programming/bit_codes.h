#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include "crossloom/core/params.h"
#include "crossloom/mapping/weight_mapping.h"

namespace crossloom {

using at::Tensor;

/// How the sign of a weight is stored. Outside of the array by default.
enum class SignCoding {
  kPhase,  // magnitude in the row; the input of the row is driven inverted for a negative one
  kPair,   // two magnitudes, w = p - n, the unused one zero
  kRedundantPair,   // w = p - n, whichever p and n need the fewest writes
  kSignBit,         // magnitude and a sign column; the columns of a section are not summable
  kTwosComplement,  // one more column, of negative weight
};

/// Weights of one layer as integers.
///
///   w = lsb q,   q = round(w / lsb),   lsb = max|w| / (2^bits - 1),   |q| <= 2^bits - 1
///
/// The largest is that of the layer or of each output, but no less than a millionth of the layer's,
/// so that an output that was pruned away stays zero. `bits` counts the magnitude; every way of
/// storing the sign holds the same integers.
struct LayerCodes {
  std::string name;
  std::int64_t num_outputs = 0;
  std::int64_t num_inputs = 0;
  std::int64_t bits = 0;
  std::vector<double> lsb;           // [outputs]  weight per step
  double weight_power = 0;           // mean of w^2
  double rounding_power = 0;         // mean of (w - lsb q)^2
  std::vector<std::int16_t> values;  // [outputs, inputs]  1

  std::int64_t num_weights() const { return num_outputs * num_inputs; }
};

constexpr std::int64_t kMaxBits = 15;

/// Codes of a weight tensor; its first index is the output, the others are inputs. Throws
/// `ConfigError` when a weight is not finite, or all are zero.
///
///   w  [C, ...]  1
LayerCodes quantise(const std::string& name,
                    const Tensor& w,
                    std::int64_t bits,
                    ScalePer scale = ScalePer::kTensor);

/// Root mean square of the steps of a layer's outputs.
double rms_step(const LayerCodes& codes);

/// Integers that were quantised elsewhere. Throws `ConfigError` when `bits` bits do not cover them,
/// or all are zero.
///
///   q  [C, ...]  1  integer type
LayerCodes take_codes(const std::string& name, const Tensor& q, double lsb, std::int64_t bits);

/// SHA-256 over names, shapes, bits, steps and integers of a network, layer by layer.
class NetworkChecksum {
 public:
  void add(const LayerCodes& layer);
  std::string value() const;

 private:
  std::string digests_;
};

/// Bits of a row.
std::int64_t word_bits(SignCoding sign, std::int64_t bits);

/// The cells of the integer `q`, bit 0 in the lowest. A pair holds p in its lower `bits`, n above.
inline std::uint32_t encode(SignCoding sign, std::int64_t bits, int q) {
  const auto magnitude = static_cast<std::uint32_t>(q < 0 ? -q : q);
  switch (sign) {
    case SignCoding::kPair:
    case SignCoding::kRedundantPair:
      return q < 0 ? magnitude << bits : magnitude;
    case SignCoding::kSignBit:
      return magnitude | (q < 0 ? std::uint32_t{1} << bits : 0);
    case SignCoding::kTwosComplement:
      return static_cast<std::uint32_t>(q) & ((std::uint32_t{2} << bits) - 1);
    default:
      return magnitude;
  }
}

/// The integer in the cells of a row whose input is driven with `input_sign` (+1 or -1).
inline int decode(SignCoding sign, std::int64_t bits, std::uint32_t word, int input_sign) {
  const std::uint32_t mask = (std::uint32_t{1} << bits) - 1;
  const int low = static_cast<int>(word & mask);
  const int high = static_cast<int>(word >> bits);
  switch (sign) {
    case SignCoding::kPair:
    case SignCoding::kRedundantPair:
      return low - high;
    case SignCoding::kSignBit:
      return high != 0 ? -low : low;
    case SignCoding::kTwosComplement:
      return low - (high << bits);
    default:
      return input_sign * low;
  }
}

}  // namespace crossloom
