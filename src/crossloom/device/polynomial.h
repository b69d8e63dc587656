#pragma once

#include <array>

#include <ATen/ATen.h>

namespace crossloom {

using at::Tensor;

/// max(scale sum_k coefficients[k] x^k, 0), for spreads: in one pass over `x`.
///
///   x        [...]  float32
///   returns  [...]  float32
Tensor positive_polynomial(const std::array<double, 5>& coefficients,
                           double scale,
                           const Tensor& x);

}  // namespace crossloom
