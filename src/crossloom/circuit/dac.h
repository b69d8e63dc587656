#pragma once

#include <ATen/ATen.h>

#include "crossloom/circuit/range.h"
#include "crossloom/core/params.h"

namespace crossloom {

/// How a number becomes a voltage over time.
enum class InputEncoding {
  kAmplitude,  // one pulse whose height is the number
  kBitSerial,  // one pulse of full height per bit; the ADC samples and weighs them by powers of two
};

/// What the rows are driven with.
struct Drive {
  Tensor v;  // [...]  V    equivalent voltage: the weighted mean of the pulses
  Tensor
      v_square;  // [...]  V^2  sum of squared weights times squared voltages: what the variance of
                 //             independent read noise is multiplied with
};

/// Digital to analog converter of the rows.
///
///   code = round(clip(x / x_max) (2^bits - 1)),  v = v_read code / (2^bits - 1)
///
/// Negative numbers become negative voltages of the same steps. With bit-serial input each bit of
/// |code| is a read of its own, so that independent noise of the reads adds up with the squares of
/// the weights: v_square = v_read^2 sum_b bit_b 4^b / (2^bits - 1)^2 instead of v^2.
struct Dac {
  std::int64_t bits = 8;  // 0: no quantisation
  double v_read = 0.1;    // [V]
  double x_max = 1;       // full scale of the numbers, when fixed
  InputEncoding encoding = InputEncoding::kAmplitude;
  RangeOptions range = {RangePolicy::kTracked, 0.9999, 0.02};

  void describe(ParamList& params);
  void validate() const;

  /// `x` [...] with the full scale `full_scale` > 0 as voltages; `v_square` only when asked for.
  enum class Want { kVoltage, kVoltageAndSquare };
  Drive drive(const Tensor& x, double full_scale, Want want) const;
};

}  // namespace crossloom
