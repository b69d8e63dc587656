#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>

#include "crossloom/cli/commands.h"
#include "crossloom/cli/console_progress.h"
#include "crossloom/cli/help.h"
#include "crossloom/core/interrupt.h"
#include "crossloom/core/threads.h"
#include "crossloom/core/units.h"
#include "crossloom/experiment/run.h"
#include "crossloom/report/report.h"

namespace crossloom {
namespace {

struct RunArguments {
  std::string experiment;
  std::vector<std::string> overrides;
  std::string out;
  std::string data_dir;
  std::int64_t seed = -1;
  int threads = 0;
  bool resume = false;
  bool offline = false;
};

void run(const RunArguments& given) {
  use_threads(given.threads);
  std::vector<std::string> overrides = given.overrides;
  if (given.seed >= 0) overrides.push_back("experiment.seed=" + std::to_string(given.seed));
  Experiment experiment = load_experiment(given.experiment, overrides);
  RunOptions options;
  options.out = given.out.empty()
                    ? "runs/" + experiment.name + "-seed" + std::to_string(experiment.seed)
                    : given.out;
  options.may_resume = given.resume;
  options.data.data_dir = given.data_dir;
  options.data.may_download = !given.offline;
  ConsoleProgress progress;
  Json summary;
  try {
    summary = run_experiment(experiment, options, progress);
  } catch (const Interrupted&) {
    throw Interrupted("stopped; go on with the same command and --resume (the run is in " +
                      options.out.string() + ")");
  }
  const auto report = write_report(options.out);
  std::printf("%s, seed %lld%s\n",
              experiment.name.c_str(),
              static_cast<long long>(experiment.seed),
              summary["data"]["is_synthetic"].get<bool>()
                  ? "   NOT REAL DATA: generated digits stand in for MNIST"
                  : "");
  for (const auto& item : summary["training"].items()) {
    std::printf("  %-18s accuracy %.2f %%",
                item.key().c_str(),
                100 * item.value()["accuracy"].get<double>());
    if (item.value().contains("updates_per_weight")) {
      std::printf(", %.2f updates per weight", item.value()["updates_per_weight"].get<double>());
    }
    std::printf("\n");
  }
  if (summary.contains("transfer")) {
    for (const auto& item : summary["transfer"].items()) {
      for (const Json& point : item.value()["points"]) {
        const Json& accuracy = point["accuracy"];
        std::printf("  %-18s on %lld fresh chips after %s: %.2f +- %.2f %%\n",
                    item.key().c_str(),
                    accuracy["count"].get<long long>(),
                    format_quantity(point["x"].get<double>(), "s").c_str(),
                    100 * accuracy["mean"].get<double>(),
                    100 * accuracy["std"].get<double>());
      }
    }
  }
  std::printf("report: %s\n", report.c_str());
}

/// All parameters of an experiment file, from their declarations.
std::string list_parameters() {
  Experiment experiment;
  std::string text =
      "\nParameters of an experiment file, with defaults (device and method decide on "
      "theirs; see also `crossloom devices NAME`):\n";
  experiment.for_each_section([&](const std::string& section, ParamList& params) {
    text += "\n[" + section + "]\n" + describe_params(params);
  });
  return text;
}

}  // namespace

void add_run_command(CLI::App& app) {
  auto given = std::make_shared<RunArguments>();
  CLI::App* command = app.add_subcommand("run", "run an experiment file into a run folder");
  command->add_option("experiment", given->experiment, "experiment file (TOML)")->required();
  command->add_option("--set", given->overrides, "section.key=value, wins over the file")
      ->take_all();
  command->add_option("--seed", given->seed, "seed, wins over the file")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--threads", given->threads, "threads; 0 = all processors");
  command->add_option("--out", given->out, "run folder; default runs/NAME-seedSEED");
  command->add_option("--data-dir", given->data_dir, "where data are looked for first");
  command->add_flag("--resume", given->resume, "go on with a run that was stopped or killed");
  command->add_flag("--offline", given->offline, "never download data");
  command->footer(&list_parameters);
  command->callback([given] { run(*given); });
}

}  // namespace crossloom
