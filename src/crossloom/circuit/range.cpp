#include "crossloom/circuit/range.h"

#include <algorithm>
#include <cmath>

namespace crossloom {
namespace {

constexpr std::int64_t kMostSamples = std::int64_t{1} << 18;

/// At most `kMostSamples` of `values` [n], spread evenly and without a period that layouts share:
/// positions are the multiples of the golden ratio modulo one.
Tensor spread_samples(const Tensor& values) {
  const std::int64_t count = values.numel();
  if (count <= kMostSamples) return values;
  const double golden = 0.5 * (std::sqrt(5.0) - 1);
  const Tensor turns = at::arange(kMostSamples, at::kDouble) * golden;
  const Tensor index = ((turns - turns.floor()) * static_cast<double>(count)).to(at::kLong);
  return values.index_select(0, index.clamp_max(count - 1));
}

/// The size that a share `percentile` of the sizes of `values` does not exceed.
double percentile_of(double percentile, const Tensor& values) {
  const Tensor sizes = spread_samples(values.flatten()).abs();
  const std::int64_t count = sizes.numel();
  const auto rank = static_cast<std::int64_t>(std::ceil(percentile * static_cast<double>(count)));
  return std::get<0>(sizes.kthvalue(std::min(std::max<std::int64_t>(rank, 1), count)))
      .item<double>();
}

double largest_of(const Tensor& values) {
  const auto [smallest, largest] = at::aminmax(values);
  return std::max(largest.item<double>(), -smallest.item<double>());
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

bool moves(const RangeOptions& options, double full_scale, RangeUse use) {
  switch (options.policy) {
    case RangePolicy::kFixed:
      return false;
    case RangePolicy::kCalibrated:
      return !(full_scale > 0) || use == RangeUse::kCalibrate;
    case RangePolicy::kTracked:
      return !(full_scale > 0) || use == RangeUse::kTrack;
  }
  return false;
}

double observe(const RangeOptions& options, const Tensor& values) {
  const bool takes_largest = options.policy != RangePolicy::kCalibrated || options.percentile == 1;
  return takes_largest ? largest_of(values) : percentile_of(options.percentile, values);
}

double update_range(const RangeOptions& options, double full_scale, double observed) {
  if (!(full_scale > 0)) return observed;
  if (options.policy == RangePolicy::kCalibrated) return std::max(full_scale, observed);
  return full_scale + options.momentum * (observed - full_scale);
}

}  // namespace crossloom
