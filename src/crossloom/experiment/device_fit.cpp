#include "crossloom/experiment/device_fit.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "crossloom/core/files.h"
#include "crossloom/core/units.h"
#include "crossloom/device/ageing_fit.h"
#include "crossloom/device/ageing_judgement.h"
#include "crossloom/device/bake_readings.h"
#include "crossloom/device/device.h"
#include "crossloom/device/iv_curve_fit.h"
#include "crossloom/device/program_fit.h"
#include "crossloom/device/telegraph_fit.h"
#include "crossloom/experiment/toml.h"

namespace crossloom {
namespace {

constexpr int kDigits = 6;                    // of a fitted number in the chip file
constexpr std::int64_t kPointsOfCurve = 640;  // of measured currents in the picture

double rounded(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*g", kDigits, value);
  return std::atof(text);
}

Json rounded_list(const std::vector<double>& values) {
  Json list = Json::array();
  for (const double value : values) list.push_back(rounded(value));
  return list;
}

void use_columns(Measurements& table, const std::map<std::string, std::string>& columns) {
  for (const auto& [quantity, place] : columns) {
    const auto colon = place.rfind(':');
    const bool has_unit = colon != std::string::npos;
    table.use(quantity,
              has_unit ? place.substr(0, colon) : place,
              has_unit ? place.substr(colon + 1) : "");
  }
}

/// null where there is no number.
Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json to_json(const FigureCheck& check) {
  return {{"measured", check.measured},
          {"standard_error", check.standard_error},
          {"unseen_cells", check.unseen_cells},
          {"unseen_time", number(check.unseen_time)},
          {"difference_error", number(check.difference_error)}};
}

Json list_of(const Tensor& values) {
  return Json(to_vector(values));
}

void fit_programming(const Measurements& table, std::int64_t seed, Json& device, Json& laws) {
  const ProgramReadings readings = program_readings(table);
  const ProgramTable law = fit_program(readings);
  device["program_targets"] = rounded_list(law.targets);
  device["program_bias"] = rounded_list(law.bias);
  device["program_sigma"] = rounded_list(law.sigma);
  Json groups = Json::array();
  for (const ProgramCheck& check : judge_program(readings, static_cast<std::uint64_t>(seed))) {
    groups.push_back({{"target", check.target},
                      {"cells", check.num_cells},
                      {"bias", to_json(check.bias)},
                      {"sigma", to_json(check.sigma)}});
  }
  laws["programming"] = {{"cells", readings.g.numel()},
                         {"targets_are_level_means", !table.has("g_target", "S")},
                         {"groups", groups}};
}

/// Where the bulk of the cells starts: 0.5 to 99.5 %.
void add_range(const std::vector<AgeingReadings>& readings, Json& device) {
  std::vector<Tensor> all;
  for (const AgeingReadings& part : readings) all.push_back(part.g_start);
  const Tensor starts = at::cat(all);
  device["g_min"] = rounded(at::quantile(starts, 0.005).item<double>());
  device["g_max"] = rounded(at::quantile(starts, 0.995).item<double>());
}

/// Measured moments of the groups of cells at a few times, for the picture.
Json groups_of(const AgeingFit& fit, const std::vector<AgeingReadings>& readings) {
  Json groups = Json::array();
  for (std::size_t i = 0; i < readings.size(); ++i) {
    const ReadingMoments& measured = fit.measured[i];
    for (std::int64_t k = 0; k < static_cast<std::int64_t>(readings[i].times.size()); ++k) {
      const double time = readings[i].times[static_cast<std::size_t>(k)];
      const auto [mean, sigma] = fit.table.moments(at::tensor(fit.table.conductances, at::kFloat),
                                                   at::full({1}, time, at::kDouble),
                                                   readings[i].temperature);
      groups.push_back(
          {{"temperature", readings[i].temperature},
           {"time", time},
           {"g", fit.table.conductances},
           {"mean", list_of(measured.mean.select(1, k))},
           {"mean_fit", list_of(mean)},
           {"sigma", list_of(measured.covariance.select(1, k).select(1, k).clamp_min(0).sqrt())},
           {"sigma_fit", list_of(sigma)}});
    }
  }
  return groups;
}

/// Quantiles of the moves at the last time: of the cells that were measured
/// then, and of the fitted device with as many cells of the same starts.
Json distribution_of(const Device& fitted, const AgeingReadings& part, std::int64_t seed) {
  const double time = part.times.back() * (1 - 1e-5);  // the last of the law is rounded
  const Tensor moved = part.moved.select(1, part.moved.size(1) - 1);
  const Tensor was_read = moved.isnan().logical_not();
  Cells cells = fitted.make_cells({part.g_start.numel()}, Rng(static_cast<std::uint64_t>(seed)));
  cells.g_target = part.g_start.to(at::kFloat);
  cells.g_written = cells.g_target;
  const Tensor simulated = fitted.conductance(cells, time).to(at::kDouble) - part.g_start;
  const Tensor shares =
      at::tensor({0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1,  0.2,   0.3,   0.4,  0.5,
                  0.6,   0.7,   0.8,   0.9,  0.95, 0.98, 0.99, 0.995, 0.998, 0.999},
                 at::kDouble);
  return {{"temperature", part.temperature},
          {"time", time},
          {"share", list_of(shares)},
          {"measured", list_of(at::quantile(moved.masked_select(was_read), shares))},
          {"simulated", list_of(at::quantile(simulated.masked_select(was_read), shares))}};
}

Json figures_of(const std::vector<AgeingCheck>& checks) {
  Json list = Json::array();
  for (const AgeingCheck& check : checks) {
    list.push_back({{"temperature", check.temperature},
                    {"time", check.time},
                    {"cells", check.num_read},
                    {"mean", to_json(check.mean)},
                    {"spread", to_json(check.spread)}});
  }
  return list;
}

Device make_fitted(const Json& values) {
  Device device("tabulated");
  ParamList params;
  device.describe(params);
  params.assign(values);
  device.validate();
  return device;
}

void add_ageing(const AgeingTable& law, Json& device) {
  device["age_conductances"] = rounded_list(law.conductances);
  if (!law.temperatures.empty()) {
    device["age_temperatures"] = rounded_list(law.temperatures);
    device["temperature"] = rounded(law.temperatures.front());
  }
  device["age_times"] = rounded_list(law.times);
  device["age_mean"] = rounded_list(law.mean);
  device["age_sigma"] = rounded_list(law.sigma);
  device["age_early_exponent"] = rounded(law.early_exponent);
  if (law.path_times.size() > 1) {
    device["age_path_times"] = rounded_list(law.path_times);
    device["age_path_correlations"] = rounded_list(law.path_correlations);
  }
  if (!law.shape.empty()) device["age_shape"] = rounded_list(law.shape);
}

void fit_ageing(const Measurements& table, std::int64_t seed, Json& device, Json& laws) {
  const std::vector<AgeingReadings> readings = ageing_readings(table);
  const AgeingFit fit = fit_ageing(readings);
  add_range(readings, device);
  add_ageing(fit.table, device);
  std::int64_t num_cells = 0;
  Json distributions = Json::array();
  for (const AgeingReadings& part : readings) {
    num_cells += part.g_start.numel();
    Json at_temperature = device;
    if (part.temperature > 0) at_temperature["temperature"] = rounded(part.temperature);
    distributions.push_back(distribution_of(make_fitted(at_temperature), part, seed));
  }
  laws["ageing"] = {
      {"cells", num_cells},
      {"checks", figures_of(judge_ageing(readings, static_cast<std::uint64_t>(seed)))},
      {"groups", groups_of(fit, readings)},
      {"distributions", distributions}};
}

void fit_current(const Measurements& table, Json& device, Json& laws) {
  const IvReadings readings = iv_readings(table);
  const IvFit fit = fit_iv(readings);
  const IvCandidate& chosen = fit.candidates[fit.chosen];
  device["iv"] = chosen.law;
  if (chosen.law == "sinh") device["iv_curvature"] = rounded(chosen.curvature);
  if (chosen.law == "tabulated") {
    device["iv_voltages"] = rounded_list(chosen.voltages);
    device["iv_currents"] = rounded_list(chosen.currents);
  }
  Json candidates = Json::array();
  for (const IvCandidate& candidate : fit.candidates) {
    candidates.push_back({{"law", candidate.law},
                          {"curvature", candidate.curvature},
                          {"g", candidate.g},
                          {"offset", candidate.offset},
                          {"seen", candidate.seen},
                          {"unseen", candidate.unseen}});
  }
  const std::int64_t stride = std::max<std::int64_t>(1, readings.v.numel() / kPointsOfCurve);
  const double v_max = readings.v.abs().max().item<double>();
  const Tensor v = at::linspace(
      readings.v.min().item<double>(), readings.v.max().item<double>(), 81, at::kDouble);
  laws["current"] = {{"readings", readings.v.numel()},
                     {"v_max", v_max},
                     {"chosen", chosen.law},
                     {"floor", fit.floor},
                     {"candidates", candidates},
                     {"v", list_of(readings.v.slice(0, 0, c10::nullopt, stride))},
                     {"i", list_of(readings.i.slice(0, 0, c10::nullopt, stride))},
                     {"v_law", list_of(v)},
                     {"i_law", list_of(chosen.offset + chosen.g * law_of(chosen)[0].shape(v))}};
}

Json to_json(const TelegraphFigures& figures) {
  return {{"windows", figures.num_windows},
          {"amplitude", figures.amplitude},
          {"amplitude_error", figures.amplitude_error},
          {"time_low", figures.time_low},
          {"time_low_error", figures.time_low_error},
          {"time_high", figures.time_high},
          {"time_high_error", figures.time_high_error}};
}

/// Deviations of means over growing numbers of reads, measured and of the law.
Json allan_curve(const std::vector<double>& g, const CellNoise& cell, double interval) {
  Json time = Json::array();
  Json measured = Json::array();
  Json law = Json::array();
  for (std::int64_t count = 1; 20 * count <= static_cast<std::int64_t>(g.size()); count *= 2) {
    time.push_back(static_cast<double>(count) * interval);
    measured.push_back(allan_deviation(g, count));
    law.push_back(allan_deviation(cell.read_noise, cell.fitted, interval, count));
  }
  return {{"time", time}, {"measured", measured}, {"law", law}};
}

/// Read noise over conductance; telegraph noise as the mean over the cells with
/// a trap.
void add_noise(std::vector<CellNoise> cells, Json& device) {
  std::sort(
      cells.begin(), cells.end(), [](const CellNoise& a, const CellNoise& b) { return a.g < b.g; });
  std::vector<double> g, noise;
  double traps = 0, amplitude = 0, low = 0, high = 0;
  for (const CellNoise& cell : cells) {
    if (g.empty() || cell.g > g.back()) {
      g.push_back(std::max(cell.g, 0.0));
      noise.push_back(cell.read_noise);
    }
    if (!cell.has_trap) continue;
    traps += 1;
    amplitude += cell.fitted.amplitude;
    low += std::log(cell.fitted.time_low);
    high += std::log(cell.fitted.time_high);
  }
  device["read_conductances"] = rounded_list(g);
  device["read_noise"] = rounded_list(noise);
  if (traps == 0) return;
  device["rtn_amplitude"] = rounded(amplitude / traps);
  device["rtn_share"] = rounded(traps / static_cast<double>(cells.size()));
  device["rtn_rate_up"] = rounded(std::exp(-low / traps));
  device["rtn_rate_down"] = rounded(std::exp(-high / traps));
}

void fit_reads(const Measurements& table, Json& device, Json& laws) {
  const NoiseReadings readings = noise_readings(table);
  const std::vector<CellNoise> cells = fit_noise(readings);
  add_noise(cells, device);
  Json list = Json::array();
  for (std::size_t i = 0; i < cells.size(); ++i) {
    list.push_back({{"name", cells[i].name},
                    {"g", cells[i].g},
                    {"read_noise", cells[i].read_noise},
                    {"has_trap", cells[i].has_trap},
                    {"fitted", to_json(cells[i].fitted)},
                    {"unseen", to_json(cells[i].unseen)},
                    {"allan", allan_curve(readings.g[i], cells[i], readings.interval)}});
  }
  laws["reads"] = {{"interval", readings.interval},
                   {"count", static_cast<std::int64_t>(readings.g[0].size())},
                   {"cells", list}};
}

std::string chip_file(const DeviceFitRequest& request, const Json& device) {
  std::string text = "# Fitted by `crossloom devices fit` to " + request.csv.filename().string() +
                     ", version " + CROSSLOOM_VERSION +
                     ".\n# A chip file: give it to --chip, or copy the table "
                     "into an experiment.\n\n"
                     "[device]\nmodel = \"tabulated\"\n";
  for (const auto& item : device.items()) {
    text += item.key() + " = " + to_toml_value(item.value()) + "\n";
  }
  return text;
}

}  // namespace

Json fit_device(const DeviceFitRequest& request) {
  Measurements table = read_measurements(request.csv);
  use_columns(table, request.columns);
  for (const auto& [quantity, value] : request.values) table.set(quantity, value);
  Json device = Json::object();
  Json laws = Json::object();
  const bool has_time = table.has("t", "s");
  const bool has_conductance = table.has("g", "S") || table.has("r", "Ohm");
  const bool is_bake = has_bake(table);
  if (is_bake || (has_time && has_conductance && table.has("cell", "1"))) {
    fit_ageing(table, request.seed, device, laws);
  }
  if (has_programming(table) && (is_bake || has_conductance || table.has("g_init", "S"))) {
    fit_programming(table, request.seed, device, laws);
  }
  if (has_iv(table)) fit_current(table, device, laws);
  if (has_noise(table)) fit_reads(table, device, laws);
  if (laws.empty()) {
    table.refuse(
        "its columns tell of no law that is known here",
        "give cell, t and g for ageing, r_pre and r_post for a bake, level (or g_target) and "
        "g for programming, v and i for currents, t and g_uS_a, g_uS_b … for noise, each "
        "with its unit such as t_s and g_uS, or say which column is which");
  }
  make_fitted(device);
  const Json summary = {{"file", request.csv.filename().string()},
                        {"rows", table.num_rows()},
                        {"seed", request.seed},
                        {"device", device},
                        {"laws", laws}};
  write_file(request.out / kFitDevice, chip_file(request, device));
  write_file(request.out / kFitSummary, summary.dump(1) + "\n");
  return summary;
}

}  // namespace crossloom
