#include "crossloom/device/ageing_readings.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "crossloom/core/units.h"
#include "crossloom/device/bake_readings.h"

namespace crossloom {
namespace {

constexpr double kSameTime = 2;  // ratio of times that count as one
constexpr std::int64_t kMinCells = 50;
constexpr std::size_t kMaxTimes = 62;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

using Vector = std::vector<double>;

/// One reading of a table.
struct Reading {
  double temperature, cell, time, g, start;
};

[[noreturn]] void refuse_cell(const Measurements& table, double cell, const std::string& why) {
  table.refuse("cell " + format_quantity(cell, "1", 10) + " " + why,
               "give a column g_init, or a reading at t = 0 of each cell");
}

std::vector<Reading> readings_of_bake(const Measurements& table) {
  const BakeReadings bake = bake_readings(table);
  std::vector<Reading> readings;
  for (std::size_t i = 0; i < bake.before.size(); ++i) {
    readings.push_back({bake.temperature[i],
                        static_cast<double>(i + 1),
                        bake.time[i],
                        bake.after[i],
                        bake.before[i]});
  }
  return readings;
}

std::vector<Reading> readings_in(const Measurements& table) {
  if (has_bake(table)) return readings_of_bake(table);
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

}  // namespace crossloom
