#include "crossloom/device/program_fit.h"

#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "crossloom/core/errors.h"
#include "crossloom/core/random.h"
#include "crossloom/device/bake_readings.h"
#include "crossloom/device/table_lookup.h"

namespace crossloom {
namespace {

constexpr std::int64_t kMaxGroups = 16;
constexpr std::int64_t kCellsPerGroup = 50;
constexpr std::int64_t kMinCells = 50;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

CellGroups groups_of(const ProgramReadings& readings) {
  return CellGroups(readings.g_target, kMaxGroups, kCellsPerGroup);
}

ProgramReadings chosen(const ProgramReadings& readings, const Tensor& mask) {
  return {readings.g_target.masked_select(mask), readings.g.masked_select(mask)};
}

/// Mean and standard deviation of `error` [N] by `group`: [B] each.
struct Moments {
  Tensor count, mean, sigma;
};

Moments moments_of(const Tensor& error, const Tensor& group, std::int64_t num_groups) {
  const Tensor zeros = at::zeros({num_groups}, at::kDouble);
  const Tensor count = zeros.index_add(0, group, at::ones_like(error));
  const Tensor mean = zeros.index_add(0, group, error) / count.clamp_min(1);
  const Tensor square = zeros.index_add(0, group, (error - mean.index_select(0, group)).square());
  return {count, mean, (square / (count - 1).clamp_min(1)).sqrt()};
}

/// What `law` says of cells of `target` [N], averaged by `group`.
Moments predicted(const ProgramTable& law,
                  const Tensor& target,
                  const Tensor& group,
                  std::int64_t num_groups) {
  const Tensor position = position_in(law.targets, target);
  const Tensor zeros = at::zeros({num_groups}, at::kDouble);
  const Tensor count = zeros.index_add(0, group, at::ones_like(target));
  const auto average = [&](const Tensor& values) {
    return zeros.index_add(0, group, values.to(at::kDouble)) / count.clamp_min(1);
  };
  return {count,
          average(linear(law.bias, position)),
          average(linear(law.sigma, position).to(at::kDouble).square()).sqrt()};
}

}  // namespace

bool has_programming(const Measurements& table) {
  return table.has("g_target", "S") || table.has("level", "1");
}

ProgramReadings program_readings(const Measurements& table) {
  const bool has_target = table.has("g_target", "S");
  const bool has_start = table.has("g_init", "S");
  const std::vector<double> aim =
      has_target ? table.column("g_target", "S") : table.column("level", "1");
  const bool is_bake = has_bake(table);
  const std::vector<double> g =
      is_bake ? bake_readings(table).before : table.column(has_start ? "g_init" : "g", "S");
  const bool has_times = !is_bake && !has_start && table.has("t", "s");
  const std::vector<double> time =
      has_times ? table.column("t", "s") : std::vector<double>(g.size(), 0);
  const std::vector<double> cell =
      !is_bake && table.has("cell", "1") ? table.column("cell", "1") : std::vector<double>();
  std::set<double> seen;
  std::vector<double> aims, written;
  for (std::size_t i = 0; i < g.size(); ++i) {
    if (time[i] != 0 || (!cell.empty() && !seen.insert(cell[i]).second)) continue;
    aims.push_back(aim[i]);
    written.push_back(g[i]);
  }
  if (static_cast<std::int64_t>(aims.size()) < kMinCells) {
    table.refuse("there are " + std::to_string(aims.size()) +
                     " writes, too few to fit a law to some and judge it on others",
                 "give at least " + std::to_string(kMinCells) + " cells");
  }
  if (!has_target) {
    std::map<double, std::pair<double, double>> sums;  // of g, of cells
    for (std::size_t i = 0; i < aims.size(); ++i) {
      sums[aims[i]].first += written[i];
      sums[aims[i]].second += 1;
    }
    for (double& level : aims) level = sums[level].first / sums[level].second;
  }
  return {at::tensor(aims, at::kDouble), at::tensor(written, at::kDouble)};
}

ProgramTable fit_program(const ProgramReadings& readings) {
  const CellGroups groups = groups_of(readings);
  const Moments of =
      moments_of(readings.g - readings.g_target, groups.of(readings.g_target), groups.size());
  return {groups.nodes, to_vector(of.mean), to_vector(of.sigma)};
}

std::vector<ProgramCheck> judge_program(const ProgramReadings& readings, std::uint64_t seed) {
  const CellGroups groups = groups_of(readings);
  const Tensor group = groups.of(readings.g_target);
  const Tensor error = readings.g - readings.g_target;
  const Moments measured = moments_of(error, group, groups.size());
  const Tensor part = Rng(seed).permutation(error.numel()).remainder(kNumParts);
  Tensor bias = at::zeros({groups.size()}, at::kDouble);
  Tensor variance = at::zeros_like(bias);
  for (std::int64_t i = 0; i < kNumParts; ++i) {
    const Tensor is_in = part.eq(i);
    const ProgramReadings unseen = chosen(readings, is_in);
    const Moments said = predicted(fit_program(chosen(readings, is_in.logical_not())),
                                   unseen.g_target,
                                   groups.of(unseen.g_target),
                                   groups.size());
    bias = bias + said.count / measured.count * said.mean;
    variance = variance + said.count / measured.count * said.sigma.square();
  }
  const Tensor fourth = at::zeros_like(bias).index_add(
                            0, group, (error - measured.mean.index_select(0, group)).pow(4)) /
                        measured.count;
  std::vector<ProgramCheck> checks;
  for (std::int64_t b = 0; b < groups.size(); ++b) {
    const double n = measured.count[b].item<double>();
    const double sigma = measured.sigma[b].item<double>();
    // Standard error of a standard deviation from the fourth moment of what was measured.
    const double of_variance =
        std::sqrt(std::max(0.0, fourth[b].item<double>() - std::pow(sigma, 4)) / n);
    checks.push_back({groups.nodes[static_cast<std::size_t>(b)],
                      static_cast<std::int64_t>(n),
                      {measured.mean[b].item<double>(),
                       sigma / std::sqrt(n),
                       bias[b].item<double>(),
                       kNaN,
                       kNaN},
                      {sigma,
                       sigma > 0 ? of_variance / (2 * sigma) : 0,
                       variance[b].sqrt().item<double>(),
                       kNaN,
                       kNaN}});
  }
  return checks;
}

}  // namespace crossloom
