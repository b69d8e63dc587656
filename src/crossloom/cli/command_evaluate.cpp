#include <cstdio>
#include <memory>
#include <sstream>

#include <CLI/CLI.hpp>

#include "crossloom/cli/commands.h"
#include "crossloom/cli/console_progress.h"
#include "crossloom/cli/help.h"
#include "crossloom/cli/model_arguments.h"
#include "crossloom/core/interrupt.h"
#include "crossloom/core/json_text.h"
#include "crossloom/core/threads.h"
#include "crossloom/core/units.h"
#include "crossloom/experiment/chip_config.h"
#include "crossloom/experiment/evaluation_run.h"

namespace crossloom {
namespace {

struct EvaluateArguments {
  EvaluationRequest request;
  ModelArguments model;
  std::string chip, out, predictions, reference, times = "1s";
  int threads = 0;
  bool is_json = false;
  bool has_layers = false;
  bool offline = false;
};

std::vector<double> parse_times(const std::string& text) {
  std::vector<double> times;
  std::stringstream stream(text);
  std::string part;
  while (std::getline(stream, part, ',')) {
    times.push_back(parse_quantity(part, "s"));
    if (times.back() < 0) {
      throw ConfigError("invalid time '" + part + "' (before the writing); give times from 0 on");
    }
  }
  if (times.empty()) throw ConfigError("--times is empty (nothing to measure); give 1s,1h,1day");
  return times;
}

double percent(const Json& share) {
  return 100 * share.get<double>();
}

void print_table(const Json& summary) {
  std::printf("%s on %lld examples (%s)\n",
              summary["model"].get<std::string>().c_str(),
              summary["examples"].get<long long>(),
              summary["data"].get<std::string>().c_str());
  std::printf("  %-12s", "exact");
  for (const auto& item : summary["exact"].items()) {
    std::printf("  %s %.2f %%", item.key().c_str(), percent(item.value()));
  }
  std::printf("\n");
  if (!summary.contains("times")) return;
  for (const Json& row : summary["times"]) {
    std::printf("  %-12s", format_quantity(row["time_s"].get<double>(), "s").c_str());
    for (const auto& item : row.items()) {
      if (item.key() == "time_s") continue;
      std::printf("  %s %.2f +- %.2f %%",
                  item.key().c_str(),
                  percent(item.value()["mean"]),
                  percent(item.value()["std"]));
    }
    std::printf("\n");
  }
}

void print_layers(const Json& summary) {
  std::printf("  signal to noise of the products on chip 1 [dB]: of their own, with all before\n");
  for (const Json& layer : summary["layers"]) {
    std::printf("    %-40s %7.1f %7.1f\n",
                layer["name"].get<std::string>().c_str(),
                layer["own_snr_dB"].get<double>(),
                layer["total_snr_dB"].get<double>());
  }
}

void print_attention(const Json& attention) {
  std::printf(
      "  attention on crossbars: %lld products in %lld cells, %.0f writes per example; a cell is "
      "written up to once per example, so that its endurance is the life of the chip in examples\n",
      attention["products"].get<long long>(),
      attention["cells"].get<long long>(),
      attention["writes_per_example"].get<double>());
}

void print_last_line(const Json& summary) {
  const double exact = percent(summary["exact"].begin().value());
  if (!summary.contains("times")) {
    std::printf("accuracy %.2f %% (exact)\n", exact);
    return;
  }
  const Json& last = summary["times"].back();
  const Json& figure = last[summary["exact"].begin().key()];
  std::printf("accuracy %.2f %% +- %.2f %% (%lld chips, %s after programming; exact %.2f %%)\n",
              percent(figure["mean"]),
              percent(figure["std"]),
              summary["chips"].get<long long>(),
              format_quantity(last["time_s"].get<double>(), "s").c_str(),
              exact);
}

void score_file(const EvaluateArguments& given) {
  const Json scores =
      score_prediction_file(given.request.data, given.predictions, given.request.data_options);
  if (given.is_json) {
    std::printf("%s\n", to_text(scores, 2).c_str());
    return;
  }
  for (const auto& item : scores.items()) {
    std::printf("  %-12s exact %.2f %%  f1 %.2f %%  of %lld questions\n",
                item.key().c_str(),
                item.value()["exact"].get<double>(),
                item.value()["f1"].get<double>(),
                item.value()["total"].get<long long>());
  }
}

void evaluate(EvaluateArguments& given) {
  use_threads(given.threads);
  EvaluationRequest& request = given.request;
  request.model = given.model.model;
  request.weights = given.model.weights;
  request.reference = given.reference;
  request.onnx = onnx_options(given.model);
  request.chip = given.chip;
  request.out = given.out;
  request.times = parse_times(given.times);
  request.data_options.data_dir = given.model.data_dir;
  request.data_options.may_download = !given.offline;
  if (!given.predictions.empty()) return score_file(given);
  if (request.model.empty()) {
    throw ConfigError("no network is given (there is nothing to evaluate); give --model NAME");
  }
  if (request.chips > 0 && given.chip.empty()) {
    throw ConfigError(
        "no chip is given (--chips is above 0); give --chip FILE, or --chips 0 for the exact "
        "network alone");
  }
  ConsoleProgress progress;
  Json summary;
  try {
    summary = run_evaluation(request, progress);
  } catch (const Interrupted&) {
    throw Interrupted(given.out.empty()
                          ? "stopped; results are kept, and can be resumed, with --out FOLDER"
                          : "stopped; go on with the same command and --resume");
  }
  if (given.is_json) {
    std::printf("%s\n", to_text(summary, 2).c_str());
    return;
  }
  print_table(summary);
  if (given.has_layers && summary.contains("layers")) print_layers(summary);
  if (summary.contains("attention")) print_attention(summary["attention"]);
  print_last_line(summary);
}

/// All parameters of a chip file, from their declarations.
std::string list_parameters() {
  ChipConfig chip;
  std::string text = "\nParameters of a chip file, with defaults:\n";
  chip.for_each_section([&](const std::string& section, ParamList& params) {
    text += "\n[" + section + "]\n" + describe_params(params);
  });
  return text;
}

}  // namespace

void add_evaluate_command(CLI::App& app) {
  auto given = std::make_shared<EvaluateArguments>();
  CLI::App* command =
      app.add_subcommand("evaluate", "accuracy of a trained network on many simulated chips");
  EvaluationRequest& request = given->request;
  add_model_options(*command, given->model, "--model");
  command
      ->add_option("--data",
                   request.data,
                   "NAME[:FOLDER]: mnist, fashion_mnist, cifar10, cifar100, imagenet, squad, or "
                   "images:FOLDER")
      ->required();
  command->add_option("--predictions", given->predictions, "score this file of answers to squad");
  command->add_option("--reference",
                      given->reference,
                      "weights before a treatment: agreement is with their exact predictions");
  command->add_option("--chip", given->chip, "chip file (TOML)");
  command->add_option("--set", request.overrides, "section.key=value, wins over the chip file")
      ->take_all();
  command->add_option("--chips", request.chips, "number of chips; 0 = the exact network alone")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--times", given->times, "times since programming, such as 1s,1h,1day");
  command->add_option("--examples", request.count, "first examples used; 0 = all")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--batch", request.batch_size, "examples computed at once")
      ->check(CLI::PositiveNumber);
  command->add_option("--seed", request.seed, "seed of all random numbers");
  command->add_option("--threads", given->threads, "threads; 0 = all processors");
  command->add_option("--out", given->out, "folder in which results are kept as they come");
  command->add_flag("--resume", request.may_resume, "go on with the results in --out");
  command->add_flag("--layers", given->has_layers, "print the signal to noise of each product");
  command->add_flag("--json", given->is_json, "print everything as JSON");
  command->add_flag("--offline", given->offline, "never download data");
  command->footer(&list_parameters);
  command->callback([given] { evaluate(*given); });
}

}  // namespace crossloom
