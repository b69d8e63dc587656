#include "crossloom/device/iv_law.h"

namespace crossloom {

IvLaw linear_law() {
  const auto identity = [](const Tensor& x) { return x.clone(); };
  return {{identity, [](const Tensor& v) { return at::ones_like(v); }, identity}};
}

IvLaw sinh_law(double b) {
  TORCH_CHECK(b >= 0, "the curvature of a sinh law is ", b, " /V, not at least 0");
  if (b == 0) return linear_law();
  return {{[b](const Tensor& v) { return (b * v).sinh() / b; },
           [b](const Tensor& v) { return (b * v).cosh(); },
           [](const Tensor& g) { return g.clone(); }}};
}

Tensor current(const IvLaw& law, const Tensor& g, const Tensor& v) {
  Tensor sum;
  for (const IvTerm& term : law) {
    const Tensor part = term.strength(g) * term.shape(v);
    sum = sum.defined() ? sum + part : part;
  }
  return sum;
}

}  // namespace crossloom
