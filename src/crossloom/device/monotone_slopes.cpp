#include "crossloom/device/monotone_slopes.h"

namespace crossloom {

std::vector<double> monotone_slopes(const std::vector<double>& x, const std::vector<double>& y) {
  const std::size_t n = x.size();
  std::vector<double> slopes(n, 0);
  if (n < 2) return slopes;
  const auto secant = [&](std::size_t k) { return (y[k + 1] - y[k]) / (x[k + 1] - x[k]); };
  slopes[0] = secant(0);
  slopes[n - 1] = secant(n - 2);
  for (std::size_t k = 1; k + 1 < n; ++k) {
    if (secant(k - 1) * secant(k) <= 0) continue;
    const double left = x[k] - x[k - 1];
    const double right = x[k + 1] - x[k];
    const double share = (left + 2 * right) / (3 * (left + right));
    slopes[k] = 1 / (share / secant(k - 1) + (1 - share) / secant(k));
  }
  return slopes;
}

}  // namespace crossloom
