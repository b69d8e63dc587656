#pragma once

#include <vector>

#include <ATen/ATen.h>

#include "crossloom/circuit/adc.h"
#include "crossloom/core/random.h"

namespace crossloom {

/// Columns of a product that have the same converters: those of one row tile, slice and sign.
struct ColumnGroup {
  Tensor mean;        // [B, N]   A    N columns, one after the other for each image
  Tensor variance;    // [B, Nv]  A^2  of the read noise, repeated N / Nv times; undefined: no noise
  double i_max = 1;   // [A]      full scale of the converters
  double factor = 1;  // 1/A      what a current counts in the sum, with its sign
  Tensor gain;    // [C]  1    of the converters of C outputs, whose columns are N / C neighbours;
  Tensor offset;  // [C]  lsb  both undefined: 1 and 0
};

/// Where the noise of groups stands in the next draw of `rng`: element
///
///   (first_image + b) image_columns + first_column + k N + n
///
/// for column n of group k of image b, `image_columns` rounded up to whole chunks of the generator.
/// So it does not depend on how images are cut into batches, or columns into calls.
struct NoiseAddress {
  Rng rng{0};
  std::int64_t first_image = 0;
  std::int64_t image_columns = 0;
  std::int64_t first_column = 0;
};

/// What converts the columns of a product.
struct Converter {
  Adc adc;
  Adc::Polarity polarity = Adc::Polarity::kUnipolar;
};

/// What happens to what a sum held before.
enum class Before { kForgotten, kKept };

/// Reads every column once, digitises it and adds it up, in one pass over memory:
///
///   i = mean + sqrt(variance + (noise_lsb lsb)^2 + noise_i^2) N(0,1)
///   code = clip(round(gain i / lsb + offset))
///   sum[b, n] += sum over groups k of factor_k lsb_k code_k
///
///   sum  [B, N]  1  contiguous
void add_converted(const std::vector<ColumnGroup>& groups,
                   const Converter& converter,
                   const NoiseAddress& noise,
                   Before before,
                   Tensor& sum);

/// The same in tensor operations: for columns that are not on the CPU. The noise is the same.
void add_converted_by_tensors(const std::vector<ColumnGroup>& groups,
                              const Converter& converter,
                              const NoiseAddress& noise,
                              Before before,
                              Tensor& sum);

/// The same for a sum that is kept, by plain loops in double precision (the noise is the same), for
/// tests.
void add_converted_reference(const std::vector<ColumnGroup>& groups,
                             const Converter& converter,
                             const NoiseAddress& noise,
                             Tensor& sum);

}  // namespace crossloom
