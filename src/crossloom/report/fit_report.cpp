#include "crossloom/report/fit_report.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "crossloom/core/units.h"
#include "crossloom/experiment/device_fit.h"
#include "crossloom/report/report_parts.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

constexpr double kMicro = 1e6;

double number(const Json& json, const char* key) {
  return json.at(key).is_null() ? std::nan("") : json.at(key).get<double>();
}

Json scaled(const Json& values, double factor) {
  Json list = Json::array();
  for (const Json& value : values) list.push_back(value.get<double>() * factor);
  return list;
}

/// A quantity in uS with its standard error.
std::string with_error(double value, double error) {
  return fixed(kMicro * value, 3) + " ± " + fixed(kMicro * error, 3);
}

std::string deviation(double predicted, double measured) {
  return std::isnan(predicted) ? "–" : fixed(100 * (predicted / measured - 1), 1) + " %";
}

std::string place_of(const Json& row) {
  const std::string time = format_quantity(number(row, "time"), "s", 3);
  const double temperature = number(row, "temperature");
  return temperature > 0 ? time + ", " + format_quantity(temperature, "K", 4) : time;
}

bool varies_in_temperature(const Json& checks) {
  return checks.front().at("temperature") != checks.back().at("temperature");
}

/// A measured curve with a band of two standard errors to each side.
class MeasuredCurve {
 public:
  void add(const Json& x, double value, double error) {
    x_.push_back(x);
    y_.push_back(value);
    low_.push_back(value - 2 * error);
    high_.push_back(value + 2 * error);
  }
  const Json& x() const { return x_; }
  Json series() const {
    return {{"name", "measured"}, {"x", x_}, {"y", y_}, {"low", low_}, {"high", high_}};
  }

 private:
  Json x_ = Json::array(), y_ = Json::array(), low_ = Json::array(), high_ = Json::array();
};

/// Measured and predicted `figure` over time, or over temperature where there
/// are several.
Json course_chart(const Json& checks, const char* figure, const std::string& title) {
  const bool is_thermal = varies_in_temperature(checks);
  MeasuredCurve measured;
  Json cells = Json::array();
  Json times = Json::array();
  for (const Json& check : checks) {
    const Json& of = check.at(figure);
    measured.add(check.at(is_thermal ? "temperature" : "time"),
                 kMicro * number(of, "measured"),
                 kMicro * number(of, "standard_error"));
    cells.push_back(kMicro * number(of, "unseen_cells"));
    times.push_back(of.at("unseen_time").is_null() ? Json(nullptr)
                                                   : Json(kMicro * number(of, "unseen_time")));
  }
  Json series = Json::array();
  series.push_back(measured.series());
  series.push_back({{"name", "unseen cells"}, {"x", measured.x()}, {"y", cells}, {"dash", true}});
  if (std::any_of(times.begin(), times.end(), [](const Json& t) { return !t.is_null(); })) {
    series.push_back({{"name", "unseen time"}, {"x", measured.x()}, {"y", times}, {"dash", true}});
  }
  return {{"kind", "line"},
          {"title", title},
          {"note", "The band is two standard errors of the measurement wide to each side."},
          {"x",
           {{"label", is_thermal ? "temperature" : "time since the write"},
            {"unit", is_thermal ? "K" : "s"},
            {"scale", is_thermal ? "linear" : "log"}}},
          {"y", {{"label", title}, {"unit", "uS"}}},
          {"series", series}};
}

/// `figure` of the groups of cells over their start, at up to three places:
/// first, middle, last.
Json groups_chart(const Json& groups, const std::string& figure, const std::string& title) {
  const std::size_t last = groups.size() - 1;
  Json series = Json::array();
  for (const std::size_t i : std::set<std::size_t>{0, last / 2, last}) {
    const Json& group = groups[i];
    const Json x = scaled(group.at("g"), kMicro);
    series.push_back(
        {{"name", place_of(group)}, {"x", x}, {"y", scaled(group.at(figure), kMicro)}});
    series.push_back({{"name", place_of(group) + ", law"},
                      {"x", x},
                      {"y", scaled(group.at(figure + "_fit"), kMicro)},
                      {"dash", true}});
  }
  return {{"kind", "line"},
          {"title", title},
          {"x", {{"label", "conductance after the write"}, {"unit", "uS"}}},
          {"y", {{"label", title}, {"unit", "uS"}}},
          {"series", series}};
}

Json distribution_chart(const Json& distribution) {
  Json series = Json::array();
  for (const char* name : {"measured", "simulated"}) {
    series.push_back({{"name", name},
                      {"x", scaled(distribution.at(name), kMicro)},
                      {"y", scaled(distribution.at("share"), 100)},
                      {"dash", std::string(name) == "simulated"}});
  }
  return {{"kind", "line"},
          {"title", "Moves at " + place_of(distribution)},
          {"note",
           "Share of the cells that moved by less. Simulated: as many "
           "cells of the fitted device "
           "with the same starts."},
          {"x", {{"label", "move"}, {"unit", "uS"}}},
          {"y", {{"label", "cells"}, {"unit", "%"}}},
          {"series", series}};
}

Json figure_table(const Json& checks, const char* figure, const std::string& title) {
  Json rows = Json::array();
  for (const Json& check : checks) {
    const Json& of = check.at(figure);
    const double measured = number(of, "measured");
    const double blind = number(of, "unseen_time");
    rows.push_back({place_of(check),
                    std::to_string(check.at("cells").get<std::int64_t>()),
                    with_error(measured, number(of, "standard_error")),
                    fixed(kMicro * number(of, "unseen_cells"), 3),
                    deviation(number(of, "unseen_cells"), measured),
                    std::isnan(blind) ? "–" : with_error(blind, number(of, "difference_error")),
                    deviation(blind, measured)});
  }
  return {
      {"title", title + ", uS"},
      {"note",
       "Unseen cells: laws fitted to nine tenths of the cells on "
       "the others. Unseen time: a law "
       "fitted without that time; its error is that of the "
       "difference. Errors are standard "
       "errors (jackknife)."},
      {"columns",
       columns(
           {"Time", "Cells", "Measured", "Unseen cells", "Deviation", "Unseen time", "Deviation"})},
      {"rows", rows}};
}

Json ageing_section(const Json& ageing) {
  const Json& checks = ageing.at("checks");
  Json charts = Json::array({course_chart(checks, "mean", "Mean move"),
                             course_chart(checks, "spread", "Spread of the moves"),
                             groups_chart(ageing.at("groups"), "mean", "Mean move by conductance"),
                             groups_chart(ageing.at("groups"), "sigma", "Spread by conductance")});
  for (const Json& distribution : ageing.at("distributions")) {
    charts.push_back(distribution_chart(distribution));
  }
  return {{"title", "Relaxation and retention"},
          {"text",
           "How far cells have moved since their write: mean and "
           "standard deviation over all cells, "
           "over time and over where they started. Cells that were not "
           "read at a time count by "
           "what their other readings say of them."},
          {"charts", charts},
          {"tables",
           Json::array({figure_table(checks, "mean", "Mean move"),
                        figure_table(checks, "spread", "Spread of the moves")})}};
}

Json programming_section(const Json& programming) {
  const Json& groups = programming.at("groups");
  MeasuredCurve measured;
  Json law = Json::array();
  Json rows = Json::array();
  for (const Json& group : groups) {
    const Json& sigma = group.at("sigma");
    const double value = number(sigma, "measured");
    const double error = number(sigma, "standard_error");
    measured.add(kMicro * number(group, "target"), kMicro * value, kMicro * error);
    law.push_back(kMicro * number(sigma, "unseen_cells"));
    const Json& bias = group.at("bias");
    rows.push_back({fixed(kMicro * number(group, "target"), 2),
                    std::to_string(group.at("cells").get<std::int64_t>()),
                    with_error(number(bias, "measured"), number(bias, "standard_error")),
                    fixed(kMicro * number(bias, "unseen_cells"), 3),
                    with_error(value, error),
                    fixed(kMicro * number(sigma, "unseen_cells"), 3),
                    deviation(number(sigma, "unseen_cells"), value)});
  }
  const bool is_by_level = programming.at("targets_are_level_means").get<bool>();
  Json series = Json::array();
  series.push_back(measured.series());
  series.push_back({{"name", "unseen cells"}, {"x", measured.x()}, {"y", law}, {"dash", true}});
  const Json chart = {{"kind", "line"},
                      {"title", "Error of a write"},
                      {"note", "The band is two standard errors wide to each side."},
                      {"x", {{"label", "target"}, {"unit", "uS"}}},
                      {"y", {{"label", "standard deviation"}, {"unit", "uS"}}},
                      {"series", series}};
  const Json table = {{"title", "Error of a write, uS"},
                      {"columns",
                       columns({"Target",
                                "Cells",
                                "Bias",
                                "Unseen cells",
                                "Standard deviation",
                                "Unseen cells",
                                "Deviation"})},
                      {"rows", rows}};
  return {{"title", "Programming"},
          {"text",
           is_by_level ? "The table names levels, not targets: the target of a cell is the "
                         "mean of "
                         "its level, and what it was written to is its deviation from that."
                       : "What a write leaves, against its target."},
          {"charts", Json::array({chart})},
          {"tables", Json::array({table})}};
}

Json current_section(const Json& current) {
  const auto series = [&](const char* name, const char* v, const char* i, bool dash) {
    return Json{{"name", name},
                {"x", scaled(current.at(v), 1e3)},
                {"y", scaled(current.at(i), kMicro)},
                {"dash", dash}};
  };
  Json rows = Json::array();
  for (const Json& candidate : current.at("candidates")) {
    rows.push_back({candidate.at("law"),
                    candidate.at("law") == "sinh" ? fixed(number(candidate, "curvature"), 2) : "–",
                    format_quantity(number(candidate, "g"), "S", 4),
                    format_quantity(number(candidate, "seen"), "A", 4),
                    format_quantity(number(candidate, "unseen"), "A", 4)});
  }
  const Json chart = {
      {"kind", "line"},
      {"title", "Current"},
      {"x", {{"label", "voltage"}, {"unit", "mV"}}},
      {"y", {{"label", "current"}, {"unit", "uA"}}},
      {"series",
       Json::array({series("measured", "v", "i", false), series("law", "v_law", "i_law", true)})}};
  const Json table = {
      {"title", "Laws"},
      {"note",
       "Rms of what a law leaves of the readings that it was fitted to and of "
       "the "
       "others. Straight lines in 64 bins of voltage leave " +
           format_quantity(number(current, "floor"), "A", 4) + " (noise and hysteresis)."},
      {"columns", columns({"Law", "Curvature, 1/V", "Conductance", "Left, seen", "Left, unseen"})},
      {"rows", rows}};
  return {{"title", "Current law"},
          {"text",
           "Chosen: " + current.at("chosen").get<std::string>() +
               ". Every other stretch of the readings was fitted, "
               "those between were not seen."},
          {"charts", Json::array({chart})},
          {"tables", Json::array({table})}};
}

std::string figure_of(const Json& figures, const std::string& name, const char* unit) {
  return format_quantity(number(figures, name.c_str()), unit, 3) + " ± " +
         format_quantity(number(figures, (name + "_error").c_str()), unit, 3);
}

Json reads_section(const Json& reads) {
  Json rows = Json::array();
  Json traps = Json::array();
  Json charts = Json::array();
  for (const Json& cell : reads.at("cells")) {
    const Json& name = cell.at("name");
    const bool has_trap = cell.at("has_trap").get<bool>();
    rows.push_back({name,
                    format_quantity(number(cell, "g"), "S", 4),
                    format_quantity(number(cell, "read_noise"), "S", 3),
                    has_trap ? "yes" : "no"});
    for (const char* half : {"fitted", "unseen"}) {
      const Json& figures = cell.at(half);
      if (!has_trap) continue;
      traps.push_back({name.get<std::string>() + ", " + half,
                       std::to_string(figures.at("windows").get<std::int64_t>()),
                       figure_of(figures, "amplitude", "S"),
                       figure_of(figures, "time_low", "s"),
                       figure_of(figures, "time_high", "s")});
    }
    const Json& allan = cell.at("allan");
    Json series = Json::array();
    for (const char* which : {"measured", "law"}) {
      series.push_back({{"name", which},
                        {"x", allan.at("time")},
                        {"y", scaled(allan.at(which), kMicro)},
                        {"dash", std::string(which) == "law"}});
    }
    charts.push_back({{"kind", "line"},
                      {"title", "Noise of " + name.get<std::string>()},
                      {"x", {{"label", "time averaged over"}, {"unit", "s"}, {"scale", "log"}}},
                      {"y", {{"label", "Allan deviation"}, {"unit", "uS"}, {"scale", "log"}}},
                      {"series", series}});
  }
  Json tables =
      Json::array({Json{{"title", "Cells"},
                        {"columns", columns({"Cell", "Conductance", "Read noise", "Trap"})},
                        {"rows", rows}}});
  if (!traps.empty()) {
    tables.push_back(
        {{"title", "Telegraph noise"},
         {"note",
          "Means over the windows in which it was found, "
          "with standard errors: those "
          "that were fitted, and those between."},
         {"columns", columns({"Cell", "Windows", "Amplitude", "Stay below", "Stay above"})},
         {"rows", traps}});
  }
  return {{"title", "Noise of reads"},
          {"text",
           "White noise of each read, and telegraph noise where two "
           "levels were found. Where the "
           "measured deviation grows with time, the cell wanders "
           "slowly, which no law here "
           "describes."},
          {"charts", charts},
          {"tables", tables}};
}

/// The largest deviation of a prediction of `figure` from what was measured.
std::string worst(const Json& checks, const char* figure, const char* prediction) {
  double largest = -1;
  for (const Json& check : checks) {
    const Json& of = check.at(figure);
    const double predicted = number(of, prediction);
    if (std::isnan(predicted)) continue;
    largest = std::max(largest, std::abs(predicted / number(of, "measured") - 1));
  }
  return largest < 0 ? "–" : fixed(100 * largest, 1) + " %";
}

Json headline(const Json& laws) {
  Json cards = Json::array();
  if (laws.contains("ageing")) {
    const Json& ageing = laws.at("ageing");
    const Json& checks = ageing.at("checks");
    cards.push_back(
        card("Cells",
             std::to_string(ageing.at("cells").get<std::int64_t>()),
             (varies_in_temperature(checks) ? "at several temperatures"
                                            : std::to_string(checks.size()) + " times")));
    cards.push_back(
        card("Spread at unseen times",
             worst(checks, "spread", "unseen_time"),
             "largest deviation; unseen cells " + worst(checks, "spread", "unseen_cells")));
    cards.push_back(card("Mean move at unseen times",
                         worst(checks, "mean", "unseen_time"),
                         "largest deviation; see its standard errors"));
  }
  if (laws.contains("programming")) {
    cards.push_back(card("Writes",
                         std::to_string(laws.at("programming").at("cells").get<std::int64_t>()),
                         "cells with a target or level"));
  }
  if (laws.contains("current")) {
    const Json& current = laws.at("current");
    cards.push_back(card("Current law",
                         current.at("chosen").get<std::string>(),
                         "up to " + format_quantity(number(current, "v_max"), "V", 3)));
  }
  if (laws.contains("reads")) {
    const Json& cells = laws.at("reads").at("cells");
    const auto traps = std::count_if(cells.begin(), cells.end(), [](const Json& cell) {
      return cell.at("has_trap").get<bool>();
    });
    cards.push_back(card("Cells with a trap",
                         std::to_string(traps) + " of " + std::to_string(cells.size()),
                         "telegraph noise"));
  }
  return cards;
}

}  // namespace

bool is_fit_folder(const fs::path& folder) {
  return fs::exists(folder / kFitSummary);
}

Json fit_report_data(const fs::path& folder) {
  const Json summary = read_json_file(folder / kFitSummary);
  const Json& laws = summary.at("laws");
  Json sections = Json::array();
  if (laws.contains("ageing")) sections.push_back(ageing_section(laws.at("ageing")));
  if (laws.contains("programming")) sections.push_back(programming_section(laws.at("programming")));
  if (laws.contains("current")) sections.push_back(current_section(laws.at("current")));
  if (laws.contains("reads")) sections.push_back(reads_section(laws.at("reads")));
  return {{"title", "Device fitted to " + summary.at("file").get<std::string>()},
          {"subtitle",
           std::to_string(summary.at("rows").get<std::int64_t>()) +
               " rows; device model tabulated, " + kFitDevice},
          {"headline", headline(laws)},
          {"sections", sections},
          {"parameters", Json::array()},
          {"provenance", provenance(summary.at("file").get<std::string>())}};
}

}  // namespace crossloom
