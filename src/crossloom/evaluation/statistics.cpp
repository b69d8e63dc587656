#include "crossloom/evaluation/statistics.h"

#include <algorithm>
#include <cmath>

#include <c10/util/Exception.h>

namespace crossloom {
namespace {

/// 97.5 % quantile of Student's t with `degrees` degrees of freedom, to 0.3 %: exact for 1 and 2,
/// then the expansion in 1/degrees about the normal quantile.
/// Source: M. Abramowitz, I. Stegun, "Handbook of Mathematical Functions", 26.7.5.
double student_quantile(double degrees) {
  if (degrees < 1.5) return 12.706;
  if (degrees < 2.5) return 4.303;
  const double z = 1.959964;
  const double z3 = z * z * z;
  const double z5 = z3 * z * z;
  const double z7 = z5 * z * z;
  const double z9 = z7 * z * z;
  const double g1 = (z3 + z) / 4;
  const double g2 = (5 * z5 + 16 * z3 + 3 * z) / 96;
  const double g3 = (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / 384;
  const double g4 = (79 * z9 + 776 * z7 + 1482 * z5 - 1920 * z3 - 945 * z) / 92160;
  return z + g1 / degrees + g2 / (degrees * degrees) + g3 / std::pow(degrees, 3) +
         g4 / std::pow(degrees, 4);
}

}  // namespace

Statistics summarise(const std::vector<double>& values) {
  TORCH_CHECK(!values.empty(), "no values to summarise");
  Statistics s;
  s.count = static_cast<std::int64_t>(values.size());
  const auto n = static_cast<double>(s.count);
  for (const double value : values) s.mean += value / n;
  double squares = 0;
  for (const double value : values) squares += (value - s.mean) * (value - s.mean);
  if (s.count > 1) {
    s.std = std::sqrt(squares / (n - 1));
    s.standard_error = s.std / std::sqrt(n);
    s.ci95 = student_quantile(n - 1) * s.standard_error;
  }
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  s.min = sorted.front();
  s.max = sorted.back();
  const std::size_t half = sorted.size() / 2;
  s.median = sorted.size() % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  return s;
}

Json to_json(const Statistics& s) {
  return {{"count", s.count},
          {"mean", s.mean},
          {"std", s.std},
          {"standard_error", s.standard_error},
          {"ci95", s.ci95},
          {"min", s.min},
          {"median", s.median},
          {"max", s.max}};
}

}  // namespace crossloom
