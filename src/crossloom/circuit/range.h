#pragma once

#include <ATen/ATen.h>

#include "crossloom/core/params.h"

namespace crossloom {

using at::Tensor;

/// How the full scale of a converter is found.
enum class RangePolicy {
  kFixed,       // the value in the config
  kCalibrated,  // a percentile of what was seen during calibration, then frozen
  kTracked,     // follows the largest value of each training batch; frozen outside of training
};

/// Declares `policy`, `percentile` and `momentum` under the names `range`, `range_percentile` and
/// `range_momentum`.
struct RangeOptions {
  RangePolicy policy = RangePolicy::kFixed;
  double percentile = 0.9999;
  double momentum = 0.02;

  void describe(ParamList& params);
};

/// The full scale after `values` were seen. Fixed ranges never move; a range of zero (nothing seen
/// yet) is taken over from the first values.
///
///   full_scale  [n]       present ranges, >= 0
///   values      [n, ...]  what the converters saw; its size is what is converted
///   returns     [n]
Tensor calibrate_range(const RangeOptions& options, const Tensor& full_scale, const Tensor& values);
Tensor track_range(const RangeOptions& options, const Tensor& full_scale, const Tensor& values);

}  // namespace crossloom
