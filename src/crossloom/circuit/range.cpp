#include "crossloom/circuit/range.h"

#include <algorithm>
#include <cmath>

namespace crossloom {
namespace {

constexpr std::int64_t kMostSamples = std::int64_t{1} << 18;

/// At most `kMostSamples` of `values` [n].
Tensor spread_samples(const Tensor& values) {
  if (values.numel() <= kMostSamples) return values;
  return values.index_select(0, spread_positions(values.numel(), kMostSamples));
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
                                  {"tracked", RangePolicy::kTracked},
                                  {"learned", RangePolicy::kLearned}},
                                 "full scale: as given; a percentile (1: the maximum); following "
                                 "training; of least squared error on the calibration set");
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
    case RangePolicy::kLearned:
      return !(full_scale > 0) || use == RangeUse::kCalibrate;
    case RangePolicy::kTracked:
      return !(full_scale > 0) || use == RangeUse::kTrack;
  }
  return false;
}

Tensor spread_positions(std::int64_t count, std::int64_t most) {
  if (count <= most) return at::arange(count, at::kLong);
  const double golden = 0.5 * (std::sqrt(5.0) - 1);
  const Tensor turns = at::arange(most, at::kDouble) * golden;
  const Tensor index = ((turns - turns.floor()) * static_cast<double>(count)).to(at::kLong);
  return index.clamp_max(count - 1);
}

double observe(const RangeOptions& options, const Tensor& values) {
  const bool takes_largest = options.policy != RangePolicy::kCalibrated || options.percentile == 1;
  return takes_largest ? largest_of(values) : percentile_of(options.percentile, values);
}

double update_range(const RangeOptions& options, double full_scale, double observed) {
  if (!(full_scale > 0)) return observed;
  if (options.policy != RangePolicy::kTracked) return std::max(full_scale, observed);
  return full_scale + options.momentum * (observed - full_scale);
}

}  // namespace crossloom
