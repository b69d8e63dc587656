#pragma once

#include <vector>

#include <ATen/ATen.h>

#include "crossloom/circuit/range.h"
#include "crossloom/core/params.h"

namespace crossloom {

/// How a number becomes a voltage over time.
enum class InputEncoding {
  kAmplitude,   // one pulse whose height is the number
  kPulseWidth,  // one pulse of full height whose length is the number
  kBitSerial,  // one pulse of full height per bit; the ADC samples and weighs them by powers of two
  kBitSerialDigital,  // one pulse of full height per bit, each converted; weighed by shift-and-add
};

/// Digital to analog converter of the rows.
///
///   code = round(clip(x / x_max) (2^bits - 1)),  u = |code| / (2^bits - 1)
///
/// Full height is v_full = range_use v_read. By amplitude the voltage is
///
///   v = V(u + (inl_bow 4 u (1 - u) + inl_s sin(2 pi u)) / (2^bits - 1)),
///   V(u) = v_full u, or asinh(b v_full u) / b with the pre-distortion b,
///
/// with the sign of the number. What the cells' current makes of it is undone by one digital factor
/// (`counts_as`): small signals keep their gain and large ones are expanded by a super-linear
/// current; or the largest keeps its size and the others are compressed. By pulse width the length
/// of the pulse is distorted in the same way, without pre-distortion. The integral non-linearity is
/// a bow and an S, the two forms that a string of resistors and its end points leave (assumption).
struct Dac {
  std::int64_t bits = 8;  // 0: no quantisation
  double v_read = 0.1;    // [V]
  double range_use = 1;
  /// Which numbers come out with the size they went in.
  enum class CountsAs { kSmallSignal, kFullScale };
  CountsAs counts_as = CountsAs::kSmallSignal;
  double x_max = 1;  // full scale of the numbers, when fixed
  InputEncoding encoding = InputEncoding::kAmplitude;
  double predistortion = 0;  // [1/V]
  double inl_bow = 0;        // [lsb] at mid-scale
  double inl_s = 0;          // [lsb] at a quarter, with the other sign at three quarters
  RangeOptions range = {RangePolicy::kTracked, 0.9999, 0.02};

  void describe(ParamList& params);
  void validate() const;

  double v_full() const { return range_use * v_read; }
  bool is_bit_serial() const {
    return encoding == InputEncoding::kBitSerial || encoding == InputEncoding::kBitSerialDigital;
  }
  /// Whether the ADC converts several reads of the same numbers.
  bool converts_each_bit() const { return encoding == InputEncoding::kBitSerialDigital; }
};

}  // namespace crossloom
