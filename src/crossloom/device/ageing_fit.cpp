#include "crossloom/device/ageing_fit.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "crossloom/core/units.h"
#include "crossloom/device/reading_sums.h"

namespace crossloom {
namespace {

constexpr double kSameTime = 2;  // ratio of times that count as one
constexpr std::int64_t kMaxGroups = 12;
constexpr std::int64_t kCellsPerGroup = 200;
constexpr std::int64_t kMinCells = 50;
constexpr double kNodeSpacing = 0.5;  // decades
constexpr std::size_t kMaxTimes = 62;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

using Vector = std::vector<double>;

Vector decades(const Vector& times) {
  Vector result;
  for (const double t : times) result.push_back(std::log10(t));
  return result;
}

CellGroups groups_of(const std::vector<AgeingReadings>& readings) {
  std::vector<Tensor> all;
  for (const AgeingReadings& part : readings) all.push_back(part.g_start);
  return CellGroups(at::cat(all), kMaxGroups, kCellsPerGroup);
}

/// Slopes of a monotone cubic through (x, y), see `tabulated_law`.
Vector monotone_slopes(const Vector& x, const Vector& y) {
  const std::size_t n = x.size();
  Vector slopes(n, 0);
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

/// Mean and spread of groups of cells over the logarithm of time.
class Curves {
 public:
  Curves(Vector x, const ReadingMoments& moments) : x_(std::move(x)) {
    sigma_ = moments.covariance.diagonal(0, 1, 2).clamp_min(0).sqrt();
    const Tensor floor = 1e-9 * sigma_.max().clamp_min(1e-300);
    const Tensor weight = moments.num_read.clamp_min(1e-3) / (sigma_ + floor).square();
    smooth(moments.mean, weight / weight.max());
    for (std::int64_t b = 0; b < sigma_.size(0); ++b) {
      sigma_rows_.push_back(to_vector(sigma_[b]));
      slopes_.push_back(monotone_slopes(x_, sigma_rows_.back()));
    }
  }

  /// [B]
  Tensor mean(double x) const {
    const auto degree = coefficients_.size(1) - 1;
    return coefficients_.matmul(powers({x - center_}, degree)[0]);
  }

  /// [B]
  Tensor sigma(double x) const {
    Vector values;
    for (std::size_t b = 0; b < slopes_.size(); ++b) {
      values.push_back(std::max(0.0, hermite(x_, sigma_rows_[b], slopes_[b], x)));
    }
    return at::tensor(values, at::kDouble);
  }

 private:
  /// Sets the polynomials to those through `mean` [B, K].
  void smooth(const Tensor& mean, const Tensor& weight) {
    const auto num_times = static_cast<std::int64_t>(x_.size());
    center_ = (x_.front() + x_.back()) / 2;
    const std::int64_t least = std::min<std::int64_t>(num_times - 1, num_times <= 3 ? 2 : 1);
    const std::int64_t most = num_times <= 3 ? least : std::min<std::int64_t>(3, num_times - 2);
    double best = std::numeric_limits<double>::infinity();
    for (std::int64_t degree = least; degree <= most; ++degree) {
      const double error = fit(mean, weight, degree);
      if (error < best) {
        best = error;
        coefficients_ = candidate_;
      }
    }
    if (!coefficients_.defined()) coefficients_ = candidate_;
  }

  /// Sets `candidate_`; returns the sum over groups and inner times of the weighted squared error
  /// of the prediction without that time, r / (1 - leverage).
  double fit(const Tensor& mean, const Tensor& weight, std::int64_t degree) {
    Vector centered;
    for (const double x : x_) centered.push_back(x - center_);
    const Tensor v = powers(centered, degree);                     // [K, P]
    const Tensor weighted = v.unsqueeze(0) * weight.unsqueeze(2);  // [B, K, P]
    const Tensor normal = v.t().unsqueeze(0).matmul(weighted);     // [B, P, P]
    const Tensor right = weighted.transpose(1, 2).matmul(mean.unsqueeze(2));
    candidate_ = at::linalg_solve(normal, right).squeeze(2);  // [B, P]
    const std::int64_t inner = static_cast<std::int64_t>(x_.size()) - 2;
    if (inner < 1) return 0;
    const Tensor half = at::linalg_solve(normal, weighted.transpose(1, 2));  // [B, P, K]
    const Tensor leverage = (v.unsqueeze(0) * half.transpose(1, 2)).sum(2);  // [B, K]
    const Tensor error = (mean - candidate_.matmul(v.t())) / (1 - leverage).clamp_min(1e-9);
    return (weight * error.square()).slice(1, 1, 1 + inner).sum().item<double>();
  }

  Vector x_;
  double center_ = 0;
  Tensor sigma_;  // [B, K]
  Tensor coefficients_, candidate_;
  std::vector<Vector> sigma_rows_, slopes_;
};

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

Figures predicted_at(const Curves& curves, const Tensor& count, double x) {
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

Vector without(const Vector& values, std::size_t index) {
  Vector rest = values;
  rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(index));
  return rest;
}

/// `x` and enough points in between.
Vector filled(const Vector& x) {
  Vector nodes = {x[0]};
  for (std::size_t k = 1; k < x.size(); ++k) {
    const double pieces = std::ceil((x[k] - x[k - 1]) / kNodeSpacing - 1e-9);
    for (double i = 1; i <= pieces; ++i) {
      nodes.push_back(x[k - 1] + (x[k] - x[k - 1]) * i / pieces);
    }
  }
  return nodes;
}

void append(Vector& list, const Vector& values) {
  list.insert(list.end(), values.begin(), values.end());
}

/// Standard normal scores of `values` [n] by their ranks.
Tensor normal_scores(const Tensor& values) {
  const Tensor rank = values.argsort().argsort().to(at::kDouble);
  return at::special_ndtri((rank + 0.5) / static_cast<double>(values.numel()));
}

/// Moves over the mean and spread of their group and time: [N, K].
Tensor standardised(const AgeingReadings& part, const Tensor& group, const ReadingMoments& of) {
  const Tensor mean = of.mean.index_select(0, group);
  const Tensor sigma = of.covariance.diagonal(0, 1, 2).clamp_min(0).sqrt().index_select(0, group);
  return (part.moved - mean) / sigma.clamp_min(1e-300);
}

/// Correlations of the normal scores of neighbouring times: [K - 1].
Vector path_correlations(const Tensor& z, const Tensor& group, std::int64_t num_groups) {
  Vector result;
  for (std::int64_t k = 0; k + 1 < z.size(1); ++k) {
    Tensor first = at::zeros({0}, at::kDouble);
    Tensor second = first;
    for (std::int64_t b = 0; b < num_groups; ++b) {
      const Tensor pair = z.slice(1, k, k + 2);
      const Tensor chosen =
          group.eq(b).logical_and(pair.isnan().any(1).logical_not()).nonzero().squeeze(1);
      const Tensor both = pair.index_select(0, chosen);
      first = at::cat({first, normal_scores(both.select(1, 0))});
      second = at::cat({second, normal_scores(both.select(1, 1))});
    }
    const double scale = (first.square().sum() * second.square().sum()).sqrt().item<double>();
    result.push_back(scale > 0 ? (first * second).sum().item<double>() / scale : 0);
  }
  return result;
}

/// Quantiles of `z` [n] at the nodes of `AgeingTable::shape`, of mean 0 and variance 1 under a
/// normal deviate.
Vector shape_of(const Tensor& z) {
  constexpr int kNodes = AgeingTable::kShapeNodes;
  constexpr double kReach = AgeingTable::kShapeReach;
  const Tensor sorted = std::get<0>(z.sort());
  const auto last = static_cast<double>(sorted.numel() - 1);
  Vector quantiles;
  for (int i = 0; i < kNodes; ++i) {
    const double xi = kReach * (2.0 * i / (kNodes - 1) - 1);
    const double place = last * 0.5 * std::erfc(-xi / std::sqrt(2.0));
    const auto below = static_cast<std::int64_t>(place);
    const double low = sorted[below].item<double>();
    const double high =
        sorted[std::min<std::int64_t>(below + 1, sorted.numel() - 1)].item<double>();
    quantiles.push_back(low + (high - low) * (place - static_cast<double>(below)));
  }
  double mean = 0, square = 0, total = 0;
  for (double xi = -6; xi <= 6; xi += 0.005) {
    const double place = std::clamp((xi + kReach) / (2 * kReach), 0.0, 1.0) * (kNodes - 1);
    const auto below = std::min(static_cast<std::size_t>(place), std::size_t{kNodes - 2});
    const double q = quantiles[below] + (quantiles[below + 1] - quantiles[below]) *
                                            (place - static_cast<double>(below));
    const double density = std::exp(-xi * xi / 2);
    total += density;
    mean += density * q;
    square += density * q * q;
  }
  mean /= total;
  const double sigma = std::sqrt(square / total - mean * mean);
  for (double& q : quantiles) q = sigma > 0 ? (q - mean) / sigma : 0;
  return quantiles;
}

/// One reading of a table.
struct Reading {
  double temperature, cell, time, g, start;
};

[[noreturn]] void refuse_cell(const Measurements& table, double cell, const std::string& why) {
  table.refuse("cell " + format_quantity(cell, "1", 10) + " " + why,
               "give a column g_init, or a reading at t = 0 of each cell");
}

std::vector<Reading> readings_in(const Measurements& table) {
  const Vector cell = table.column("cell", "1");
  const Vector time = table.column("t", "s");
  const bool has_resistance = !table.has("g", "S") && table.has("r", "Ohm");
  Vector g = has_resistance ? table.column("r", "Ohm") : table.column("g", "S");
  const bool has_start = table.has("g_init", "S");
  const Vector start = has_start ? table.column("g_init", "S") : Vector(g.size(), kNaN);
  const Vector temperature =
      table.has("temp", "K") ? table.column("temp", "K") : Vector(g.size(), 0.0);
  std::vector<Reading> readings;
  for (std::size_t i = 0; i < g.size(); ++i) {
    if (has_resistance) g[i] = 1 / g[i];
    // A later reading may be negative by the noise of the instrument.
    const double first = has_start ? start[i] : time[i] == 0 ? g[i] : 0;
    if (first < 0 || time[i] < 0 || !std::isfinite(g[i])) {
      table.refuse("cell " + format_quantity(cell[i], "1", 10) + " has " +
                       format_quantity(g[i], "S") + " at " + format_quantity(time[i], "s") +
                       ", starting from " + format_quantity(first, "S") +
                       "; times and starts are at least 0",
                   "leave it out, or mend it");
    }
    readings.push_back({temperature[i], cell[i], time[i], g[i], start[i]});
  }
  return readings;
}

/// The times of `readings`, from each of which on a new one begins.
Vector first_times(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  Vector firsts;
  for (const double t : times) {
    if (firsts.empty() || t >= kSameTime * firsts.back()) firsts.push_back(t);
  }
  return firsts;
}

AgeingReadings arranged(const Measurements& table, const std::vector<Reading>& readings) {
  std::map<double, double> starts;
  Vector later;
  for (const Reading& reading : readings) {
    if (reading.time > 0) later.push_back(reading.time);
    if (!std::isnan(reading.start)) {
      starts[reading.cell] = reading.start;
    } else if (reading.time == 0) {
      starts[reading.cell] = reading.g;
    }
  }
  const Vector firsts = first_times(later);
  if (firsts.empty()) {
    table.refuse("there is no reading after t = 0", "give readings at later times");
  }
  if (firsts.size() > kMaxTimes) {
    table.refuse("there are " + std::to_string(firsts.size()) + " times", "leave some of them out");
  }
  std::map<double, std::int64_t> row;
  Vector start;
  for (const auto& [cell, g] : starts) {
    row[cell] = static_cast<std::int64_t>(row.size());
    start.push_back(g);
  }
  const auto num_cells = static_cast<std::int64_t>(start.size());
  const auto num_times = static_cast<std::int64_t>(firsts.size());
  Tensor sum = at::zeros({num_cells, num_times}, at::kDouble);
  Tensor count = at::zeros_like(sum);
  Vector log_sum(firsts.size(), 0), log_count(firsts.size(), 0);
  auto sums = sum.accessor<double, 2>();
  auto counts = count.accessor<double, 2>();
  for (const Reading& reading : readings) {
    const auto found = row.find(reading.cell);
    if (found == row.end()) refuse_cell(table, reading.cell, "has no start");
    if (reading.time == 0) continue;
    const auto k =
        std::upper_bound(firsts.begin(), firsts.end(), reading.time) - firsts.begin() - 1;
    sums[found->second][k] += reading.g;
    counts[found->second][k] += 1;
    log_sum[static_cast<std::size_t>(k)] += std::log(reading.time);
    log_count[static_cast<std::size_t>(k)] += 1;
  }
  AgeingReadings part;
  part.temperature = readings.front().temperature;
  for (std::size_t k = 0; k < firsts.size(); ++k) {
    part.times.push_back(std::exp(log_sum[k] / log_count[k]));
  }
  part.g_start = at::tensor(start, at::kDouble);
  part.moved = sum / count - part.g_start.unsqueeze(1);  // 0 / 0 where not read
  return part;
}

}  // namespace

std::vector<AgeingReadings> ageing_readings(const Measurements& table) {
  std::map<double, std::vector<Reading>> by_temperature;
  for (const Reading& reading : readings_in(table)) {
    by_temperature[reading.temperature].push_back(reading);
  }
  std::vector<AgeingReadings> parts;
  for (const auto& [temperature, readings] : by_temperature) {
    parts.push_back(arranged(table, readings));
    const std::int64_t num_cells = parts.back().g_start.numel();
    if (num_cells < kMinCells) {
      table.refuse("there are " + std::to_string(num_cells) + " cells" +
                       (temperature > 0 ? " at " + format_quantity(temperature, "K") : "") +
                       ", too few to fit a law to some and judge it on others",
                   "give at least " + std::to_string(kMinCells));
    }
    if (parts.back().times.size() != parts.front().times.size()) {
      table.refuse("there are " + std::to_string(parts.back().times.size()) + " times at " +
                       format_quantity(temperature, "K") + " and " +
                       std::to_string(parts.front().times.size()) + " at " +
                       format_quantity(parts.front().temperature, "K"),
                   "give as many at each temperature");
    }
  }
  return parts;
}

AgeingFit fit_ageing(const std::vector<AgeingReadings>& readings) {
  const CellGroups groups = groups_of(readings);
  AgeingFit fit;
  AgeingTable& table = fit.table;
  table.conductances = groups.nodes;
  std::vector<Tensor> z_of_group(groups.nodes.size(), at::zeros({0}, at::kDouble));
  for (const AgeingReadings& part : readings) {
    const Tensor group = groups.of(part.g_start);
    const ReadingMoments moments = ReadingSums::of(part.moved, group, groups.size()).moments();
    fit.measured.push_back(moments);
    const Vector x = decades(part.times);
    const Curves curves(x, moments);
    if (part.temperature > 0) table.temperatures.push_back(part.temperature);
    for (const double node : filled(x)) {
      table.times.push_back(std::pow(10, node));
      append(table.mean, to_vector(curves.mean(node)));
      append(table.sigma, to_vector(curves.sigma(node)));
    }
    const Tensor z = standardised(part, group, moments);
    for (std::int64_t b = 0; b < groups.size(); ++b) {
      Tensor& list = z_of_group[static_cast<std::size_t>(b)];
      const Tensor flat = z.index_select(0, group.eq(b).nonzero().squeeze(1)).reshape(-1);
      list = at::cat({list, flat.masked_select(flat.isnan().logical_not())});
    }
    if (readings.size() == 1) {
      table.path_times = part.times;
      table.path_correlations = path_correlations(z, group, groups.size());
      if (x.size() > 1) {
        const double growth = measured_at(moments, 1).spread / measured_at(moments, 0).spread;
        table.early_exponent = std::clamp(std::log10(growth) / (x[1] - x[0]), 0.05, 1.0);
      }
    }
  }
  const bool is_many = std::all_of(z_of_group.begin(), z_of_group.end(), [](const Tensor& z) {
    return z.numel() >= kCellsPerGroup;
  });
  for (std::size_t b = 0; is_many && b < z_of_group.size(); ++b) {
    append(table.shape, shape_of(z_of_group[b]));
  }
  return fit;
}

std::vector<AgeingCheck> judge_ageing(const std::vector<AgeingReadings>& readings,
                                      std::uint64_t seed) {
  const CellGroups groups = groups_of(readings);
  std::vector<AgeingCheck> checks;
  std::uint64_t stream = 0;
  for (const AgeingReadings& part : readings) {
    const Vector x = decades(part.times);
    const auto num_times = static_cast<std::int64_t>(x.size());
    const Tensor group = groups.of(part.g_start);
    Rng rng = Rng(seed).fork(stream++);
    const Tensor lot = rng.permutation(part.g_start.numel()).remainder(kNumParts);
    std::vector<ReadingSums> sums;
    for (std::int64_t i = 0; i < kNumParts; ++i) {
      const Tensor chosen = lot.eq(i).nonzero().squeeze(1);
      sums.push_back(ReadingSums::of(
          part.moved.index_select(0, chosen), group.index_select(0, chosen), groups.size()));
    }
    // Index kNumParts: all cells; i: those outside of part i.
    std::vector<ReadingSums> outside;
    for (std::size_t i = 0; i <= sums.size(); ++i) {
      ReadingSums rest = sums[i == 0 ? 1 : 0];
      for (std::size_t j = i == 0 ? 2 : 1; j < sums.size(); ++j) {
        if (j != i) rest = rest + sums[j];
      }
      outside.push_back(rest);
    }
    std::vector<ReadingMoments> moments;
    std::vector<Curves> curves;
    for (const ReadingSums& rest : outside) {
      moments.push_back(rest.moments());
      curves.emplace_back(x, moments.back());
    }
    for (std::int64_t k = 0; k < num_times; ++k) {
      const double at = x[static_cast<std::size_t>(k)];
      const bool is_inner = k > 0 && k + 1 < num_times;
      const Figures measured = measured_at(moments.back(), k);
      std::vector<Figures> predicted, of_rest, differences;
      double mean = 0, square = 0, total = 0;
      Figures unseen_time = {kNaN, kNaN};
      for (std::size_t i = 0; i < outside.size(); ++i) {
        if (is_inner) {
          const Curves blind(without(x, static_cast<std::size_t>(k)),
                             outside[i].without_time(k).moments());
          unseen_time = predicted_at(blind, moments[i].count, at);
        }
        if (i == sums.size()) break;
        const Figures rest = measured_at(moments[i], k);
        of_rest.push_back(rest);
        differences.push_back({unseen_time.mean - rest.mean, unseen_time.spread - rest.spread});
        const Tensor count = moments.back().count - moments[i].count;
        const Figures figures = predicted_at(curves[i], count, at);
        const double n = count.sum().item<double>();
        mean += n * figures.mean;
        square += n * (figures.spread * figures.spread + figures.mean * figures.mean);
        total += n;
      }
      mean /= total;
      const double spread = std::sqrt(std::max(0.0, square / total - mean * mean));
      const auto error = [](const std::vector<Figures>& of, double Figures::*member) {
        Vector values;
        for (const Figures& figures : of) values.push_back(figures.*member);
        return jackknife_error(values);
      };
      checks.push_back({part.temperature,
                        part.times[static_cast<std::size_t>(k)],
                        part.moved.select(1, k).isnan().logical_not().sum().item<std::int64_t>(),
                        {measured.mean,
                         error(of_rest, &Figures::mean),
                         mean,
                         unseen_time.mean,
                         error(differences, &Figures::mean)},
                        {measured.spread,
                         error(of_rest, &Figures::spread),
                         spread,
                         unseen_time.spread,
                         error(differences, &Figures::spread)}});
    }
  }
  return checks;
}

}  // namespace crossloom
