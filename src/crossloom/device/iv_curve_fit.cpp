#include "crossloom/device/iv_curve_fit.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "crossloom/core/units.h"

namespace crossloom {
namespace {

constexpr std::int64_t kLeastReadings = 200;
constexpr std::int64_t kStretches = 20;
constexpr std::int64_t kBins = 16;        // of each polarity
constexpr std::int64_t kFineBins = 32;    // of each polarity, for what no curve can leave less of
constexpr std::int64_t kLeastInBin = 5;   // readings
constexpr double kLargestCurvature = 20;  // [1/V], as a device takes it
constexpr double kSimpler = 1.02;         // times the least rms that a simpler law may leave

/// Readings of every other stretch.
IvReadings half_of(const IvReadings& readings, std::int64_t which) {
  const std::int64_t n = readings.v.numel();
  const Tensor stretch = at::floor_divide(at::arange(n, at::kLong) * kStretches, n);
  const Tensor chosen = stretch.remainder(2).eq(which);
  return {readings.v.masked_select(chosen), readings.i.masked_select(chosen)};
}

Tensor left_over(const IvReadings& readings, const IvCandidate& candidate) {
  const Tensor shape = law_of(candidate)[0].shape(readings.v);
  return readings.i - candidate.offset - candidate.g * shape;
}

double rms(const Tensor& x) {
  return x.square().mean().sqrt().item<double>();
}

/// Sets offset and g by least squares, and the rms they leave.
void adjust(IvCandidate& candidate, const IvReadings& readings) {
  const Tensor shape = law_of(candidate)[0].shape(readings.v);
  const Tensor centred = shape - shape.mean();
  const Tensor g = (centred * readings.i).sum() / centred.square().sum();
  candidate.g = g.item<double>();
  candidate.offset = (readings.i.mean() - g * shape.mean()).item<double>();
  candidate.seen = rms(left_over(readings, candidate));
}

IvCandidate sinh_candidate(double curvature, const IvReadings& readings) {
  IvCandidate candidate;
  candidate.law = curvature == 0 ? "linear" : "sinh";
  candidate.curvature = curvature;
  adjust(candidate, readings);
  return candidate;
}

/// The curvature that leaves least, by golden section.
IvCandidate best_sinh(const IvReadings& readings) {
  const double ratio = (std::sqrt(5.0) - 1) / 2;
  double low = 0, high = kLargestCurvature;
  for (int step = 0; step < 40; ++step) {
    const double left = high - ratio * (high - low);
    const double right = low + ratio * (high - low);
    if (sinh_candidate(left, readings).seen < sinh_candidate(right, readings).seen) {
      high = right;
    } else {
      low = left;
    }
  }
  return sinh_candidate((low + high) / 2, readings);
}

/// Means of the readings in bins of voltage of equal width, `bins` of each polarity.
struct Bins {
  Tensor index;        // [N]
  Tensor count, v, i;  // [2 * bins]

  Bins(const IvReadings& readings, std::int64_t bins) {
    const Tensor width = readings.v.abs().max() / static_cast<double>(bins);
    index = ((readings.v / width).floor() + static_cast<double>(bins))
                .clamp(0, static_cast<double>(2 * bins - 1))
                .to(at::kLong);
    count = sum(at::ones_like(readings.v), bins);
    v = sum(readings.v, bins) / count;
    i = sum(readings.i, bins) / count;
  }

  Tensor sum(const Tensor& values, std::int64_t bins) const {
    return at::zeros({2 * bins}, at::kDouble).index_add(0, index, values);
  }

  Tensor of_each(const Tensor& of_bins) const { return of_bins.index_select(0, index); }
};

/// What a straight line in each bin leaves of the readings.
double left_by_lines(const IvReadings& readings, std::int64_t num_bins) {
  const Bins bins(readings, num_bins);
  const Tensor v = readings.v - bins.of_each(bins.v);
  const Tensor i = readings.i - bins.of_each(bins.i);
  const Tensor slope = bins.sum(v * i, num_bins) / bins.sum(v.square(), num_bins).clamp_min(1e-300);
  return rms(i - bins.of_each(slope) * v);
}

/// The current at no voltage, by a straight line through readings near it; that of `otherwise`
/// where there are few.
double current_at_rest(const IvReadings& readings, const IvCandidate& otherwise) {
  const Tensor near = readings.v.abs().le(readings.v.abs().max() / static_cast<double>(kBins));
  const IvReadings part{readings.v.masked_select(near), readings.i.masked_select(near)};
  const bool is_enough = part.v.numel() >= 2 * kLeastInBin && part.v.max().item<double>() > 0 &&
                         part.v.min().item<double>() < 0;
  return is_enough ? sinh_candidate(0, part).offset : otherwise.offset;
}

struct Point {
  double count, v, i;
};

/// Points of ascending current of the sign of its voltage; neighbours that fall are joined in their
/// mean.
std::vector<Point> ascending(const Bins& bins, double offset) {
  std::vector<Point> points;
  for (std::int64_t b = 0; b < bins.count.numel(); ++b) {
    Point next = {
        bins.count[b].item<double>(), bins.v[b].item<double>(), bins.i[b].item<double>() - offset};
    if (next.count < static_cast<double>(kLeastInBin) || next.v * next.i <= 0) continue;
    while (!points.empty() && points.back().i >= next.i && points.back().v * next.v > 0) {
      const Point& last = points.back();
      const double count = last.count + next.count;
      next = {count,
              (last.count * last.v + next.count * next.v) / count,
              (last.count * last.i + next.count * next.i) / count};
      points.pop_back();
    }
    points.push_back(next);
  }
  return points;
}

}  // namespace

IvLaw law_of(const IvCandidate& candidate) {
  return candidate.law == "tabulated" ? tabulated_law(candidate.voltages, candidate.currents)
                                      : sinh_law(candidate.curvature);
}

bool has_iv(const Measurements& table) {
  return table.has("v", "V") && table.has("i", "A");
}

IvReadings iv_readings(const Measurements& table) {
  const IvReadings readings{at::tensor(table.column("v", "V"), at::kDouble),
                            at::tensor(table.column("i", "A"), at::kDouble)};
  if (readings.v.numel() < kLeastReadings) {
    table.refuse("there are " + std::to_string(readings.v.numel()) +
                     " currents, too few to fit a law to some and judge it on others",
                 "give at least " + std::to_string(kLeastReadings));
  }
  const double least = readings.v.min().item<double>();
  if (least == readings.v.max().item<double>()) {
    table.refuse("all currents were measured at " + format_quantity(least, "V"),
                 "give currents at several voltages");
  }
  return readings;
}

IvFit fit_iv(const IvReadings& readings) {
  const IvReadings fitted = half_of(readings, 0);
  const IvReadings unseen = half_of(readings, 1);
  IvFit fit;
  fit.candidates = {sinh_candidate(0, fitted), best_sinh(fitted)};
  IvCandidate curve;
  curve.law = "tabulated";
  for (const Point& point :
       ascending(Bins(fitted, kBins), current_at_rest(fitted, fit.candidates[1]))) {
    curve.voltages.push_back(point.v);
    curve.currents.push_back(point.i);
  }
  if (!curve.voltages.empty()) {
    adjust(curve, fitted);
    fit.candidates.push_back(curve);
  }
  double least = std::numeric_limits<double>::infinity();
  for (IvCandidate& candidate : fit.candidates) {
    candidate.unseen = rms(left_over(unseen, candidate));
    least = std::min(least, candidate.unseen);
  }
  while (fit.candidates[fit.chosen].unseen > kSimpler * least) ++fit.chosen;
  fit.floor = left_by_lines(unseen, kFineBins);
  return fit;
}

}  // namespace crossloom
