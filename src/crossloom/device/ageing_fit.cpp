#include "crossloom/device/ageing_fit.h"

#include <algorithm>
#include <cmath>

#include "crossloom/device/ageing_curves.h"

namespace crossloom {
namespace {

constexpr std::int64_t kMaxGroups = 12;
constexpr std::int64_t kCellsPerGroup = 200;
constexpr double kNodeSpacing = 0.5;  // decades

using Vector = std::vector<double>;

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

/// Standard deviation of all moves at the time `index`, groups weighted by their cells.
double pooled_spread(const ReadingMoments& moments, std::int64_t index) {
  const Tensor variance = moments.covariance.select(1, index).select(1, index);
  return (variance * moments.count / moments.count.sum()).sum().sqrt().item<double>();
}

}  // namespace

Vector decades(const Vector& times) {
  Vector result;
  for (const double t : times) result.push_back(std::log10(t));
  return result;
}

CellGroups ageing_groups(const std::vector<AgeingReadings>& readings) {
  std::vector<Tensor> all;
  for (const AgeingReadings& part : readings) all.push_back(part.g_start);
  return CellGroups(at::cat(all), kMaxGroups, kCellsPerGroup);
}

AgeingFit fit_ageing(const std::vector<AgeingReadings>& readings) {
  const CellGroups groups = ageing_groups(readings);
  AgeingFit fit;
  AgeingTable& table = fit.table;
  table.conductances = groups.nodes;
  std::vector<Tensor> z_of_group(groups.nodes.size(), at::zeros({0}, at::kDouble));
  for (const AgeingReadings& part : readings) {
    const Tensor group = groups.of(part.g_start);
    const ReadingMoments moments = ReadingSums::of(part.moved, group, groups.size()).moments();
    fit.measured.push_back(moments);
    const Vector x = decades(part.times);
    const AgeingCurves curves(x, moments);
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
        const double growth = pooled_spread(moments, 1) / pooled_spread(moments, 0);
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

}  // namespace crossloom
