#include "crossloom/circuit/range.h"

#include <cmath>

namespace crossloom {
namespace {

/// The value that a share `percentile` of the sizes of `values` does not exceed: [n].
Tensor percentile_of(double percentile, const Tensor& values) {
  const Tensor sizes = values.abs().flatten(1);
  const std::int64_t count = sizes.size(1);
  const auto rank = static_cast<std::int64_t>(std::ceil(percentile * static_cast<double>(count)));
  return std::get<0>(sizes.kthvalue(std::min(std::max<std::int64_t>(rank, 1), count), 1));
}

}  // namespace

void RangeOptions::describe(ParamList& params) {
  params.add_choice<RangePolicy>("range",
                                 policy,
                                 {{"fixed", RangePolicy::kFixed},
                                  {"calibrated", RangePolicy::kCalibrated},
                                  {"tracked", RangePolicy::kTracked}},
                                 "how the full scale is found");
  params.add("range_percentile",
             percentile,
             {0.5, 1},
             "1",
             "calibrated: share of the values within the full scale (assumption)");
  params.add("range_momentum",
             momentum,
             {1e-6, 1},
             "1",
             "tracked: weight of the newest batch in the running maximum (assumption)");
}

Tensor update_range(const RangeOptions& options,
                    const Tensor& full_scale,
                    const Tensor& values,
                    RangeUse use) {
  const bool is_first = !full_scale.gt(0).all().item<bool>();
  if (options.policy == RangePolicy::kCalibrated && (is_first || use == RangeUse::kCalibrate)) {
    return percentile_of(options.percentile, values);
  }
  if (options.policy == RangePolicy::kTracked && (is_first || use == RangeUse::kTrack)) {
    const Tensor largest = values.flatten(1).abs().amax(1);
    const Tensor moved = full_scale + options.momentum * (largest - full_scale);
    return at::where(full_scale > 0, moved, largest);
  }
  return full_scale;
}

}  // namespace crossloom
