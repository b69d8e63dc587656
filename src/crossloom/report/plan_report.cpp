#include "crossloom/report/plan_report.h"

#include <algorithm>
#include <map>

#include "crossloom/core/units.h"
#include "crossloom/experiment/plan_run.h"
#include "crossloom/report/report_parts.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

double number(const Json& json, const char* key) {
  return json.at(key).get<double>();
}

std::string count(const Json& json, const char* key) {
  return std::to_string(json.at(key).get<std::int64_t>());
}

double writes(const Json& layer) {
  double sum = 0;
  for (const char* part : {"transition", "stream"}) {
    sum += number(layer.at(part), "set") + number(layer.at(part), "reset");
  }
  return sum;
}

/// Name of the figure that is called accuracy.
std::string figure_of(const Json& summary) {
  return summary.at("exact").begin().key();
}

void add_accuracy_cards(const Json& summary, Json& cards) {
  if (!summary.contains("accuracy")) return;
  const std::string figure = figure_of(summary);
  const std::string examples = count(summary, "examples") + " examples";
  cards.push_back(card("Accuracy (" + figure + ")",
                       percent(number(summary.at("accuracy"), figure.c_str())),
                       "exact network " + percent(number(summary.at("exact"), figure.c_str()))));
  cards.push_back(card("Agreement with the exact network",
                       percent(number(summary.at("accuracy"), "agreement")),
                       examples));
}

Json plan_headline(const Json& summary) {
  const Json& cost = summary.at("cost");
  Json cards = Json::array();
  cards.push_back(card("Fewer writes than natural order",
                       fixed(number(summary, "gain"), 1) + " x",
                       "per pass in the steady state, at equal bits"));
  cards.push_back(card("Writes per weight and pass",
                       fixed(number(cost, "writes_per_weight"), 3),
                       count(cost, "weights") + " weights"));
  add_accuracy_cards(summary, cards);
  cards.push_back(card("Weight error", percent(number(cost, "rmse")), "of the rms of all weights"));
  cards.push_back(card("Lifetime",
                       format_quantity(number(cost, "lifetime_inferences"), "1", 3),
                       "inferences, batches of " + count(cost, "batch")));
  cards.push_back(card("Energy of a pass",
                       format_quantity(number(cost, "energy_per_pass_J"), "J", 3),
                       format_quantity(number(cost, "time_per_pass_s"), "s", 3) + " of writing"));
  cards.push_back(card("Routing metadata",
                       fixed(number(cost, "routing_bits") + number(cost, "sign_bits"), 1) + " bit",
                       "per weight, sign included"));
  return cards;
}

Json layers_section(const Json& cost) {
  Json names = Json::array();
  Json per_weight = Json::array();
  Json rows = Json::array();
  for (const Json& layer : cost.at("layers")) {
    const double share = writes(layer) / number(layer, "weights");
    names.push_back(layer.at("name"));
    per_weight.push_back(share);
    rows.push_back({layer.at("name"),
                    count(layer, "weights"),
                    count(layer, "sections"),
                    count(layer, "budget"),
                    fixed(writes(layer), 0),
                    fixed(share, 3),
                    percent(number(layer, "rmse")),
                    fixed(number(layer, "routing_bits"), 1),
                    format_quantity(number(layer, "energy_J"), "J", 3),
                    format_quantity(number(layer, "time_s"), "s", 3)});
  }
  return {{"title", "Layers"},
          {"text", "What each layer of the network costs per pass over the plan."},
          {"charts",
           {{{"kind", "bar"},
             {"title", "Writes per weight and pass"},
             {"x", {{"label", "layer"}}},
             {"y", {{"label", "writes per weight"}}},
             {"categories", names},
             {"series", {{{"name", ""}, {"y", per_weight}}}}}}},
          {"tables",
           {{{"title", "Cost by layer"},
             {"columns",
              columns({"Layer",
                       "Weights",
                       "Sections",
                       "Error budget",
                       "Writes",
                       "Writes per weight",
                       "Weight error",
                       "Routing bits",
                       "Energy",
                       "Time"})},
             {"rows", rows}}}}};
}

Json columns_section(const Json& cost) {
  std::vector<double> flips;
  for (const Json& layer : cost.at("layers")) {
    const Json& of_layer = layer.at("column_flips");
    flips.resize(std::max(flips.size(), of_layer.size()));
    for (std::size_t col = 0; col < of_layer.size(); ++col) {
      flips[col] += of_layer[col].get<double>() / number(cost, "weights");
    }
  }
  Json names = Json::array();
  for (std::size_t col = 0; col < flips.size(); ++col) names.push_back(std::to_string(col));
  return {{"title", "Bit columns"},
          {"text",
           "Column 0 holds the lowest bits. In a sorted stream it takes the most writes, unless an "
           "error budget lets it stay as it is."},
          {"charts",
           {{{"kind", "bar"},
             {"title", "Flips by bit column"},
             {"x", {{"label", "column"}}},
             {"y", {{"label", "writes per weight and pass"}}},
             {"categories", names},
             {"series", {{{"name", ""}, {"y", flips}}}}}}}};
}

Json wear_map(const std::string& title, const std::string& note, const Json& wear) {
  return {{"kind", "heatmap"},
          {"title", title},
          {"note", note},
          {"x", {{"label", "column"}}},
          {"y", {{"label", "row"}}},
          {"value", {{"label", "writes per pass"}}},
          {"rows", wear.at("rows")},
          {"cols", wear.at("cols")},
          {"data", wear.at("writes")}};
}

Json wear_section(const Json& cost) {
  const Json& levelled = cost.at("wear");
  const Json& unlevelled = cost.at("unlevelled_wear");
  const auto ratio = [](const Json& wear) {
    return "Most written cell / mean: " + fixed(number(wear, "max_over_mean"), 2) + ".";
  };
  return {{"title", "Wear"},
          {"text",
           "Writes of each cell of the crossbar with the most written one, per pass in the steady "
           "state. Levelling rotates the roles of columns, crossbars and rows from pass to pass; "
           "its map is "
           "the mean over the first passes of the rotation, no more than a cell lives."},
          {"charts",
           {wear_map("Crossbar " + count(unlevelled, "crossbar") + " without levelling",
                     ratio(unlevelled),
                     unlevelled),
            wear_map("Crossbar " + count(levelled, "crossbar") + ", levelled over " +
                         count(levelled, "passes") + " passes",
                     ratio(levelled),
                     levelled)}}};
}

std::string subject_of(const Json& summary) {
  std::string text = "network " + summary.at("model").get<std::string>();
  const auto draw = summary.at("draw").get<std::string>();
  if (!draw.empty()) text += ", weights drawn (" + draw + ")";
  return text;
}

Json page(const std::string& title, const std::string& subtitle, const Json& summary) {
  const std::string data = summary.contains("data") ? summary.at("data").get<std::string>() : "";
  return {{"title", title},
          {"subtitle", subtitle},
          {"parameters", summary.at("parameters")},
          {"provenance", provenance(data)}};
}

Json plan_page(const Json& summary) {
  const Json& options = summary.at("options");
  Json data = page("Reprogramming plan",
                   subject_of(summary) + ", order " + options.at("order").get<std::string>() +
                       ", row assignment " + options.at("assignment").get<std::string>() + ", " +
                       count(options, "bits") + " bits",
                   summary);
  const Json& cost = summary.at("cost");
  data["headline"] = plan_headline(summary);
  data["sections"] = {layers_section(cost), columns_section(cost), wear_section(cost)};
  return data;
}

/// A figure of a scheme, in percent: of its accuracy, or the error of its weights.
double figure_of(const Json& row, const std::string& figure) {
  return 100 *
         (figure == "rmse" ? number(row, "rmse") : number(row.at("accuracy"), figure.c_str()));
}

/// The schemes that no other beats in both gain and figure, in the order of their gain.
std::vector<Json> front_of(std::vector<Json> rows, const std::string& figure) {
  std::sort(rows.begin(), rows.end(), [](const Json& a, const Json& b) {
    return number(a, "gain") > number(b, "gain");
  });
  const double better = figure == "rmse" ? -1 : 1;
  std::vector<Json> front;
  for (const Json& row : rows) {
    if (front.empty() ||
        better * figure_of(row, figure) > better * figure_of(front.back(), figure)) {
      front.push_back(row);
    }
  }
  std::reverse(front.begin(), front.end());
  return front;
}

Json points(const std::string& name, const std::vector<Json>& rows, const std::string& figure) {
  Json x = Json::array();
  Json y = Json::array();
  for (const Json& row : rows) {
    x.push_back(row.at("gain"));
    y.push_back(figure_of(row, figure));
  }
  return {{"name", name}, {"x", x}, {"y", y}};
}

/// Schemes by kind, and the front, over the gain.
Json front_chart(const Json& summary, const std::string& figure, const std::string& label) {
  std::map<std::string, std::vector<Json>> kinds;
  std::vector<Json> physical;
  for (const Json& row : summary.at("rows")) {
    kinds[row.at("kind").get<std::string>()].push_back(row);
    if (row.at("kind") != "index-routed") physical.push_back(row);
  }
  Json series = Json::array();
  for (auto& [kind, rows] : kinds) {
    std::sort(rows.begin(), rows.end(), [](const Json& a, const Json& b) {
      return number(a, "gain") < number(b, "gain");
    });
    series.push_back(points(kind, rows, figure));
  }
  for (Json& kind : series) kind["marks"] = true;
  series.push_back(points("front", front_of(physical, figure), figure));
  series.back()["dash"] = true;
  return {{"kind", "line"},
          {"title", label + " against savings"},
          {"note",
           "Each point is a scheme; the front holds those that no other beats in both. "
           "Index-routed orders cannot sum a column current and are left out of it."},
          {"x", {{"label", "times fewer writes than natural order"}, {"scale", "log"}}},
          {"y", {{"label", label}, {"unit", "%"}}},
          {"series", series}};
}

Json schemes_table(const Json& summary, const std::string& figure) {
  std::vector<std::string> labels = {"Scheme",
                                     "Bits",
                                     "Gain",
                                     "Writes per weight",
                                     "Weight error",
                                     "Routing bits",
                                     "Wear, max / mean",
                                     "Lifetime"};
  if (!figure.empty()) labels.insert(labels.end(), {figure, "Agreement"});
  Json rows = Json::array();
  for (const Json& row : summary.at("rows")) {
    Json cells = {row.at("name"),
                  count(row, "bits"),
                  fixed(number(row, "gain"), 2) + " x",
                  fixed(number(row, "writes_per_weight"), 3),
                  percent(number(row, "rmse")),
                  fixed(number(row, "routing_bits"), 1),
                  fixed(number(row, "max_over_mean_wear"), 2),
                  format_quantity(number(row, "lifetime_inferences"), "1", 3)};
    if (!figure.empty()) {
      cells.push_back(percent(number(row.at("accuracy"), figure.c_str())));
      cells.push_back(percent(number(row.at("accuracy"), "agreement")));
    }
    rows.push_back(cells);
  }
  return {{"title", "Schemes"},
          {"note",
           "Gain: writes of natural order per pass in the steady state / those of the "
           "scheme. Wear: without levelling. Lifetime: inferences, levelled."},
          {"columns", columns(labels)},
          {"rows", rows}};
}

Json comparison_page(const Json& summary) {
  const bool has_accuracy = summary.contains("exact");
  const std::string figure = has_accuracy ? figure_of(summary) : "";
  Json data = page("Reprogramming schemes side by side",
                   subject_of(summary) + ", " + count(summary, "weights") + " weights, " +
                       count(summary, "bits") + " bits",
                   summary);
  Json charts = Json::array();
  if (has_accuracy) {
    data["headline"] = Json::array({card("Exact network (" + figure + ")",
                                         percent(number(summary.at("exact"), figure.c_str())),
                                         count(summary, "examples") + " examples")});
    charts.push_back(front_chart(summary, "agreement", "agreement with the exact network"));
    charts.push_back(front_chart(summary, figure, "accuracy (" + figure + ")"));
  }
  charts.push_back(front_chart(summary, "rmse", "weight error"));
  Json section = {{"title", "Schemes"},
                  {"text",
                   "What each way of ordering, assigning and approximating the weights saves in "
                   "writes, and what it costs."},
                  {"charts", charts}};
  section["tables"] = Json::array({schemes_table(summary, figure)});
  data["sections"] = Json::array({section});
  return data;
}

}  // namespace

bool is_plan_folder(const fs::path& folder) {
  return fs::exists(folder / kPlanSummary) || fs::exists(folder / kComparisonSummary);
}

Json plan_report_data(const fs::path& folder) {
  const bool is_plan = fs::exists(folder / kPlanSummary);
  const Json summary = read_json_file(folder / (is_plan ? kPlanSummary : kComparisonSummary));
  return is_plan ? plan_page(summary) : comparison_page(summary);
}

}  // namespace crossloom
