#pragma once

#include <ATen/ATen.h>

#include "crossloom/circuit/adc.h"
#include "crossloom/core/random.h"

namespace crossloom {

/// Column currents of all crossbars of a product, before their converters.
struct ColumnCurrents {
  Tensor mean;  // [B, T, 2, C, L]  A    positive and negative columns of T row tiles, L positions
  Tensor variance;  // as mean          A^2  of the read noise; undefined: no noise
};

/// What the converters of one product do.
struct ColumnConversion {
  Adc adc;
  Adc::Polarity polarity = Adc::Polarity::kUnipolar;
  Tensor i_max;  // [T]  A  full scale of each row tile's converters
  std::int64_t first_image = 0;
};

/// Reads every column once, digitises it, subtracts the pairs and adds up the row tiles:
///
///   i = mean + sqrt(variance + (noise_lsb lsb)^2) N(0,1),   returns sum_t (code_pos - code_neg)
///   lsb
///
/// One pass over memory. The noise of image b is that of image first_image + b of the next draw of
/// `rng`, so it does not depend on how images are cut into batches.
///
///   returns  [B, C, L]  A
Tensor convert_columns(const ColumnCurrents& currents,
                       const ColumnConversion& conversion,
                       const Rng& rng);

/// The same by plain loops in double precision (the noise is the same), for tests.
Tensor convert_columns_reference(const ColumnCurrents& currents,
                                 const ColumnConversion& conversion,
                                 const Rng& rng);

}  // namespace crossloom
