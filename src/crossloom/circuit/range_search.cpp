#include "crossloom/circuit/range_search.h"

#include <algorithm>
#include <cmath>

#include "crossloom/core/vector_code.h"

namespace crossloom {
namespace {

constexpr std::int64_t kMostSamples = std::int64_t{1} << 16;
constexpr int kPerOctave = 8;
constexpr int kOctaves = 6;  // from 2 times the largest value down

struct Steps {
  float step, highest, lowest;
};

/// Squared errors of the quantised values, weighed.
CROSSLOOM_VECTOR
void squared_errors(
    const float* x, const float* weight, std::int64_t n, const Steps& steps, float* error) {
  const float per_step = 1 / steps.step;
  for (std::int64_t i = 0; i < n; ++i) {
    const float code = std::nearbyint(x[i] * per_step);
    const float clipped =
        code > steps.highest ? steps.highest : (code < steps.lowest ? steps.lowest : code);
    const float difference = clipped * steps.step - x[i];
    error[i] = weight[i] * difference * difference;
  }
}

}  // namespace

void RangeSearch::add(const Tensor& values, const Tensor& weights) {
  const Tensor x = spread_samples(values, kMostSamples);
  if (candidates_.empty()) {
    const double largest = x.numel() > 0 ? x.abs().max().item<double>() : 0;
    if (!(largest > 0)) return;
    for (int k = 0; k <= kOctaves * kPerOctave; ++k) {
      candidates_.push_back(2 * largest * std::exp2(-static_cast<double>(k) / kPerOctave));
    }
    errors_.assign(candidates_.size(), 0);
  }
  const Tensor weight =
      weights.defined()
          ? spread_samples(weights.to(at::kFloat).expand(values.sizes()), kMostSamples)
          : at::ones_like(x);
  Tensor error = at::empty_like(x);
  for (std::size_t k = 0; k < candidates_.size(); ++k) {
    const Steps steps = {static_cast<float>(candidates_[k] / highest_),
                         static_cast<float>(highest_),
                         static_cast<float>(lowest_)};
    squared_errors(
        x.data_ptr<float>(), weight.data_ptr<float>(), x.numel(), steps, error.data_ptr<float>());
    errors_[k] += error.sum(at::kDouble).item<double>();
  }
}

double RangeSearch::best() const {
  if (candidates_.empty()) return 0;
  const auto least = std::min_element(errors_.begin(), errors_.end()) - errors_.begin();
  return candidates_[static_cast<std::size_t>(least)];
}

}  // namespace crossloom
