#include "crossloom/mapping/differential_pair.h"

namespace crossloom {

DifferentialPair::DifferentialPair(ConductanceRange range, double w_max)
    : range_(range), w_max_(w_max) {
  TORCH_CHECK(w_max > 0, "the largest weight of a mapping must be above zero, not ", w_max);
}

Tensor DifferentialPair::to_conductances(const Tensor& w) const {
  const Tensor scaled = w.clamp(-w_max_, w_max_) / weight_scale();
  return range_.g_min + at::stack({scaled.clamp_min(0), (-scaled).clamp_min(0)});
}

Tensor DifferentialPair::to_weights(const Tensor& g) const {
  return (g.select(0, 0) - g.select(0, 1)) * weight_scale();
}

}  // namespace crossloom
