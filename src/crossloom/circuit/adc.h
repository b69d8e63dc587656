#pragma once

#include "crossloom/circuit/range.h"
#include "crossloom/core/params.h"

namespace crossloom {

/// Where the columns of a differential pair are subtracted.
enum class PairSubtraction {
  kDigital,  // each column has its converter
  kAnalog,   // the difference of their currents is converted, by a bipolar converter
};

/// Analog to digital converter of the columns.
///
///   code = clip(round(gain (i + sqrt((noise_lsb lsb)^2 + noise_i^2) N(0,1)) / lsb + offset),
///               lowest, highest)
///
/// Unipolar (non-negative inputs): 0 … 2^bits - 1 over [0, i_max]. Bipolar (signed inputs):
/// -(2^(bits-1) - 1) … 2^(bits-1) - 1 over [-i_max, i_max]. The noise is new at each conversion;
/// gain and offset are those of one converter for its life, and of all columns that share it:
///
///   gain = 1 + sigma_gain N(0,1),   offset = sigma_offset_lsb N(0,1)
struct Adc {
  std::int64_t bits = 8;  // 0: no quantisation, no clipping, none of its errors
  double i_max = 100e-6;  // [A] full scale, when fixed
  double noise_lsb = 0;
  double noise_i = 0;  // [A] of the amplifier in front of it, whatever the range
  double sigma_gain = 0;
  double sigma_offset_lsb = 0;
  std::int64_t columns_per_adc = 1;  // neighbours, converted one after the other
  PairSubtraction subtraction = PairSubtraction::kDigital;
  RangeOptions range = {RangePolicy::kFixed, 0.9999, 0.02};

  void describe(ParamList& params);

  bool has_spread() const { return bits > 0 && (sigma_gain > 0 || sigma_offset_lsb > 0); }

  enum class Polarity { kUnipolar, kBipolar };
  double highest_code(Polarity polarity) const;
  double lowest_code(Polarity polarity) const;
};

}  // namespace crossloom
