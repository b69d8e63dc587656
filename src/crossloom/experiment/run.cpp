// An experiment from top to bottom: data, training, fresh chips, summary.

#include "crossloom/experiment/run.h"

#include <chrono>
#include <cmath>
#include <set>

#include "crossloom/core/files.h"
#include "crossloom/core/interrupt.h"
#include "crossloom/core/units.h"
#include "crossloom/data/examples.h"
#include "crossloom/evaluation/statistics.h"
#include "crossloom/experiment/chip_picture.h"
#include "crossloom/experiment/deployment_picture.h"
#include "crossloom/experiment/run_folder.h"
#include "crossloom/network/architectures.h"
#include "crossloom/network/onnx_export.h"
#include "crossloom/training/accuracy.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMetrics = "metrics.jsonl";
constexpr const char* kTransfer = "transfer.jsonl";
constexpr const char* kSummary = "summary.json";
constexpr const char* kChip = "chip.json";
constexpr const char* kDeployment = "deployment.json";
constexpr const char* kTiming = "timing.json";

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f %%", 100 * share);
  return text;
}

/// Of an accuracy over chips.
std::string mean_and_spread(const Json& accuracy) {
  return percent(accuracy["mean"].get<double>()) + " +- " + percent(accuracy["std"].get<double>());
}

/// The lines of metrics.jsonl of all methods but `method`, then those of `records`.
void write_metrics(const RunFolder& folder,
                   const std::string& method,
                   const std::vector<EpochRecord>& records) {
  std::string text;
  for (const Json& line : read_json_lines(folder.path() / kMetrics)) {
    if (line.value("method", "") != method) text += line.dump() + "\n";
  }
  for (const EpochRecord& record : records) {
    Json line = {{"method", method}};
    line.update(to_json(record));
    text += line.dump() + "\n";
  }
  write_file(folder.path() / kMetrics, text);
}

/// One method of an experiment with the state of its training.
struct Training {
  std::string name;
  std::unique_ptr<TrainingMethod> method;
  std::unique_ptr<TrainingRun> run;
};

/// The chip of `experiment` for `network`, the result of `training`, with what was learned of it.
ChipConfig chip_of(const Training& training, const Network& network, const Experiment& experiment) {
  ChipConfig chip = experiment.chip;
  // Layers that a method has put beside the chip, and what its ONNX file makes of their inputs:
  // NAME.compensation.*
  std::set<std::string> beside;
  for (std::size_t i = 0; i < network.products().size(); ++i) {
    const std::string& name = network.product_name(i);
    if (network.products()[i].is_digital) beside.insert(name.substr(0, name.rfind('.')) + ".*");
  }
  chip.layers.digital.insert(chip.layers.digital.end(), beside.begin(), beside.end());
  chip.add_own_hardware(training.run->learned_hardware());
  return chip;
}

void save(const RunFolder& folder, const Training& training) {
  write_safetensors(folder.checkpoint(training.name), training.run->checkpoint());
  write_metrics(folder, training.name, training.run->records());
}

/// Trains `name` to its end, from its checkpoint when there is one.
Training train(const std::string& name,
               Experiment& experiment,
               const Dataset& dataset,
               const RunFolder& folder,
               const DataOptions& data,
               Progress& progress) {
  Training training;
  training.name = name;
  training.method = experiment.make_method(name);
  const Network network = experiment.first_network(data.data_dir);
  training.run =
      std::make_unique<TrainingRun>(*training.method,
                                    TrainingSetup{network,
                                                  experiment.chip.place(network),
                                                  {},
                                                  experiment.noise,
                                                  static_cast<std::uint64_t>(experiment.seed)},
                                    dataset,
                                    experiment.training);
  TrainingRun& run = *training.run;
  if (fs::exists(folder.checkpoint(name))) {
    run.restore(read_safetensors(folder.checkpoint(name)));
    write_metrics(folder, name, run.records());  // in case it was killed between the two files
    if (!run.is_finished()) {
      progress.say(name + ": goes on at step " + std::to_string(run.step()) + " of " +
                   std::to_string(run.num_steps()));
    }
  }
  while (!run.is_finished()) {
    if (is_interrupted()) {
      save(folder, training);
      throw_if_interrupted();
    }
    const bool is_epoch_over = run.advance();
    progress.step(name, run.step(), run.num_steps());
    if (!is_epoch_over) continue;
    save(folder, training);
    const EpochRecord& record = run.records().back();
    progress.say(name + ": epoch " + std::to_string(record.epoch) + ", accuracy " +
                 percent(record.accuracy));
  }
  const Network result = training.run->result();
  write_safetensors(folder.weights(name), {result.weights(), {{"network", experiment.network}}});
  const bool has_more_layers = result.nodes().size() > network.nodes().size();
  if (has_more_layers) write_onnx(folder.onnx(name), result);
  // Windows that are not those of the weights are known to this run alone.
  if (training.method->windows().empty()) {
    ChipConfig chip = chip_of(training, result, experiment);
    write_file(folder.chip(name), to_toml(chip));
  }
  return training;
}

/// What `training` learned, as it is put on fresh chips.
ChipPlan plan_of(const Training& training, const Experiment& experiment) {
  const Network network = training.run->result();
  const ChipConfig chip = chip_of(training, network, experiment);
  ChipPlan plan{network,
                chip.place(network),
                chip.calibration,
                static_cast<std::uint64_t>(experiment.seed),
                {}};
  const std::vector<Tensor> windows = training.method->windows();
  for (std::size_t i = 0; i < windows.size(); ++i) plan.placements[i].w_max = windows[i];
  return plan;
}

/// What fresh chips are tested with.
struct Transfer {
  const Task& task;
  const InputBatches& calibration;
  const TransferOptions& options;
};

/// Accuracies at each time on fresh chips, from transfer.jsonl as far as it goes.
std::vector<std::vector<double>> transfer_to_chips(const std::string& name,
                                                   const ChipPlan& plan,
                                                   const Transfer& transfer,
                                                   const RunFolder& folder,
                                                   Progress& progress) {
  std::vector<std::vector<double>> accuracies;
  std::string finished;  // without the piece of a line that a killed process may have left
  for (const Json& line : read_json_lines(folder.path() / kTransfer)) {
    finished += line.dump() + "\n";
    if (line.value("method", "") == name) {
      accuracies.push_back(line.at("accuracies").get<std::vector<double>>());
    }
  }
  write_file(folder.path() / kTransfer, finished);
  const std::int64_t chips = transfer.options.chips;
  while (static_cast<std::int64_t>(accuracies.size()) < chips) {
    throw_if_interrupted();
    const auto number = static_cast<std::int64_t>(accuracies.size()) + 1;
    accuracies.push_back(
        test_on_fresh_chip(plan, transfer.task, transfer.calibration, transfer.options, number));
    append_line(folder.path() / kTransfer,
                Json{{"method", name}, {"chip", number}, {"accuracies", accuracies.back()}}.dump());
    progress.step(name + " on fresh chips", number, chips);
  }
  return accuracies;
}

/// Statistics over chips at each time after programming.
Json points_over_time(const std::vector<std::vector<double>>& accuracies,
                      const std::vector<double>& times) {
  Json points = Json::array();
  for (std::size_t t = 0; t < times.size(); ++t) {
    std::vector<double> at_time;
    for (const std::vector<double>& of_chip : accuracies) at_time.push_back(of_chip.at(t));
    points.push_back({{"x", times[t]}, {"accuracy", to_json(summarise(at_time))}});
  }
  return points;
}

/// Measures what `training` learned on chips with errors of the weights, from its file as far as it
/// goes.
Json measure_variation(const Training& training,
                       const Experiment& experiment,
                       const Dataset& dataset,
                       const RunFolder& folder,
                       Progress& progress) {
  const TrainingSplit split(dataset.train, experiment.training);
  const Split& held_out = split.validation.labels.size(0) > 0 ? split.validation : split.learned;
  const std::int64_t all = held_out.labels.size(0);
  const std::int64_t first =
      std::max<std::int64_t>(0, all - experiment.variation.temperature_images);
  VariationTest test(training.run->result(),
                     experiment.noise,
                     dataset.test,
                     {held_out.images.slice(0, first), held_out.labels.slice(0, first)},
                     experiment.variation,
                     static_cast<std::uint64_t>(experiment.seed));
  const fs::path path = folder.path() / "variation" / (training.name + ".safetensors");
  if (fs::exists(path)) test.restore(read_safetensors(path));
  auto saved = std::chrono::steady_clock::now();
  while (!test.is_finished()) {
    constexpr double kShowEvery = 20;  // [s]; each time the threads wait for the last of them
    try {
      test.advance(kShowEvery);
    } catch (const Interrupted&) {
      write_safetensors(path, test.checkpoint());
      throw;
    }
    progress.step(training.name + " under variation", test.done(), test.num_chips());
    constexpr double kSaveEvery = 60;  // [s]
    if (seconds_since(saved) < kSaveEvery && !test.is_finished()) continue;
    write_safetensors(path, test.checkpoint());
    saved = std::chrono::steady_clock::now();
  }
  Json points = Json::array();
  for (const VariationPoint& point : test.points()) points.push_back(to_json(point));
  return points;
}

/// The accuracy with exact weights, and whether the training collapsed: with and without errors the
/// network is hardly better than guessing.
Json judge(double exact, std::int64_t num_classes, const Json& points) {
  double best = exact;
  for (const Json& point : points) {
    best = std::max(best, point["accuracy"]["mean"].get<double>());
  }
  constexpr double kCollapsed = 2;  // times the share of a guess (assumption)
  return {{"exact_accuracy", exact},
          {"collapsed", num_classes > 0 && best * static_cast<double>(num_classes) < kCollapsed}};
}

/// The first images that were learned from, without their labels.
InputBatches calibration_inputs(const Dataset& dataset,
                                const Network& network,
                                const CalibrationOptions& options) {
  InputBatches batches;
  const Tensor images = dataset.train.images.slice(0, 0, options.examples);
  for (const Tensor& batch : images.split(options.batch_size)) {
    batches.push_back(network.inputs_in(network.prepare(batch)));
  }
  return batches;
}

double exact_accuracy(const Network& network, const Task& task, std::int64_t count) {
  constexpr std::int64_t kBatch = 250;
  return task.score(exact_outputs(network, task, kBatch, count)).accuracy();
}

std::int64_t num_weights(const Network& network) {
  std::int64_t count = 0;
  for (const StoredProduct& stored : network.products()) count += stored.geometry.num_weights();
  return count;
}

/// What the summary says of one method.
Json summarise_training(const Training& training, const Dataset& dataset) {
  const auto& records = training.run->records();
  if (records.empty()) {
    const auto predict = [&](const Tensor& x, std::int64_t first_image) {
      return training.method->predict(x, 0, first_image);
    };
    return {{"accuracy", accuracy(training.method->network(), dataset.test, 0, predict)},
            {"accuracy_on", "test"}};
  }
  const auto best = static_cast<std::size_t>(training.run->best_epoch());
  Json summary = {{"first_epoch_accuracy", records.front().accuracy},
                  {"accuracy", records[best].accuracy},
                  {"accuracy_on", training.run->has_validation() ? "validation" : "test"},
                  {"best_epoch", best},
                  {"loss", records.back().loss},
                  {"steps", training.run->num_steps()},
                  {"forwards_per_step", training.method->forwards_per_step()}};
  const Chip* chip = training.method->chip();
  if (chip == nullptr) return summary;
  double updates = 0;
  for (const std::int64_t count : training.method->num_updates())
    updates += static_cast<double>(count);
  double writes = 0;
  double cells = 0;
  for (const AnalogProduct& product : chip->products()) {
    writes += product.write_counts().sum().item<double>();
    cells += static_cast<double>(product.num_cells());
  }
  const auto weights = static_cast<double>(num_weights(training.method->network()));
  const auto steps = static_cast<double>(training.run->num_steps());
  summary["updates_per_weight"] = updates / weights;
  summary["writes_per_cell"] = writes / cells;
  summary["reduction"] = updates > 0 ? Json(weights * steps / updates) : Json(nullptr);
  return summary;
}

}  // namespace

Json run_experiment(Experiment& experiment, const RunOptions& options, Progress& progress) {
  const auto start = std::chrono::steady_clock::now();
  // Data that cannot be had are said before anything is written.
  const bool is_finished = fs::exists(options.out / kSummary);
  const Network architecture = make_network(experiment.network);
  const TrainingData data = is_finished
                                ? TrainingData()
                                : open_training_data(experiment.data, architecture, options.data);
  const Dataset& dataset = data.dataset;
  const RunFolder folder(options.out, experiment, options.may_resume);
  if (is_finished) {
    progress.say("this run is finished; its results are in " + folder.path().string());
    return folder.read_json(kSummary);
  }
  progress.say("data: " + dataset.provenance);

  Json timing = folder.has(kTiming) ? folder.read_json(kTiming) : Json::object();
  Json summary = {{"experiment", experiment.name},
                  {"seed", experiment.seed},
                  {"network", experiment.network},
                  {"method", experiment.method_name},
                  {"data",
                   {{"name", dataset.name},
                    {"is_synthetic", dataset.is_synthetic},
                    {"test_images",
                     experiment.training.test_images > 0 ? experiment.training.test_images
                                                         : dataset.test.images.size(0)}}}};
  const auto note_time = [&](const std::string& part, std::chrono::steady_clock::time_point since) {
    timing[part] = timing.value(part, 0.0) + seconds_since(since);
    folder.write_json(kTiming, timing);
  };

  std::vector<Training> trainings;
  std::vector<std::string> names = {experiment.method_name};
  names.insert(names.end(), experiment.baselines.begin(), experiment.baselines.end());
  for (const std::string& name : names) {
    const auto since = std::chrono::steady_clock::now();
    trainings.push_back(train(name, experiment, dataset, folder, options.data, progress));
    summary["training"][name] = summarise_training(trainings.back(), dataset);
    note_time("training " + name, since);
  }

  const Task& task = *data.test;
  for (const Training& training : trainings) {
    if (experiment.variation.chips == 0) break;
    const auto since = std::chrono::steady_clock::now();
    Json& measured = summary["evaluation"][training.name];
    measured = {{"axis", "sigma"}, {"label", "device error"}};
    measured["points"] = measure_variation(training, experiment, dataset, folder, progress);
    measured.update(
        judge(exact_accuracy(training.run->result(), task, experiment.variation.test_images),
              dataset.num_classes,
              measured["points"]));
    for (const Json& point : measured["points"]) {
      progress.say(training.name + " at a device error of " + point["x"].dump() + ": " +
                   mean_and_spread(point["accuracy"]));
    }
    note_time("variation " + training.name, since);
  }

  const InputBatches calibration =
      calibration_inputs(dataset, architecture, experiment.chip.calibration);
  const Transfer transfer = {task, calibration, experiment.transfer};
  Json deployment = {{"current_law", picture_of_current_law(experiment.chip.hardware())}};
  for (const Training& training : trainings) {
    if (experiment.transfer.chips == 0 || training.name == "naive_in_situ") continue;
    const auto since = std::chrono::steady_clock::now();
    const ChipPlan plan = plan_of(training, experiment);
    const std::vector<std::vector<double>> accuracies =
        transfer_to_chips(training.name, plan, transfer, folder, progress);
    deployment["methods"][training.name] =
        picture_of_deployment(plan,
                              calibration,
                              experiment.transfer.elapsed.back(),
                              std::min<std::int64_t>(3, experiment.transfer.chips));
    Json& measured = summary["transfer"][training.name];
    measured = {{"axis", "time_s"}, {"label", "time after programming"}};
    measured["points"] = points_over_time(accuracies, experiment.transfer.elapsed);
    measured.update(judge(exact_accuracy(plan.network, task, experiment.transfer.test_images),
                          dataset.num_classes,
                          measured["points"]));
    for (const Json& point : measured["points"]) {
      progress.say(training.name + " on " + std::to_string(accuracies.size()) +
                   " fresh chips after " + format_quantity(point["x"].get<double>(), "s") + ": " +
                   mean_and_spread(point["accuracy"]));
    }
    note_time("transfer " + training.name, since);
  }

  summary["cost"] = to_json(count_cost(architecture, experiment.chip.hardware(), experiment.cost));
  if (deployment.contains("methods")) folder.write_json(kDeployment, deployment);
  folder.write_json(kChip, picture_of_chip(*trainings.front().method));
  folder.write_json("data.json",
                    {{"name", dataset.name},
                     {"provenance", dataset.provenance},
                     {"is_synthetic", dataset.is_synthetic}});
  folder.write_json(kSummary, summary);
  timing["total"] = timing.value("total", 0.0) + seconds_since(start);
  folder.write_json(kTiming, timing);
  return summary;
}

}  // namespace crossloom
