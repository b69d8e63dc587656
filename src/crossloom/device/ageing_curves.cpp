#include "crossloom/device/ageing_curves.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "crossloom/device/cell_groups.h"
#include "crossloom/device/monotone_slopes.h"

namespace crossloom {
namespace {

using Vector = std::vector<double>;

double hermite(const Vector& x, const Vector& y, const Vector& slopes, double at) {
  if (x.size() < 2) return y[0];
  const auto above = std::upper_bound(x.begin(), x.end() - 1, at) - x.begin();
  const auto k = static_cast<std::size_t>(std::max<std::ptrdiff_t>(above, 1) - 1);
  const double width = x[k + 1] - x[k];
  const double s = (at - x[k]) / width;
  return y[k] * (1 + 2 * s) * (1 - s) * (1 - s) + y[k + 1] * s * s * (3 - 2 * s) +
         width * (slopes[k] * s * (1 - s) * (1 - s) - slopes[k + 1] * s * s * (1 - s));
}

/// Powers 0 … degree of `x`: [K, degree + 1].
Tensor powers(const Vector& x, std::int64_t degree) {
  return at::pow(at::tensor(x, at::kDouble).unsqueeze(1), at::arange(degree + 1, at::kDouble));
}

}  // namespace

AgeingCurves::AgeingCurves(Vector x, const ReadingMoments& moments)
    : x_(std::move(x)), center_((x_.front() + x_.back()) / 2) {
  const Tensor sigma = moments.covariance.diagonal(0, 1, 2).clamp_min(0).sqrt();
  const Tensor floor = 1e-9 * sigma.max().clamp_min(1e-300);
  const Tensor weight = moments.num_read.clamp_min(1e-3) / (sigma + floor).square();
  const auto num_times = static_cast<std::int64_t>(x_.size());
  const bool is_exact = num_times <= 3;
  const std::int64_t most = is_exact ? num_times - 1 : std::min<std::int64_t>(3, num_times - 2);
  double best = std::numeric_limits<double>::infinity();
  for (std::int64_t degree = is_exact ? most : 1; degree <= most; ++degree) {
    const Polynomials candidate = fit(moments.mean, weight / weight.max(), degree);
    if (coefficients_.defined() && !(candidate.error < best)) continue;
    best = candidate.error;
    coefficients_ = candidate.coefficients;
  }
  for (std::int64_t b = 0; b < sigma.size(0); ++b) {
    sigma_.push_back(to_vector(sigma[b]));
    slopes_.push_back(monotone_slopes(x_, sigma_.back()));
  }
}

AgeingCurves::Polynomials AgeingCurves::fit(const Tensor& mean,
                                            const Tensor& weight,
                                            std::int64_t degree) const {
  Vector centered;
  for (const double x : x_) centered.push_back(x - center_);
  const Tensor v = powers(centered, degree);                               // [K, P]
  const Tensor weighted = v.unsqueeze(0) * weight.unsqueeze(2);            // [B, K, P]
  const Tensor normal = v.t().unsqueeze(0).matmul(weighted);               // [B, P, P]
  const Tensor half = at::linalg_solve(normal, weighted.transpose(1, 2));  // [B, P, K]
  const Tensor coefficients = half.matmul(mean.unsqueeze(2)).squeeze(2);
  const Tensor leverage = (v.unsqueeze(0) * half.transpose(1, 2)).sum(2);  // [B, K]
  const Tensor error = (mean - coefficients.matmul(v.t())) / (1 - leverage).clamp_min(1e-9);
  const auto last = static_cast<std::int64_t>(x_.size()) - 1;
  return {coefficients,
          (weight * error.square())
              .slice(1, std::min<std::int64_t>(1, last), last)
              .sum()
              .item<double>()};
}

Tensor AgeingCurves::mean(double x) const {
  return coefficients_.matmul(powers({x - center_}, coefficients_.size(1) - 1)[0]);
}

Tensor AgeingCurves::sigma(double x) const {
  Vector values;
  for (std::size_t b = 0; b < sigma_.size(); ++b) {
    values.push_back(std::max(0.0, hermite(x_, sigma_[b], slopes_[b], x)));
  }
  return at::tensor(values, at::kDouble);
}

}  // namespace crossloom
