#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>

#include "crossloom/cli/commands.h"
#include "crossloom/cli/console_progress.h"
#include "crossloom/core/interrupt.h"
#include "crossloom/core/json_text.h"
#include "crossloom/core/threads.h"
#include "crossloom/experiment/study.h"
#include "crossloom/report/study_report.h"

namespace crossloom {
namespace {

struct StudyArguments {
  std::string study, out, data_dir;
  std::vector<std::string> overrides, only;
  int threads = 0;
  bool is_summary_only = false;
  bool is_json = false;
  bool offline = false;
};

/// A mean in per cent with its standard error, which one seed does not have.
std::string percent(const Json& of, const char* mean_format) {
  char text[32];
  std::snprintf(text, sizeof text, mean_format, 100 * of["mean"].get<double>());
  std::string all = text;
  const Json& error = of["standard_error"];
  if (error.is_null()) return all + " (1 seed)";
  std::snprintf(text, sizeof text, " +- %5.2f", 100 * error.get<double>());
  return all + text;
}

void print_group(const Json& group) {
  std::printf("  %-24s %8g %6lld %9lld",
              group["variant"].get<std::string>().c_str(),
              group["x"].get<double>(),
              group["seeds"].get<long long>(),
              group["collapsed"].get<long long>());
  if (!group["accuracy"].is_null()) {
    std::printf("   %-15s", percent(group["accuracy"], "%6.2f").c_str());
  }
  if (group.contains("difference") && group["difference"].is_object()) {
    std::printf("   %s", percent(group["difference"], "%+6.2f").c_str());
  }
  std::printf("\n");
}

void print_summary(const Json& summary) {
  std::printf("  %-24s %8s %6s %9s   %-15s   minus %s\n",
              "variant",
              summary["axis"].get<std::string>().c_str(),
              "seeds",
              "collapsed",
              "accuracy [%]",
              summary["baseline"].get<std::string>().c_str());
  for (const Json& group : summary["groups"]) print_group(group);
  for (const Json& outcome : summary["outcomes"]) {
    for (const char* kind : {"collapsed", "diverged", "missing"}) {
      const auto count = outcome[kind].get<long long>();
      if (count == 0) continue;
      std::printf("  %s: %lld %s\n", outcome["variant"].get<std::string>().c_str(), count, kind);
    }
  }
  std::printf(
      "accuracies are means over the seeds that did not collapse, differences over those that both "
      "variants have, +- their standard error\n");
}

void study(const StudyArguments& given) {
  use_threads(given.threads);
  const Study plan(given.study, given.overrides);
  StudyOptions options;
  options.store = given.out.empty() ? "runs/" + plan.name : given.out;
  options.only = given.only;
  options.data.data_dir = given.data_dir;
  options.data.may_download = !given.offline;
  ConsoleProgress progress;
  Json summary;
  try {
    summary = given.is_summary_only ? write_study_summary(plan, options.store)
                                    : run_study(plan, options, progress);
  } catch (const Interrupted&) {
    throw Interrupted("stopped; go on with the same command (the runs are in " +
                      options.store.string() + ")");
  }
  if (given.is_json) {
    std::printf("%s\n", to_text(summary, 1).c_str());
    return;
  }
  print_summary(summary);
  std::printf("report: %s\n", write_study_report(options.store).c_str());
}

}  // namespace

void add_study_command(CLI::App& app) {
  auto given = std::make_shared<StudyArguments>();
  CLI::App* command = app.add_subcommand(
      "study", "run variants of an experiment over seeds and conditions, and compare them");
  command->add_option("study", given->study, "study file (TOML)")->required();
  command
      ->add_option("--set",
                   given->overrides,
                   "section.key=value, wins over the file for all variants; study.seeds=[1,2] too")
      ->take_all();
  command->add_option("--only", given->only, "variants to run, such as noise,ovf; default: all")
      ->allow_extra_args(false)
      ->delimiter(',');
  command->add_option("--out", given->out, "folder of all its runs; default runs/NAME");
  command->add_option("--threads", given->threads, "threads; 0 = all processors");
  command->add_option("--data-dir", given->data_dir, "where data are looked for first");
  command->add_flag(
      "--summary", given->is_summary_only, "run nothing, sum up what is finished and report it");
  command->add_flag("--json", given->is_json, "print everything as JSON");
  command->add_flag("--offline", given->offline, "never download data");
  command->footer(
      "\nA study that was stopped goes on with the same command. Several processes can work on one "
      "folder side by side.");
  command->callback([given] { study(*given); });
}

}  // namespace crossloom
