#include "crossloom/device/ageing_table.h"

#include <algorithm>
#include <cmath>

#include "crossloom/core/units.h"
#include "crossloom/device/table_lookup.h"

namespace crossloom {
namespace {

std::vector<double> logs(const std::vector<double>& values) {
  std::vector<double> result;
  for (const double value : values) result.push_back(std::log(value));
  return result;
}

bool ascends(const std::vector<double>& values, std::size_t begin, std::size_t end) {
  for (std::size_t i = begin + 1; i < end; ++i) {
    if (!(values[i] > values[i - 1])) return false;
  }
  return true;
}

void expect_size(const char* name, std::size_t size, std::size_t expected, const char* why) {
  if (size == expected) return;
  throw ConfigError(std::string(name) + " has " + std::to_string(size) + " values (" + why +
                    "); give " + std::to_string(expected));
}

std::string path_name(std::size_t index) {
  return "age_" + std::to_string(index);
}

}  // namespace

void AgeingTable::describe(ParamList& params) {
  params.add("age_conductances",
             conductances,
             {0, 1},
             "S",
             "measured ageing: conductances right after the write, ascending; none = no ageing");
  params.add("age_temperatures",
             temperatures,
             {1, 2000},
             "K",
             "measured ageing: temperatures, ascending; none = the same at any");
  params.add("age_times",
             times,
             {1e-12, 1e12},
             "s",
             "measured ageing: times since the write, ascending, for each temperature");
  params.add("age_mean",
             mean,
             {-1, 1},
             "S",
             "mean change by temperature, time and conductance (which runs fastest)");
  params.add("age_sigma", sigma, {0, 1}, "S", "its standard deviation from cell to cell");
  params.add("age_early_exponent",
             early_exponent,
             {1e-3, 10},
             "1",
             "power of time by which both grow before the first time");
  params.add("age_path_times",
             path_times,
             {1e-12, 1e12},
             "s",
             "times at which a cell's deviation is drawn; none = one deviation for all times");
  params.add("age_path_correlations",
             path_correlations,
             {-1, 1},
             "1",
             "of the deviations at neighbouring age_path_times");
  params.add("age_shape",
             shape,
             {-1e3, 1e3},
             "1",
             "deviation over sigma for normal deviates of -4, -3.5 ... 4, by conductance; none = "
             "Gaussian");
}

std::size_t AgeingTable::num_times() const {
  return times.size() / std::max<std::size_t>(temperatures.size(), 1);
}

void AgeingTable::validate() const {
  if (is_empty()) return;
  const std::size_t num_temperatures = std::max<std::size_t>(temperatures.size(), 1);
  const std::size_t entries = times.size() * conductances.size();
  if (times.empty() || times.size() % num_temperatures != 0) {
    throw ConfigError("age_times has " + std::to_string(times.size()) +
                      " values (as many are needed for each of age_temperatures, and at least "
                      "one); give a multiple of " +
                      std::to_string(num_temperatures));
  }
  expect_size("age_mean", mean.size(), entries, "one for each time and conductance");
  expect_size("age_sigma", sigma.size(), entries, "one for each time and conductance");
  expect_size("age_path_correlations",
              path_correlations.size(),
              path_times.empty() ? 0 : path_times.size() - 1,
              "one between each two of age_path_times");
  if (!shape.empty()) {
    expect_size(
        "age_shape", shape.size(), conductances.size() * kShapeNodes, "17 for each conductance");
  }
  bool in_order = ascends(conductances, 0, conductances.size()) &&
                  ascends(temperatures, 0, temperatures.size()) &&
                  ascends(path_times, 0, path_times.size());
  for (std::size_t i = 0; i < num_temperatures; ++i) {
    in_order = in_order && ascends(times, i * num_times(), (i + 1) * num_times());
  }
  if (!in_order) {
    throw ConfigError(
        "age_conductances, age_temperatures, age_times or age_path_times is not in ascending order "
        "(the table is looked up by them); sort it");
  }
}

AgeingTable::Between AgeingTable::between(double temperature) const {
  if (temperatures.empty()) return {0, 0};
  constexpr double kRounding = 1e-9;
  if (temperature < temperatures.front() * (1 - kRounding) ||
      temperature > temperatures.back() * (1 + kRounding)) {
    throw ConfigError(
        "the ageing of the device is asked for at " + format_quantity(temperature, "K") +
        " (measured from " + format_quantity(temperatures.front(), "K") + " to " +
        format_quantity(temperatures.back(), "K") + "); set device.temperature within");
  }
  const auto above = std::upper_bound(temperatures.begin() + 1, temperatures.end(), temperature);
  const auto last = static_cast<std::size_t>(std::min<std::ptrdiff_t>(
      above - temperatures.begin(), static_cast<std::ptrdiff_t>(temperatures.size()) - 1));
  if (last == 0) return {0, 0};
  const double low = 1 / temperatures[last - 1];
  const double share = (low - 1 / temperature) / (low - 1 / temperatures[last]);
  if (share >= 1 - kRounding) return {last, 0};
  return {last - 1, std::max(share, 0.0)};
}

double AgeingTable::max_elapsed(double temperature) const {
  const auto [below, share] = between(temperature);
  const double first = times[(below + 1) * num_times() - 1];
  return share == 0 ? first : std::min(first, times[(below + 2) * num_times() - 1]);
}

AgeingTable::Moments AgeingTable::at_temperature(std::size_t index,
                                                 const Tensor& g_position,
                                                 const Tensor& elapsed) const {
  const auto begin = static_cast<std::ptrdiff_t>(index * num_times());
  const auto size = static_cast<std::ptrdiff_t>(num_times());
  const auto cols = static_cast<std::ptrdiff_t>(conductances.size());
  const std::vector<double> at(times.begin() + begin, times.begin() + begin + size);
  const auto block = [&](const std::vector<double>& table) {
    return std::vector<double>(table.begin() + begin * cols, table.begin() + (begin + size) * cols);
  };
  const Tensor position = position_in(logs(at), elapsed.clamp_min(at[0]).log());
  const Tensor early = (elapsed / at[0]).clamp_max(1).pow(early_exponent).to(at::kFloat);
  return {early * bilinear(block(mean), cols, position, g_position),
          early * bilinear(block(sigma), cols, position, g_position)};
}

AgeingTable::Moments AgeingTable::moments(const Tensor& g,
                                          const Tensor& elapsed,
                                          double temperature) const {
  const auto [below, share] = between(temperature);
  const Tensor position = position_in(conductances, g);
  const Moments cold = at_temperature(below, position, elapsed);
  if (share == 0) return cold;
  const Moments hot = at_temperature(below + 1, position, elapsed);
  return {at::lerp(cold.mean, hot.mean, share), at::lerp(cold.sigma, hot.sigma, share)};
}

Latents AgeingTable::draw_path(at::IntArrayRef sizes, Rng& rng) const {
  Latents latent;
  if (is_empty()) return latent;
  Tensor xi = rng.normal(sizes);
  latent[path_name(0)] = xi;
  for (std::size_t k = 0; k < path_correlations.size(); ++k) {
    const double rho = path_correlations[k];
    xi = rho * xi + std::sqrt(1 - rho * rho) * rng.normal(sizes);
    latent[path_name(k + 1)] = xi;
  }
  return latent;
}

Tensor AgeingTable::deviate(const Tensor& elapsed, const Latents& latent) const {
  if (path_times.size() < 2) return latent.at(path_name(0));
  const Tensor position =
      position_in(logs(path_times), elapsed.clamp_min(path_times.front()).log());
  Tensor sum, variance, previous;
  for (std::size_t k = 0; k < path_times.size(); ++k) {
    const Tensor weight = (1 - (position - static_cast<double>(k)).abs()).clamp_min(0);
    const bool counts = weight.max().item<double>() > 0;
    if (counts) {
      const Tensor part = weight * latent.at(path_name(k));
      Tensor square = weight.square();
      if (previous.defined()) square = square + 2 * path_correlations[k - 1] * previous * weight;
      sum = sum.defined() ? sum + part : part;
      variance = variance.defined() ? variance + square : square;
    }
    previous = counts ? weight : Tensor();
  }
  return sum / variance.clamp_min(1e-6).sqrt();
}

Tensor AgeingTable::age(const Tensor& g,
                        const Tensor& elapsed,
                        const Latents& latent,
                        double temperature) const {
  if (is_empty() || g.numel() == 0) return g.clone();
  const Moments moved = moments(g, elapsed, temperature);
  Tensor q = deviate(elapsed, latent);
  if (!shape.empty()) {
    const Tensor node = ((q.clamp(-kShapeReach, kShapeReach) + kShapeReach) *
                         ((kShapeNodes - 1) / (2 * kShapeReach)));
    q = bilinear(shape, kShapeNodes, position_in(conductances, g), node);
  }
  return (g + moved.mean + moved.sigma * q).clamp_min(0);
}

}  // namespace crossloom
