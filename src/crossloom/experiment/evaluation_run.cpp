// An evaluation from top to bottom: network, examples, chips, statistics.

#include "crossloom/experiment/evaluation_run.h"

#include <algorithm>

#include "crossloom/core/files.h"
#include "crossloom/core/interrupt.h"
#include "crossloom/core/json_text.h"
#include "crossloom/core/units.h"
#include "crossloom/data/squad_metric.h"
#include "crossloom/evaluation/evaluate.h"
#include "crossloom/evaluation/squad_task.h"
#include "crossloom/evaluation/statistics.h"
#include "crossloom/experiment/chip_config.h"
#include "crossloom/experiment/result_file.h"
#include "crossloom/network/model.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSummary = "evaluation.json";

/// Refuses lines that are not results of chips, such as those that an editor left.
void require_results(const ResultFile& results, const fs::path& folder) {
  for (const Json& line : results.lines()) {
    const bool is_named = line.is_object() && line.contains("chip") && line.contains("time_s");
    const auto is_number = [](const Json& value) { return value.is_number(); };
    if (is_named && std::all_of(line.begin(), line.end(), is_number)) continue;
    throw ConfigError("the results in " + folder.string() + " cannot be used (the line " +
                      to_text(line) + " is not one of a chip and a time); give another --out");
  }
}

/// Times at which `chip` has been tested.
std::vector<double> times_of(const ResultFile& results, std::int64_t chip) {
  std::vector<double> times;
  for (const Json& line : results.lines()) {
    if (line.at("chip") == chip) times.push_back(line.at("time_s").get<double>());
  }
  return times;
}

Json to_json(const std::vector<std::pair<std::string, double>>& figures) {
  Json json = Json::object();
  for (const auto& [name, value] : figures) json[name] = value;
  return json;
}

/// Statistics over chips of every figure, at each time.
Json summarise_chips(const std::vector<Json>& lines, const std::vector<double>& times) {
  Json table = Json::array();
  for (const double time : times) {
    std::map<std::string, std::vector<double>> values;
    std::vector<std::string> order;
    for (const Json& line : lines) {
      if (line.at("time_s").get<double>() != time) continue;
      for (const auto& item : line.items()) {
        if (item.key() == "chip" || item.key() == "time_s") continue;
        if (values[item.key()].empty()) order.push_back(item.key());
        values[item.key()].push_back(item.value().get<double>());
      }
    }
    Json row = {{"time_s", time}};
    for (const std::string& name : order) row[name] = crossloom::to_json(summarise(values[name]));
    table.push_back(row);
  }
  return table;
}

InputBatches calibration_inputs(const EvaluationRequest& request,
                                const Network& network,
                                const CalibrationOptions& options) {
  InputBatches batches;
  const auto task = open_task(request.data, TaskPart::kCalibration, network, request.data_options);
  task->for_each_batch(
      network, options.batch_size, options.examples, [&](auto, const auto& inputs) {
        batches.push_back(inputs);
      });
  return batches;
}

/// What decides the results; more chips may be asked for later.
Json request_as_json(const EvaluationRequest& request, ChipConfig& chip) {
  Json json = {{"model", request.model},
               {"weights", request.weights.string()},
               {"reference", request.reference.string()},
               {"data", request.data},
               {"chip", chip.values()},
               {"count", request.count},
               {"seed", request.seed},
               {"times_s", request.times}};
  if (request.onnx.scaling) {
    json["mean"] = request.onnx.scaling->mean;
    json["std"] = request.onnx.scaling->std;
  }
  return json;
}

/// Signal to noise of each product, and what it costs to write operands into cells.
void add_layers(Json& summary, const std::vector<LayerQuality>& layers) {
  summary["layers"] = Json::array();
  std::int64_t products = 0;
  std::int64_t cells = 0;
  double writes = 0;
  for (const LayerQuality& layer : layers) {
    Json row = {{"name", layer.name}, {"own_snr_dB", layer.own}, {"total_snr_dB", layer.total}};
    if (layer.cells > 0) {
      row["cells"] = layer.cells;
      row["writes_per_example"] = layer.writes;
      ++products;
      cells += layer.cells;
      writes += layer.writes;
    }
    summary["layers"].push_back(row);
  }
  if (products == 0) return;
  summary["attention"] = {{"products", products},
                          {"cells", cells},
                          {"writes_per_example", writes},
                          {"writes_per_cell_and_example", writes / static_cast<double>(cells)}};
}

}  // namespace

Json run_evaluation(const EvaluationRequest& request, Progress& progress) {
  std::vector<double> times = request.times;
  std::sort(times.begin(), times.end());
  const Network network =
      open_model(request.model, request.weights, request.data_options.data_dir, request.onnx);
  ChipConfig chip;
  ChipPlan plan{network, {}, {}, request.seed, {}};
  if (request.chips > 0) {
    chip = load_chip_config(request.chip, request.overrides);
    plan.calibration = chip.calibration;
    const Network mapped = mapped_network(network, chip.calibration);
    plan.placements = chip.place(mapped);
    plan.computed = chip.place_computed(mapped);
    const double longest = chip.hardware().device.max_elapsed();
    if (!times.empty() && times.back() > longest) {
      throw ConfigError("the device " + chip.hardware().device.name() + " is known up to " +
                        format_quantity(longest, "s") + " after a write (asked for " +
                        format_quantity(times.back(), "s") + "); give earlier --times");
    }
  }
  const auto task = open_task(request.data, TaskPart::kTest, network, request.data_options);
  ResultFile results(request.out, request_as_json(request, chip), request.may_resume);
  require_results(results, request.out);

  const Network exact = fold_batch_norm(network);
  const Score digital = task->score(exact_outputs(exact, *task, request.batch_size, request.count));
  // Before a network was finetuned it may have said something else.
  const std::vector<std::string> reference =
      request.reference.empty()
          ? digital.predictions
          : task->score(exact_outputs(fold_batch_norm(open_model(request.model,
                                                                 request.reference,
                                                                 request.data_options.data_dir,
                                                                 request.onnx)),
                                      *task,
                                      request.batch_size,
                                      request.count))
                .predictions;
  Json summary = {{"model", network.name()},
                  {"data", task->provenance()},
                  {"examples", digital.predictions.size()},
                  {"exact", to_json(digital.figures)}};
  progress.say("exact: " + digital.figures[0].first + " " +
               std::to_string(100 * digital.accuracy()).substr(0, 5) + " %");
  if (request.chips > 0) {
    const InputBatches calibration = calibration_inputs(request, network, plan.calibration);
    const TestOptions options = {times, request.count, request.batch_size};
    const auto total = request.chips * static_cast<std::int64_t>(times.size());
    for (std::int64_t number = 1; number <= request.chips; ++number) {
      const std::vector<double> done = times_of(results, number);
      if (done.size() >= times.size()) continue;
      test_chip(plan, *task, calibration, options, number, done, [&](const ChipResult& result) {
        Json line = crossloom::to_json(result);
        line["agreement"] = agreement(result.predictions, reference);
        results.add(line);
        progress.step("chips", static_cast<std::int64_t>(results.lines().size()), total);
      });
    }
    summary["chips"] = request.chips;
    summary["times"] = summarise_chips(results.lines(), times);
    add_layers(summary, layer_quality(plan, calibration, {times.front(), 1, 0}));
  }
  if (!request.out.empty()) write_file(request.out / kSummary, to_text(summary, 2) + "\n");
  return summary;
}

Json score_prediction_file(const std::string& data,
                           const fs::path& predictions,
                           const DataOptions& options) {
  const SquadDataset dataset = read_squad(find_squad_questions(data, options));
  const SquadScores scores = score_predictions(dataset, read_predictions(predictions));
  const auto row = [](const SquadScore& score) {
    return Json{{"exact", score.exact}, {"f1", score.f1}, {"total", score.total}};
  };
  Json json = {{"all", row(scores.all)}};
  if (scores.has_answer) json["has_answer"] = row(*scores.has_answer);
  if (scores.no_answer) json["no_answer"] = row(*scores.no_answer);
  return json;
}

}  // namespace crossloom
