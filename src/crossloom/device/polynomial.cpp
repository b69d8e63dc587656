#include "crossloom/device/polynomial.h"

#include "crossloom/core/vector_code.h"

namespace crossloom {
namespace {

CROSSLOOM_VECTOR
void evaluate(const std::array<float, 5>& c, const float* x, std::int64_t n, float* y) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float sum = (((c[4] * x[i] + c[3]) * x[i] + c[2]) * x[i] + c[1]) * x[i] + c[0];
    y[i] = sum > 0 ? sum : 0;
  }
}

}  // namespace

Tensor positive_polynomial(const std::array<double, 5>& coefficients,
                           double scale,
                           const Tensor& x) {
  std::array<float, 5> c{};
  for (std::size_t k = 0; k < c.size(); ++k) c[k] = static_cast<float>(scale * coefficients[k]);
  const Tensor contiguous = x.contiguous();
  Tensor y = at::empty(x.sizes(), at::kFloat);
  evaluate(c, contiguous.data_ptr<float>(), x.numel(), y.data_ptr<float>());
  return y;
}

}  // namespace crossloom
