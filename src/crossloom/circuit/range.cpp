#include "crossloom/circuit/range.h"

#include <cmath>

namespace crossloom {

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

Tensor calibrate_range(const RangeOptions& options, const Tensor& full_scale, const Tensor& values) {
  if (options.policy == RangePolicy::kFixed) return full_scale;
  const Tensor sizes = values.abs().flatten(1);
  const std::int64_t count = sizes.size(1);
  const auto rank = static_cast<std::int64_t>(std::ceil(options.percentile * static_cast<double>(count)));
  return std::get<0>(sizes.kthvalue(std::min(std::max<std::int64_t>(rank, 1), count), 1));
}

Tensor track_range(const RangeOptions& options, const Tensor& full_scale, const Tensor& values) {
  if (options.policy != RangePolicy::kTracked) return full_scale;
  const Tensor largest = values.flatten(1).abs().amax(1);
  const Tensor moved = full_scale + options.momentum * (largest - full_scale);
  return at::where(full_scale > 0, moved, largest);
}

}  // namespace crossloom
