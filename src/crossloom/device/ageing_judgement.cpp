#include "crossloom/device/ageing_judgement.h"

#include <cmath>
#include <limits>

#include "crossloom/core/random.h"
#include "crossloom/device/ageing_curves.h"
#include "crossloom/device/ageing_fit.h"

namespace crossloom {
namespace {

using Vector = std::vector<double>;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Mean and standard deviation of all cells, of which `count` [B] are in each group.
struct Figures {
  double mean;
  double spread;
};

Figures of_all(const Tensor& count, const Tensor& mean, const Tensor& variance) {
  const Tensor share = count / count.sum();
  const double m = (share * mean).sum().item<double>();
  const double square = (share * (variance + mean.square())).sum().item<double>();
  return {m, std::sqrt(std::max(0.0, square - m * m))};
}

Figures measured_at(const ReadingMoments& moments, std::int64_t k) {
  return of_all(moments.count,
                moments.mean.select(1, k),
                moments.covariance.select(1, k).select(1, k).clamp_min(0));
}

Figures predicted_at(const AgeingCurves& curves, const Tensor& count, double x) {
  return of_all(count, curves.mean(x), curves.sigma(x).square());
}

double jackknife_error(const Vector& values) {
  const auto n = static_cast<double>(values.size());
  double mean = 0;
  for (const double value : values) mean += value / n;
  double square = 0;
  for (const double value : values) square += (value - mean) * (value - mean);
  return std::sqrt((n - 1) / n * square);
}

FigureCheck check_of(double Figures::*figure,
                     const Figures& measured,
                     const Figures& unseen_cells,
                     const Figures& unseen_time,
                     const std::vector<std::pair<Figures, Figures>>& replicates) {
  Vector values, differences;
  for (const auto& [of_rest, blind] : replicates) {
    values.push_back(of_rest.*figure);
    differences.push_back(blind.*figure - of_rest.*figure);
  }
  return {measured.*figure,
          jackknife_error(values),
          unseen_cells.*figure,
          unseen_time.*figure,
          jackknife_error(differences)};
}

/// The cells of one temperature: all, and without each of the parts.
class Judge {
 public:
  Judge(const AgeingReadings& readings, const CellGroups& groups, Rng rng)
      : readings_(readings), x_(decades(readings.times)) {
    const Tensor group = groups.of(readings.g_start);
    const Tensor part = rng.permutation(group.numel()).remainder(kNumParts);
    const auto sums_where = [&](const Tensor& mask) {
      const Tensor chosen = mask.nonzero().squeeze(1);
      return ReadingSums::of(
          readings.moved.index_select(0, chosen), group.index_select(0, chosen), groups.size());
    };
    all_ = sums_where(part.ge(0));
    moments_ = all_.moments();
    for (std::int64_t i = 0; i < kNumParts; ++i) {
      rest_.push_back(sums_where(part.ne(i)));
      rest_moments_.push_back(rest_.back().moments(moments_));
      rest_curves_.emplace_back(x_, rest_moments_.back());
    }
  }

  AgeingCheck check(std::int64_t k) const {
    const Figures measured = measured_at(moments_, k);
    const bool is_inner = k > 0 && k + 1 < static_cast<std::int64_t>(x_.size());
    const ReadingMoments without = is_inner ? all_.without_time(k).moments() : ReadingMoments();
    const Figures unseen_time = is_inner ? blind(without, k, moments_.count) : Figures{kNaN, kNaN};
    std::vector<std::pair<Figures, Figures>> replicates;
    for (std::size_t i = 0; i < rest_.size(); ++i) {
      replicates.emplace_back(
          measured_at(rest_moments_[i], k),
          is_inner ? blind(rest_[i].without_time(k).moments(without), k, rest_moments_[i].count)
                   : unseen_time);
    }
    const Figures unseen_cells = from_the_others(k);
    return {readings_.temperature,
            readings_.times[static_cast<std::size_t>(k)],
            readings_.moved.select(1, k).isnan().logical_not().sum().item<std::int64_t>(),
            check_of(&Figures::mean, measured, unseen_cells, unseen_time, replicates),
            check_of(&Figures::spread, measured, unseen_cells, unseen_time, replicates)};
  }

 private:
  double at(std::int64_t k) const { return x_[static_cast<std::size_t>(k)]; }

  /// What a law says of time `k` that was fitted to the `moments` without it.
  Figures blind(const ReadingMoments& moments, std::int64_t k, const Tensor& count) const {
    Vector x = x_;
    x.erase(x.begin() + k);
    return predicted_at(AgeingCurves(x, moments), count, at(k));
  }

  /// What the laws of the other parts say of each part, of all cells together.
  Figures from_the_others(std::int64_t k) const {
    double mean = 0, square = 0;
    const double total = moments_.count.sum().item<double>();
    for (std::size_t i = 0; i < rest_.size(); ++i) {
      const Tensor count = moments_.count - rest_moments_[i].count;
      const Figures of_part = predicted_at(rest_curves_[i], count, at(k));
      const double share = count.sum().item<double>() / total;
      mean += share * of_part.mean;
      square += share * (of_part.spread * of_part.spread + of_part.mean * of_part.mean);
    }
    return {mean, std::sqrt(std::max(0.0, square - mean * mean))};
  }

  const AgeingReadings& readings_;
  Vector x_;
  ReadingSums all_;
  ReadingMoments moments_;
  std::vector<ReadingSums> rest_;
  std::vector<ReadingMoments> rest_moments_;
  std::vector<AgeingCurves> rest_curves_;
};

}  // namespace

std::vector<AgeingCheck> judge_ageing(const std::vector<AgeingReadings>& readings,
                                      std::uint64_t seed) {
  const CellGroups groups = ageing_groups(readings);
  std::vector<AgeingCheck> checks;
  for (std::size_t i = 0; i < readings.size(); ++i) {
    const Judge judge(readings[i], groups, Rng(seed).fork(i));
    for (std::size_t k = 0; k < readings[i].times.size(); ++k) {
      checks.push_back(judge.check(static_cast<std::int64_t>(k)));
    }
  }
  return checks;
}

}  // namespace crossloom
