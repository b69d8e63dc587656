#pragma once

#include <ATen/ATen.h>

#include "crossloom/core/params.h"

namespace crossloom {

using at::Tensor;

/// How the full scale of a converter is found.
enum class RangePolicy {
  kFixed,       // the value in the config
  kCalibrated,  // a percentile of what the batches of a calibration held, then frozen
  kTracked,     // follows the largest value of each training batch; frozen outside of training
  kLearned,     // of least squared error over the batches of a calibration (`RangeSearch`)
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

/// Whether a pass changes `full_scale`, so that the values must be seen before they are converted.
/// A fixed one never moves. A calibrated or learned one is set by a calibration, a tracked one
/// moves with `kTrack`; all take over the first values they see (`full_scale` zero).
bool moves(const RangeOptions& options, double full_scale, RangeUse use);

/// At most `most` of `values`, spread evenly and without a period that layouts share: at the
/// multiples of the golden ratio modulo one. All of them when there are no more.
///
///   values   [B, ...]
///   returns  [n]       float32
Tensor spread_samples(const Tensor& values, std::int64_t most);

/// What a range takes from the `values` of one batch: the largest size, or, calibrated, the size
/// that a share `percentile` of them does not exceed. That is found among at most 2^16 values
/// spread evenly, so that the share of all values within has a standard error of at most
/// sqrt(percentile (1 - percentile)) / 256 (4e-5 for a percentile of 0.9999).
double observe(const RangeOptions& options, const Tensor& values);

/// The full scale after `observed` was seen, where `moves`. A calibration over several batches
/// takes the largest of their percentiles: exact for a percentile of one, a little above that of
/// all values together otherwise. It never shrinks; start anew from zero.
double update_range(const RangeOptions& options, double full_scale, double observed);

}  // namespace crossloom
