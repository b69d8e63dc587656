#pragma once

#include <vector>

#include <ATen/ATen.h>

namespace crossloom {

using at::Tensor;

/// What `RowDriver` does with codes, in tensor operations: for inputs that are not on the CPU.

/// Whole numbers nearest to `x` times `to_code`, halves to even, clipped to +-top; NaN stays.
Tensor codes_of(const Tensor& x, double to_code, double top);

/// Entries of `table`, values for the codes -top ... top and then for NaN, at `codes`: float32, on
/// the device of `codes`.
Tensor entries_at(const std::vector<float>& table, const Tensor& codes);

}  // namespace crossloom
