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

/// What a pass over a chip does with ranges that are not fixed.
enum class RangeUse { kFrozen, kTrack, kCalibrate };

/// The full scale after `values` were seen. A fixed one never moves. A calibrated one is set by a
/// calibration, a tracked one moves with `kTrack`; both take over the first values they see.
///
///   full_scale  [n]       present ranges; 0: nothing seen yet
///   values      [n, ...]  what the converters saw
///   returns     [n]
Tensor update_range(const RangeOptions& options,
                    const Tensor& full_scale,
                    const Tensor& values,
                    RangeUse use);

}  // namespace crossloom
