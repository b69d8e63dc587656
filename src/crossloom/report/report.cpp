#include "crossloom/report/report.h"

#include <cmath>

#include "crossloom/core/files.h"
#include "crossloom/core/units.h"
#include "crossloom/experiment/run_folder.h"
#include "crossloom/report/fit_report.h"
#include "crossloom/report/plan_report.h"
#include "crossloom/report/report_parts.h"

extern "C" const char crossloom_report_template[];
extern "C" const char crossloom_report_template_end[];

namespace crossloom {
namespace {

namespace fs = std::filesystem;

/// Names of methods as a reader knows them.
std::string title_of(const std::string& method) {
  if (method == "mixed_precision") return "mixed precision on the chip";
  if (method == "naive_in_situ") return "naive: every batch programs";
  if (method == "digital") return "digital float";
  if (method == "finetune") return "finetuned for the chip";
  if (method == "untreated") return "as given";
  return method;
}

/// What the files of a run folder say.
struct Results {
  Json summary, parameters, chip, data, timing, deployment;
  std::vector<Json> metrics, transfer;

  explicit Results(const fs::path& folder) {
    const auto read = [&](const char* file) { return read_json_file(folder / file); };
    if (!fs::exists(folder / "summary.json")) {
      throw ConfigError("no results in " + folder.string() +
                        " (there is no summary.json); finish the run with --resume first");
    }
    summary = read("summary.json");
    parameters = read("parameters.json");
    chip = read("chip.json");
    data = read("data.json");
    timing = read("timing.json");
    if (fs::exists(folder / "deployment.json")) deployment = read("deployment.json");
    metrics = read_json_lines(folder / "metrics.jsonl");
    transfer = read_json_lines(folder / "transfer.jsonl");
  }

  std::string method() const { return summary.at("method").get<std::string>(); }
};

Json headline(const Results& results) {
  Json cards = Json::array();
  const Json& training = results.summary.at("training");
  const std::string images =
      std::to_string(results.summary.at("data").at("test_images").get<std::int64_t>()) +
      " test images";
  for (const auto& item : training.items()) {
    const bool is_held_out = item.value().value("accuracy_on", "") == "validation";
    cards.push_back(card(title_of(item.key()),
                         percent(item.value().at("accuracy").get<double>()),
                         is_held_out ? "images held out of the training" : images));
  }
  const Json& main = training.at(results.method());
  if (main.contains("updates_per_weight")) {
    cards.push_back(card("Updates per weight",
                         fixed(main.at("updates_per_weight").get<double>(), 1),
                         fixed(main.at("writes_per_cell").get<double>(), 1) + " writes per cell"));
  }
  if (main.contains("reduction") && main.at("reduction").is_number()) {
    cards.push_back(card("Fewer updates than per batch",
                         fixed(main.at("reduction").get<double>(), 0) + " x",
                         "against one update of each weight per batch"));
  }
  const Json& cost = results.summary.at("cost");
  cards.push_back(
      card("Latency per image",
           format_quantity(cost.at("latency_s").get<double>(), "s", 3),
           std::to_string(cost.at("total").at("ops").get<std::int64_t>()) + " operations"));
  cards.push_back(
      card("Energy per image",
           format_quantity(cost.at("energy_J").get<double>(), "J", 3),
           std::to_string(cost.at("total").at("crossbars").get<std::int64_t>()) + " crossbars"));
  return cards;
}

/// A value of each epoch for every method.
Json epochs_chart(const Results& results,
                  const std::string& title,
                  const std::string& key,
                  double factor,
                  const Json& y) {
  Json series = Json::array();
  for (const auto& item : results.summary.at("training").items()) {
    Json x = Json::array();
    Json values = Json::array();
    for (const Json& line : results.metrics) {
      if (line.value("method", "") != item.key()) continue;
      x.push_back(line.at("epoch"));
      values.push_back(factor * line.at(key).get<double>());
    }
    series.push_back({{"name", title_of(item.key())}, {"x", x}, {"y", values}});
  }
  return {{"kind", "line"},
          {"title", title},
          {"x", {{"label", "epoch"}}},
          {"y", y},
          {"series", series}};
}

Json updates_chart(const Results& results) {
  Json series = Json::array();
  const Json& products = results.chip.at("products");
  for (std::size_t i = 0; i < products.size(); ++i) {
    Json x = Json::array();
    Json y = Json::array();
    for (const Json& line : results.metrics) {
      if (line.value("method", "") != results.method()) continue;
      x.push_back(line.at("epoch"));
      y.push_back(line.at("num_updates").at(i));
    }
    series.push_back({{"name", products[i].at("name")}, {"x", x}, {"y", y}});
  }
  return {{"kind", "line"},
          {"title", "Weight updates per epoch"},
          {"note", "Weights whose accumulated update passed the threshold, by layer."},
          {"x", {{"label", "epoch"}}},
          {"y", {{"label", "weight updates"}, {"scale", "log"}}},
          {"series", series}};
}

Json training_section(const Results& results) {
  Json charts = Json::array();
  charts.push_back(epochs_chart(
      results, "Accuracy", "accuracy", 100, {{"label", "accuracy"}, {"unit", "%"}, {"max", 100}}));
  charts.push_back(epochs_chart(
      results, "Training loss", "loss", 1, {{"label", "cross entropy"}, {"scale", "log"}}));
  if (!results.chip.is_null()) charts.push_back(updates_chart(results));
  return {{"title", "Training"},
          {"text",
           "Accuracy is that of the chip, or of the network in training, as it stands at the end "
           "of the "
           "epoch, on images it has not learned from."},
          {"charts", charts}};
}

Json wear_section(const Results& results) {
  Json charts = Json::array();
  Json series = Json::array();
  Json rows = Json::array();
  for (const Json& product : results.chip.at("products")) {
    const Json& writes = product.at("writes");
    series.push_back({{"name", product.at("name")},
                      {"edges", writes.at("edges")},
                      {"counts", writes.at("counts")}});
    rows.push_back({product.at("name"),
                    std::to_string(product.at("rows").get<std::int64_t>()),
                    std::to_string(product.at("cols").get<std::int64_t>()),
                    fixed(product.at("mean_writes").get<double>(), 2),
                    std::to_string(product.at("max_writes").get<std::int64_t>())});
  }
  charts.push_back({{"kind", "histogram"},
                    {"title", "Writes per cell"},
                    {"note", "How often each memristor was programmed during the whole training."},
                    {"x", {{"label", "writes"}}},
                    {"y", {{"label", "cells"}, {"scale", "log"}}},
                    {"series", series}});
  Json names = Json::array();
  Json totals = Json::array();
  for (const auto& item : results.summary.at("training").items()) {
    if (!item.value().contains("writes_per_cell")) continue;
    names.push_back(title_of(item.key()));
    totals.push_back(item.value().at("writes_per_cell"));
  }
  charts.push_back({{"kind", "bar"},
                    {"title", "Writes per cell, mean over the chip"},
                    {"x", {{"label", "method"}}},
                    {"y", {{"label", "writes"}, {"scale", "log"}}},
                    {"categories", names},
                    {"series", {{{"name", ""}, {"y", totals}}}}});
  return {{"title", "Wear"},
          {"text", "Every programming of a device is counted."},
          {"charts", charts},
          {"tables",
           {{{"title", "Writes by layer"},
             {"columns", columns({"Layer", "Rows", "Columns", "Mean writes", "Most writes"})},
             {"rows", rows}}}}};
}

Json chip_section(const Results& results) {
  Json charts = Json::array();
  for (const Json& product : results.chip.at("products")) {
    if (product.at("conductances_uS").empty()) continue;
    charts.push_back({{"kind", "heatmap"},
                      {"title", "Conductances of " + product.at("name").get<std::string>()},
                      {"note", "Positive and negative cell of each weight stand side by side."},
                      {"x", {{"label", "column"}}},
                      {"y", {{"label", "row"}}},
                      {"value", {{"label", "conductance"}, {"unit", "uS"}}},
                      {"rows", product.at("rows")},
                      {"cols", product.at("cols")},
                      {"data", product.at("conductances_uS")}});
  }
  return {{"title", "The chip"},
          {"text",
           "Conductances of the crossbars when training ended, errors of programming included."},
          {"charts", charts}};
}

Json variation_section(const Results& results) {
  Json series = Json::array();
  Json rows = Json::array();
  for (const auto& item : results.summary.at("evaluation").items()) {
    Json line = {{"name", title_of(item.key())}};
    for (const Json& point : item.value().at("points")) {
      const Json& s = point.at("accuracy");
      const double mean = s.at("mean").get<double>();
      const double ci95 = s.at("ci95").get<double>();
      line["x"].push_back(point.at("x"));
      line["y"].push_back(100 * mean);
      line["low"].push_back(100 * (mean - ci95));
      line["high"].push_back(100 * (mean + ci95));
      const Json& calibrated = point.at("calibrated");
      rows.push_back({title_of(item.key()),
                      format_quantity(point.at("x").get<double>(), "1", 3),
                      std::to_string(s.at("count").get<std::int64_t>()),
                      percent(mean),
                      percent(s.at("std").get<double>()),
                      "+- " + percent(ci95),
                      percent(calibrated.at("confidence").get<double>()),
                      percent(calibrated.at("calibration_error").get<double>()),
                      fixed(calibrated.at("expected_kl").get<double>(), 4)});
    }
    series.push_back(line);
  }
  Json columns = {{{"label", "Trained by"}}};
  for (const char* label : {"Device error",
                            "Chips",
                            "Mean",
                            "Standard deviation",
                            "95 % interval of the mean",
                            "Confidence",
                            "Calibration error",
                            "Expected KL"}) {
    columns.push_back({{"label", label}, {"align", "right"}});
  }
  return {{"title", "Chips whose weights err"},
          {"text",
           "Every chip draws the errors of its weights once and keeps them for all images. "
           "Confidence is that at the temperature which fits best on images outside the test."},
          {"charts",
           {{{"kind", "line"},
             {"title", "Accuracy, mean over chips"},
             {"note", "Bands are the 95 % interval of the mean."},
             {"x", {{"label", "device error"}}},
             {"y", {{"label", "accuracy"}, {"unit", "%"}}},
             {"series", series}}}},
          {"tables", {{{"title", "By device error"}, {"columns", columns}, {"rows", rows}}}}};
}

/// Accuracy over the time after programming; nothing when there is but one time.
Json over_time_chart(const Results& results) {
  Json series = Json::array();
  for (const auto& item : results.summary.at("transfer").items()) {
    Json line = {{"name", title_of(item.key())}};
    for (const Json& point : item.value().at("points")) {
      if (point.at("x") == 0) continue;  // has no place on a logarithmic axis
      const double mean = 100 * point.at("accuracy").at("mean").get<double>();
      const double std = 100 * point.at("accuracy").at("std").get<double>();
      line["x"].push_back(point.at("x"));
      line["y"].push_back(mean);
      line["low"].push_back(mean - std);
      line["high"].push_back(mean + std);
    }
    if (line.contains("x") && line["x"].size() > 1) series.push_back(line);
  }
  if (series.empty()) return nullptr;
  return {{"kind", "line"},
          {"title", "Accuracy over time"},
          {"note", "Mean over fresh chips; bands are the standard deviation between chips."},
          {"x", {{"label", "time after programming"}, {"unit", "s"}, {"scale", "log"}}},
          {"y", {{"label", "accuracy"}, {"unit", "%"}}},
          {"series", series}};
}

Json transfer_section(const Results& results) {
  Json series = Json::array();
  Json rows = Json::array();
  for (const auto& item : results.summary.at("transfer").items()) {
    Json values = Json::array();
    for (const Json& line : results.transfer) {
      if (line.value("method", "") == item.key())
        values.push_back(100 * line.at("accuracies").back().get<double>());
    }
    series.push_back({{"name", title_of(item.key())}, {"values", values}});
    for (const Json& point : item.value().at("points")) {
      const Json& s = point.at("accuracy");
      const auto number = [&](const char* key) { return percent(s.at(key).get<double>()); };
      rows.push_back({title_of(item.key()),
                      format_quantity(point.at("x").get<double>(), "s"),
                      std::to_string(s.at("count").get<std::int64_t>()),
                      number("mean"),
                      number("std"),
                      "+- " + number("ci95"),
                      number("min"),
                      number("median"),
                      number("max")});
    }
  }
  const Json head = columns({"Trained by",
                             "After",
                             "Chips",
                             "Mean",
                             "Standard deviation",
                             "95 % interval of the mean",
                             "Least",
                             "Median",
                             "Most"});
  Json charts = Json::array({{{"kind", "distribution"},
                              {"title", "Accuracy on fresh chips"},
                              {"note", "At the last of the times."},
                              {"y", {{"label", "accuracy"}, {"unit", "%"}}},
                              {"series", series}}});
  const Json over_time = over_time_chart(results);
  if (!over_time.is_null()) charts.push_back(over_time);
  return {
      {"title", "Transfer to fresh chips"},
      {"text",
       "The trained weights are programmed once on chips that took no part in the training, each "
       "with errors of its own; only the ranges of its converters are set anew."},
      {"charts", charts},
      {"tables", {{{"title", "Accuracy on fresh chips"}, {"columns", head}, {"rows", rows}}}}};
}

/// A histogram of `key` for every method.
Json deployment_histogram(const Results& results,
                          const std::string& key,
                          const std::string& title,
                          const Json& x,
                          const std::string& of_what) {
  Json series = Json::array();
  for (const auto& item : results.deployment.at("methods").items()) {
    const Json& histogram = item.value().at(key);
    series.push_back({{"name", title_of(item.key())},
                      {"edges", histogram.at("edges")},
                      {"counts", histogram.at("counts")}});
  }
  return {{"kind", "histogram"},
          {"title", title},
          {"x", x},
          {"y", {{"label", of_what}, {"scale", "log"}}},
          {"series", series}};
}

/// How much of the signal of each product is left on a chip.
Json layers_chart(const Results& results) {
  Json names = Json::array();
  Json series = Json::array();
  std::string chips;
  for (const auto& item : results.deployment.at("methods").items()) {
    const auto count = item.value().value("chips", std::int64_t{1});
    chips = count == 1 ? "chip 1" : "chips 1 to " + std::to_string(count);
    Json values = Json::array();
    for (const Json& layer : item.value().at("layers")) {
      if (series.empty()) names.push_back(layer.at("name"));
      values.push_back(layer.at("own_snr_dB"));
    }
    series.push_back({{"name", title_of(item.key())}, {"y", values}});
  }
  return {{"kind", "bar"},
          {"title", "Signal to noise of each product"},
          {"note",
           "Its own output against the exact product of the same inputs, errors of " + chips +
               " together, at the last of the times. Low bars are the sensitive layers."},
          {"x", {{"label", "product"}}},
          {"y", {{"label", "signal to noise"}, {"unit", "dB"}}},
          {"categories", names},
          {"series", series}};
}

Json deployment_section(const Results& results) {
  Json charts = Json::array();
  const Json& law = results.deployment.at("current_law");
  if (!law.is_null()) {
    Json used_x = Json::array();
    Json used_y = Json::array();
    for (std::size_t i = 0; i < law.at("v").size(); ++i) {
      if (std::abs(law["v"][i].get<double>()) > law.at("used_v").get<double>()) continue;
      used_x.push_back(law["v"][i]);
      used_y.push_back(law["current"][i]);
    }
    charts.push_back({{"kind", "line"},
                      {"title", "Current of a cell"},
                      {"note", "In units of the linear current at the read voltage."},
                      {"x", {{"label", "voltage"}, {"unit", "V"}}},
                      {"y", {{"label", "current"}}},
                      {"series",
                       {{{"name", "linear"}, {"x", law["v"]}, {"y", law["linear"]}},
                        {{"name", "cell"}, {"x", law["v"]}, {"y", law["current"]}},
                        {{"name", "range in use"}, {"x", used_x}, {"y", used_y}}}}});
  }
  charts.push_back(deployment_histogram(results,
                                        "weights",
                                        "Weights",
                                        {{"label", "weight, share of the edge of the window"}},
                                        "weights"));
  charts.push_back(deployment_histogram(results,
                                        "conductances",
                                        "Conductances",
                                        {{"label", "conductance written"}, {"unit", "uS"}},
                                        "cells"));
  charts.push_back(layers_chart(results));
  return {{"title", "What the chip is given"},
          {"text",
           "The networks as they are written into fresh chips, and what the chips make of each "
           "product."},
          {"charts", charts}};
}

Json cost_section(const Results& results) {
  const Json& cost = results.summary.at("cost");
  Json rows = Json::array();
  const auto add_row = [&](const Json& row) {
    Json cells = Json::array({row.at("name")});
    for (const char* key : {"devices", "flops", "crossbars", "ops", "tile_ops"}) {
      cells.push_back(std::to_string(row.at(key).get<std::int64_t>()));
    }
    rows.push_back(cells);
  };
  for (const Json& product : cost.at("products")) add_row(product);
  add_row(cost.at("total"));
  const Json head =
      columns({"Layer", "Devices", "FLOPs", "Crossbars", "Operations", "Crossbar operations"});
  return {
      {"title", "Cost of one image"},
      {"text",
       "Latency " + format_quantity(cost.at("latency_s").get<double>(), "s", 4) + ", energy " +
           format_quantity(cost.at("energy_J").get<double>(), "J", 4) +
           ": positions of an output and layers follow one another, crossbars of a layer work at "
           "the same time."},
      {"tables", {{{"title", "By layer"}, {"columns", head}, {"rows", rows}}}}};
}

}  // namespace

Json report_data(const fs::path& folder) {
  if (is_plan_folder(folder)) return plan_report_data(folder);
  if (is_fit_folder(folder)) return fit_report_data(folder);
  const Results results(folder);
  Json warnings = Json::array();
  if (results.data.at("is_synthetic").get<bool>()) {
    warnings.push_back("NOT REAL DATA. " + results.data.at("provenance").get<std::string>());
  }
  Json sections = Json::array({training_section(results)});
  if (!results.chip.is_null()) {
    sections.push_back(wear_section(results));
    sections.push_back(chip_section(results));
  }
  if (results.summary.contains("evaluation")) sections.push_back(variation_section(results));
  if (results.summary.contains("transfer")) sections.push_back(transfer_section(results));
  if (!results.deployment.is_null()) sections.push_back(deployment_section(results));
  sections.push_back(cost_section(results));
  const Json& summary = results.summary;
  return {{"title", summary.at("experiment")},
          {"subtitle",
           title_of(results.method()) + ", network " + summary.at("network").get<std::string>() +
               ", seed " + std::to_string(summary.at("seed").get<std::int64_t>()) + ", " +
               format_quantity(results.timing.value("total", 0.0), "s", 3)},
          {"warnings", warnings},
          {"headline", headline(results)},
          {"sections", sections},
          {"parameters", results.parameters},
          {"provenance", provenance(results.data.at("provenance").get<std::string>())}};
}

std::string render_report(const Json& data) {
  std::string page(crossloom_report_template, crossloom_report_template_end);
  const std::string token = "__CROSSLOOM_REPORT_DATA__";
  const auto at = page.find(token);
  TORCH_CHECK(at != std::string::npos, "the report's page has no place for its data");
  std::string json;
  for (const char c : data.dump(-1, ' ', false, Json::error_handler_t::replace)) {
    if (c == '<') {
      json += "\\u003c";  // no text of the data can end the script element
    } else {
      json += c;
    }
  }
  return page.replace(at, token.size(), json);
}

fs::path write_report(const fs::path& folder) {
  const fs::path path = folder / "report.html";
  write_file(path, render_report(report_data(folder)));
  return path;
}

}  // namespace crossloom
