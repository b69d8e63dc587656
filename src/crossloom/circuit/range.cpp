#include "crossloom/circuit/range.h"

#include <algorithm>
#include <cmath>

namespace crossloom {
namespace {

constexpr std::int64_t kMostSamples = std::int64_t{1} << 16;

/// The size that a share `percentile` of the sizes of `values` does not exceed.
double percentile_of(double percentile, const Tensor& values) {
  const Tensor sizes = spread_samples(values, kMostSamples).abs_();
  const std::int64_t count = sizes.numel();
  const auto rank = static_cast<std::int64_t>(std::ceil(percentile * static_cast<double>(count)));
  float* const begin = sizes.data_ptr<float>();
  float* const found = begin + std::clamp<std::int64_t>(rank, 1, count) - 1;
  std::nth_element(begin, found, begin + count);
  return *found;
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

Tensor spread_samples(const Tensor& values, std::int64_t most) {
  constexpr double kGolden = 0.61803398874989485;
  const Tensor rows =
      (values.dim() < 2 ? values.reshape({1, -1}) : values.flatten(1)).to(at::kCPU, at::kFloat);
  const auto from = rows.accessor<float, 2>();
  const std::int64_t count = rows.numel();
  const std::int64_t columns = rows.size(1);
  Tensor samples = at::empty({std::min(count, most)}, at::kFloat);
  auto* const data = samples.data_ptr<float>();
  for (std::int64_t i = 0; i < samples.numel(); ++i) {
    const double turns = static_cast<double>(i) * kGolden;
    const auto spread =
        static_cast<std::int64_t>((turns - std::floor(turns)) * static_cast<double>(count));
    const std::int64_t place = count <= most ? i : std::min(spread, count - 1);
    data[i] = from[place / columns][place % columns];
  }
  return samples;
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
