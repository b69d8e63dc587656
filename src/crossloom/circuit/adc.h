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
///   code = clip(round((i + noise_lsb lsb N(0,1)) / lsb), lowest, highest)
///
/// Unipolar (non-negative inputs): 0 … 2^bits - 1 over [0, i_max]. Bipolar (signed inputs):
/// -(2^(bits-1) - 1) … 2^(bits-1) - 1 over [-i_max, i_max].
struct Adc {
  std::int64_t bits = 8;  // 0: no quantisation, no clipping, no noise
  double i_max = 100e-6;  // [A] full scale, when fixed
  double noise_lsb = 0;
  PairSubtraction subtraction = PairSubtraction::kDigital;
  RangeOptions range = {RangePolicy::kFixed, 0.9999, 0.02};

  void describe(ParamList& params);

  enum class Polarity { kUnipolar, kBipolar };
  double highest_code(Polarity polarity) const;
  double lowest_code(Polarity polarity) const;
};

}  // namespace crossloom
