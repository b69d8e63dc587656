#include "crossloom/report/study_report.h"

#include <algorithm>
#include <set>

#include "crossloom/core/errors.h"
#include "crossloom/core/files.h"
#include "crossloom/core/units.h"
#include "crossloom/report/report.h"
#include "crossloom/report/report_parts.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

std::string plain(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

std::string number_in(const Json& json, const char* key, int decimals, double factor = 1) {
  return json.contains(key) && json[key].is_number()
             ? fixed(factor * json[key].get<double>(), decimals)
             : "";
}

/// Names of the lines: those of the variants, with their condition where each has several points.
class Lines {
 public:
  explicit Lines(const Json& study) {
    std::set<std::pair<std::string, std::string>> seen;
    for (const Json& group : study.at("groups")) {
      const auto key = std::make_pair(group.at("variant").get<std::string>(),
                                      group.value("condition", Json()).dump());
      has_several_points_ |= !seen.insert(key).second;
    }
    key_ = study.value("condition", "");
  }

  std::string name(const Json& group) const {
    const std::string variant = group.at("variant").get<std::string>();
    if (!has_several_points_ || !group.contains("condition")) return variant;
    return variant + ", " + key_ + " " + plain(group["condition"].get<double>());
  }

 private:
  std::string key_;
  bool has_several_points_ = false;
};

/// Whether no variant has more than one point, so that there is nothing to draw a line through.
bool has_single_points(const Json& study) {
  std::set<std::string> variants;
  for (const Json& group : study.at("groups")) variants.insert(group.at("variant"));
  return variants.size() == study.at("groups").size();
}

/// A bar for each variant.
template <class Value>
Json bar_chart(const Json& study, const std::string& title, Json y, const Value& value) {
  y.erase("scale");  // bars begin at zero
  Json names = Json::array(), heights = Json::array();
  for (const Json& group : study.at("groups")) {
    const Json read = value(group);
    if (read.is_null()) continue;
    names.push_back(group.at("variant"));
    heights.push_back(read.at("y"));
  }
  return {{"kind", "bar"},
          {"title", title},
          {"y", y},
          {"categories", names},
          {"series", {{{"name", ""}, {"y", heights}}}}};
}

/// The accuracy of every training, side by side.
Json seeds_chart(const Json& study, const std::string& title, const Json& y) {
  Json series = Json::array();
  for (const Json& group : study.at("groups")) {
    Json values = Json::array();
    for (const Json& cell : study.at("cells")) {
      if (cell.at("variant") != group.at("variant") || cell.value("collapsed", false)) continue;
      for (const Json& point : cell.value("points", Json::array())) {
        values.push_back(100 * point.at("accuracy").at("mean").get<double>());
      }
    }
    series.push_back({{"name", group.at("variant")}, {"values", values}});
  }
  return {{"kind", "distribution"},
          {"title", title},
          {"note", "Every dot is one training, the mean over its chips."},
          {"y", y},
          {"series", series}};
}

/// A line for each variant of what `value` reads of a group; null where there is nothing.
template <class Value>
Json line_chart(const Json& study, const std::string& title, const Json& y, const Value& value) {
  const Lines lines(study);
  Json series = Json::array();
  for (const Json& group : study.at("groups")) {
    const Json read = value(group);
    if (read.is_null()) continue;
    const std::string name = lines.name(group);
    auto line = std::find_if(
        series.begin(), series.end(), [&](const Json& known) { return known.at("name") == name; });
    if (line == series.end()) {
      series.push_back({{"name", name}, {"x", Json::array()}, {"y", Json::array()}});
      line = std::prev(series.end());
    }
    (*line)["x"].push_back(group.at("x"));
    (*line)["y"].push_back(read.at("y"));
    if (!read.contains("low")) continue;
    (*line)["low"].push_back(read["low"]);
    (*line)["high"].push_back(read["high"]);
  }
  const bool is_time = study.at("axis") == "time_s";
  Json x = {{"label", study.value("label", study.at("axis").get<std::string>())}};
  if (is_time) x.update({{"unit", "s"}, {"scale", "log"}});
  return {{"kind", "line"}, {"title", title}, {"x", x}, {"y", y}, {"series", series}};
}

Json accuracy_chart(const Json& study) {
  const char* title = "Accuracy where the training converged";
  const Json y = {{"label", "accuracy"}, {"unit", "%"}};
  if (has_single_points(study)) return seeds_chart(study, title, y);
  Json chart = line_chart(study, title, y, [](const Json& group) -> Json {
    const Json& accuracy = group.at("accuracy");
    if (accuracy.is_null()) return nullptr;
    const double mean = 100 * accuracy.at("mean").get<double>();
    const Json& of_seeds = accuracy.at("standard_error");  // null: one
    const double error = of_seeds.is_null() ? 0 : 100 * of_seeds.get<double>();
    return {{"y", mean}, {"low", mean - error}, {"high", mean + error}};
  });
  chart["note"] =
      "Mean over seeds of the mean over chips; bands are one standard error of the seeds.";
  return chart;
}

Json accuracy_section(const Json& study) {
  const Json chart = accuracy_chart(study);
  const Lines lines(study);
  Json rows = Json::array();
  for (const Json& group : study.at("groups")) {
    const Json accuracy = group.at("accuracy").is_null() ? Json::object() : group["accuracy"];
    const Json apart = group.contains("difference") && group["difference"].is_object()
                           ? group["difference"]
                           : Json::object();
    rows.push_back({lines.name(group),
                    plain(group.at("x").get<double>()),
                    plain(group.at("seeds").get<double>()),
                    plain(group.at("collapsed").get<double>()),
                    number_in(accuracy, "mean", 2, 100),
                    number_in(accuracy, "standard_error", 2, 100),
                    number_in(group.at("accuracy_with_collapsed"), "mean", 2, 100),
                    number_in(apart, "mean", 2, 100),
                    number_in(apart, "standard_error", 2, 100)});
  }
  Json table = {{"title", "Accuracy [%]"},
                {"columns",
                 columns({"Variant",
                          study.value("label", std::string("x")),
                          "Seeds",
                          "Collapsed",
                          "Mean of the others",
                          "Standard error",
                          "Mean of all",
                          "Minus baseline",
                          "Standard error of it"})},
                {"rows", rows}};
  return {{"title", "Accuracy"},
          {"text",
           "Trainings that collapsed, hardly better than a guess with and without errors, are "
           "counted apart. Differences are from " +
               study.at("baseline").get<std::string>() + ", over the seeds that both have."},
          {"charts", Json::array({chart})},
          {"tables", Json::array({table})}};
}

Json convergence_section(const Json& study) {
  Json charts = Json::array();
  std::vector<Json> conditions;
  for (const Json& curve : study.at("curves")) {
    const Json condition = curve.value("condition", Json());
    if (std::find(conditions.begin(), conditions.end(), condition) == conditions.end()) {
      conditions.push_back(condition);
    }
  }
  for (const Json& condition : conditions) {
    Json series = Json::array();
    for (const Json& curve : study.at("curves")) {
      if (curve.value("condition", Json()) != condition || !curve.contains("mean")) continue;
      Json line = {{"name", curve.at("variant")}, {"x", Json::array()}};
      for (std::size_t e = 0; e < curve["mean"].size(); ++e) {
        line["x"].push_back(e);
        line["y"].push_back(100 * curve["mean"][e].get<double>());
        line["low"].push_back(100 * curve["min"][e].get<double>());
        line["high"].push_back(100 * curve["max"][e].get<double>());
      }
      series.push_back(line);
    }
    const std::string at = condition.is_null() ? ""
                                               : ", " + study.value("condition", "") + " " +
                                                     plain(condition.get<double>());
    charts.push_back({{"kind", "line"},
                      {"title", "Accuracy during training" + at},
                      {"note", "Mean over seeds; bands are the least and the most."},
                      {"x", {{"label", "epoch"}}},
                      {"y", {{"label", "accuracy"}, {"unit", "%"}}},
                      {"series", series}});
  }
  Json rows = Json::array();
  for (const Json& outcome : study.at("outcomes")) {
    rows.push_back(Json::array({outcome.at("variant")}));
    for (const char* key : {"converged", "collapsed", "diverged", "missing"}) {
      rows.back().push_back(plain(outcome.at(key).get<double>()));
    }
  }
  return {{"title", "Convergence"},
          {"charts", charts},
          {"tables",
           {{{"title", "Trainings by how they ended"},
             {"columns", columns({"Variant", "Converged", "Collapsed", "Diverged", "Not run yet"})},
             {"rows", rows}}}}};
}

Json confidence_section(const Json& study) {
  const auto chart =
      [&](const std::string& title, const std::string& key, double factor, const Json& y) {
        const auto value = [&](const Json& group) -> Json {
          if (!group.contains(key)) return nullptr;
          return {{"y", factor * group[key].get<double>()}};
        };
        return has_single_points(study) ? bar_chart(study, title, y, value)
                                        : line_chart(study, title, y, value);
      };
  return {{"title", "Confidence"},
          {"text",
           "Logits that a training makes larger look surer without being so: expected KL and "
           "calibration are compared at the temperature that fits best on images outside the test. "
           "Expected KL is that of a chip's probabilities from their mean over chips."},
          {"charts",
           {chart("Mean confidence, calibrated",
                  "calibrated_confidence",
                  100,
                  {{"label", "confidence"}, {"unit", "%"}}),
            chart("Expected KL, calibrated",
                  "calibrated_expected_kl",
                  1,
                  {{"label", "expected KL"}, {"unit", "nat"}, {"scale", "log"}}),
            chart("Calibration error, calibrated",
                  "calibrated_calibration_error",
                  100,
                  {{"label", "error"}, {"unit", "%"}}),
            chart("Calibration error of the logits as they are",
                  "raw_calibration_error",
                  100,
                  {{"label", "error"}, {"unit", "%"}}),
            chart("Temperature that fits best",
                  "temperature",
                  1,
                  {{"label", "temperature"}, {"scale", "log"}})}}};
}

Json cost_section(const Json& study) {
  Json rows = Json::array();
  for (const Json& cost : study.at("cost")) {
    rows.push_back({cost.at("variant"),
                    plain(cost.at("forwards_per_step").get<double>()),
                    plain(cost.at("steps").get<double>()),
                    format_quantity(cost.at("median_seconds_per_step").get<double>(), "s", 3),
                    format_quantity(cost.at("training_seconds").get<double>(), "s", 3)});
  }
  return {
      {"title", "Cost"},
      {"text", "Seconds are those of this machine with whatever else it did at the time."},
      {"tables",
       {{{"title", "Cost of a training"},
         {"columns",
          columns({"Variant", "Forward passes a step", "Steps", "Time a step", "Whole training"})},
         {"rows", rows}}}}};
}

Json cells_section(const Json& study) {
  Json rows = Json::array();
  for (const Json& cell : study.at("cells")) {
    const std::string state = cell.at("state").get<std::string>();
    Json accuracies = "";
    for (const Json& point : cell.value("points", Json::array())) {
      const std::string text = fixed(100 * point.at("accuracy").at("mean").get<double>(), 2);
      accuracies = accuracies.get<std::string>() + (accuracies == "" ? "" : ", ") + text;
    }
    rows.push_back({cell.at("variant"),
                    cell.contains("condition") ? plain(cell["condition"].get<double>()) : "",
                    plain(cell.at("seed").get<double>()),
                    state == "finished" && cell.value("collapsed", false) ? "collapsed" : state,
                    number_in(cell, "exact_accuracy", 2, 100),
                    accuracies,
                    cell.at("folder")});
  }
  return {{"title", "Single runs"},
          {"tables",
           {{{"title", "Every experiment of the study"},
             {"columns",
              columns({"Variant",
                       "Condition",
                       "Seed",
                       "State",
                       "Exact weights [%]",
                       "On chips [%]",
                       "Folder"})},
             {"rows", rows}}}}};
}

}  // namespace

Json study_report_data(const fs::path& store) {
  if (!fs::exists(store / "study.json")) {
    throw ConfigError("no study in " + store.string() +
                      " (there is no study.json); run `crossloom study` first");
  }
  const Json study = Json::parse(read_file(store / "study.json"), nullptr, false);
  if (study.is_discarded()) {
    throw ConfigError("cannot read " + (store / "study.json").string() +
                      " (damaged JSON); run the study again");
  }
  Json warnings = Json::array();
  std::int64_t missing = 0;
  for (const Json& cell : study.at("cells")) missing += cell.at("state") == "missing" ? 1 : 0;
  if (missing > 0) {
    warnings.push_back(std::to_string(missing) + " of " + std::to_string(study["cells"].size()) +
                       " experiments are not finished.");
  }
  Json sections = Json::array();
  if (!study.at("groups").empty()) sections.push_back(accuracy_section(study));
  sections.push_back(convergence_section(study));
  if (!study.at("groups").empty()) sections.push_back(confidence_section(study));
  sections.push_back(cost_section(study));
  sections.push_back(cells_section(study));
  return {{"title", study.at("study")},
          {"subtitle", std::to_string(study.at("cells").size()) + " experiments"},
          {"warnings", warnings},
          {"headline", Json::array()},
          {"sections", sections},
          {"parameters", Json::array()},
          {"provenance", provenance("")}};
}

fs::path write_study_report(const fs::path& store) {
  const fs::path path = store / "report.html";
  write_file(path, render_report(study_report_data(store)));
  return path;
}

}  // namespace crossloom
