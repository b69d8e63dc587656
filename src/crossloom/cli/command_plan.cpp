#include <algorithm>
#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>

#include "crossloom/cli/commands.h"
#include "crossloom/cli/console_progress.h"
#include "crossloom/cli/plan_arguments.h"
#include "crossloom/core/interrupt.h"
#include "crossloom/core/json_text.h"
#include "crossloom/core/threads.h"
#include "crossloom/core/units.h"
#include "crossloom/device/device.h"
#include "crossloom/report/report.h"

namespace crossloom {
namespace {

double number(const Json& json, const char* key) {
  return json.at(key).get<double>();
}

double percent(const Json& json, const char* key) {
  return 100 * number(json, key);
}

std::uint64_t writes(const Json& json) {
  return json.at("set").get<std::uint64_t>() + json.at("reset").get<std::uint64_t>();
}

void print_layers(const Json& layers) {
  std::printf("%-36s %10s %9s %7s %12s %8s %10s\n",
              "layer",
              "weights",
              "sections",
              "budget",
              "writes/pass",
              "RMSE",
              "routing");
  for (const Json& layer : layers) {
    std::printf("%-36s %10lld %9lld %7lld %12llu %6.2f %% %6.1f bit\n",
                layer.at("name").get<std::string>().c_str(),
                layer.at("weights").get<long long>(),
                layer.at("sections").get<long long>(),
                layer.at("budget").get<long long>(),
                static_cast<unsigned long long>(writes(layer.at("transition")) +
                                                writes(layer.at("stream"))),
                percent(layer, "rmse"),
                number(layer, "routing_bits"));
  }
}

void print_accuracy(const Json& accuracy, const Json& exact) {
  for (const auto& item : accuracy.items()) {
    std::printf("  %s %.2f %%", item.key().c_str(), 100 * item.value().get<double>());
    if (exact.contains(item.key())) {
      std::printf(" (exact %.2f %%)", 100 * exact.at(item.key()).get<double>());
    }
  }
  std::printf("\n");
}

void print_plan(const Json& summary) {
  const Json& cost = summary.at("cost");
  print_layers(cost.at("layers"));
  std::printf("\n%lld weights, %.3f writes per weight and pass, weight error %.2f %% of rms\n",
              cost.at("weights").get<long long>(),
              number(cost, "writes_per_weight"),
              percent(cost, "rmse"));
  std::printf("first load %llu writes; routing %.1f + %.1f sign bits per weight\n",
              static_cast<unsigned long long>(writes(cost.at("first_load"))),
              number(cost, "routing_bits"),
              number(cost, "sign_bits"));
  std::printf("wear: most written cell / mean %.2f levelled over %lld passes, %.2f without\n",
              number(cost.at("wear"), "max_over_mean"),
              cost.at("wear").at("passes").get<long long>(),
              number(cost.at("unlevelled_wear"), "max_over_mean"));
  const long long batch = cost.at("batch").get<long long>();
  std::printf("energy %s, time %s per pass of %lld input%s; lifetime %.3g inferences\n",
              format_quantity(number(cost, "energy_per_pass_J"), "J").c_str(),
              format_quantity(number(cost, "time_per_pass_s"), "s").c_str(),
              batch,
              batch == 1 ? "" : "s",
              number(cost, "lifetime_inferences"));
  if (summary.contains("accuracy")) {
    std::printf("on %lld examples (%s):\n",
                summary.at("examples").get<long long>(),
                summary.at("data").get<std::string>().c_str());
    print_accuracy(summary.at("accuracy"), summary.at("exact"));
  }
  std::printf("%.2f times fewer writes than natural order at %lld bits\n",
              number(summary, "gain"),
              summary.at("options").at("bits").get<long long>());
}

void print_comparison(const Json& summary) {
  const bool has_accuracy = summary.contains("exact");
  const std::string figure = has_accuracy ? summary.at("exact").begin().key() : "";
  std::printf("%-42s %8s %9s %10s %9s", "scheme", "gain", "RMSE", "max/mean", "routing");
  if (has_accuracy) std::printf(" %8s %10s", figure.c_str(), "agreement");
  std::printf("\n");
  for (const Json& row : summary.at("rows")) {
    std::printf("%-42s %6.2f x %7.2f %% %10.2f %5.1f bit",
                row.at("name").get<std::string>().c_str(),
                number(row, "gain"),
                percent(row, "rmse"),
                number(row, "max_over_mean_wear"),
                number(row, "routing_bits"));
    if (has_accuracy) {
      std::printf(" %6.2f %% %8.2f %%",
                  percent(row.at("accuracy"), figure.c_str()),
                  percent(row.at("accuracy"), "agreement"));
    }
    std::printf("\n");
  }
  std::printf(
      "gain: writes per pass of natural order at %lld bits / those of the scheme; max/mean: of the "
      "wear of a cell, without levelling\n",
      summary.at("bits").get<long long>());
  if (has_accuracy) {
    std::printf("exact network: %s %.2f %% on %lld examples\n",
                figure.c_str(),
                percent(summary.at("exact"), figure.c_str()),
                summary.at("examples").get<long long>());
  }
}

void print_replay(const Json& result) {
  const bool is_lossless = result.at("is_lossless").get<bool>();
  const long long differences = result.at("differences").get<long long>();
  std::printf("replayed %s on %lld example%s: %lld cells written\n",
              result.at("model").get<std::string>().c_str(),
              result.at("examples").get<long long>(),
              result.at("examples").get<long long>() == 1 ? "" : "s",
              result.at("cells_written").get<long long>());
  std::printf("%lld integer products, %lld differ from those of %s\n",
              result.at("products").get<long long>(),
              differences,
              is_lossless ? "the network's codes" : "the planned weights");
  std::printf(
      "largest error of a weight %lld steps; outputs off by %.2f %% of the exact ones, "
      "agreement %.2f %%\n",
      result.at("largest_weight_error").get<long long>(),
      percent(result, "output_error"),
      percent(result, "agreement"));
  if (differences > 0 || (is_lossless && result.at("largest_weight_error") != 0)) {
    throw std::runtime_error("the replay does not give the network's products (see above)");
  }
}

/// Runs `work`, prints what it returns, and writes the report of its folder.
template <class Work, class Print>
void run_and_print(const PlanArguments& given, const Work& work, const Print& print) {
  use_threads(given.threads);
  Json result;
  {
    ConsoleProgress progress;
    try {
      result = work(plan_request(given), progress);
    } catch (const Interrupted&) {
      throw Interrupted(given.out.empty() ? "stopped; the work is kept, and can be resumed, with "
                                            "--out FOLDER"
                                          : "stopped; go on with the same command and --resume");
    }
  }
  given.is_json ? (void)std::printf("%s\n", to_text(result, 2).c_str()) : print(result);
  if (given.out.empty()) return;
  const auto report = write_report(given.out);
  if (!given.is_json) std::printf("report: %s\n", report.c_str());
}

void add_compare(CLI::App& plan) {
  auto given = std::make_shared<PlanArguments>();
  auto patterns = std::make_shared<std::vector<std::string>>();
  CLI::App* command =
      plan.add_subcommand("compare", "orders, row assignments and budgets side by side");
  add_subject_options(*command, *given);
  add_pool_options(*command, *given);
  add_code_options(*command, *given);
  command->add_option("--schemes", *patterns, "names of schemes, * for any characters; default all")
      ->delimiter(',');
  command->callback([given, patterns] {
    const auto work = [&](const PlanRequest& request, Progress& progress) {
      return run_comparison(request, *patterns, progress);
    };
    run_and_print(*given, work, print_comparison);
  });
}

void add_replay(CLI::App& plan) {
  auto given = std::make_shared<PlanArguments>();
  auto path = std::make_shared<std::string>();
  CLI::App* command = plan.add_subcommand(
      "replay", "execute a plan on simulated cells and compare its integer products");
  command->add_option("plan", *path, "plan file")->required();
  add_subject_options(*command, *given);
  command->callback([given, path] {
    const auto work = [&](const PlanRequest& request, Progress& progress) {
      return replay_plan(request, *path, progress);
    };
    run_and_print(*given, work, print_replay);
  });
}

void add_export(CLI::App& plan) {
  struct ExportArguments {
    std::string plan, device, out;
  };
  auto given = std::make_shared<ExportArguments>();
  CLI::App* command = plan.add_subcommand(
      "export", "the writes of a plan as conductances, for the programmer of a chip");
  command->add_option("plan", given->plan, "plan file")->required();
  command->add_option("--device", given->device, "device model, for its range of conductances")
      ->required();
  command->add_option("--out", given->out, "CSV file")->required();
  command->callback([given] {
    const std::int64_t lines = export_plan(given->plan, given->out, Device(given->device).range());
    std::printf("%lld writes: %s\n", static_cast<long long>(lines), given->out.c_str());
  });
}

struct ReadingArguments {
  std::vector<std::string> draws = {"gauss", "laplace", "student5", "student3"};
  std::vector<std::int64_t> bits = {8, 10, 14};
  std::vector<std::int64_t> num_crossbars = {1, 4, 8, 16, 32};
  std::int64_t seed = 1;
  int threads = 0;
};

void print_reading(const ReadingArguments& given) {
  use_threads(given.threads);
  const std::pair<const char*, std::vector<LayerShape>> networks[] = {
      {"ResNet-50", resnet50_shapes()}, {"ViT-Base", vit_base_shapes()}};
  std::printf(
      "writes of natural order / of the layer-wide sort R1, rows by rank, 128 rows, "
      "sections dealt strided over\n%-10s %-10s %5s",
      "",
      "",
      "");
  for (const std::int64_t count : given.num_crossbars) {
    std::printf(" %7lld", static_cast<long long>(count));
  }
  std::printf(" crossbars\n");
  for (const auto& [name, draw] : weight_draws()) {
    if (std::find(given.draws.begin(), given.draws.end(), name) == given.draws.end()) continue;
    for (const std::int64_t bits : given.bits) {
      for (const auto& [network, shapes] : networks) {
        throw_if_interrupted();
        const Reading reading{shapes, draw, bits, 128, Order::kR1, given.num_crossbars};
        const std::vector<double> gains =
            reading_gains(reading, Rng(static_cast<std::uint64_t>(given.seed)));
        std::printf("%-10s %-10s %5lld", network, name.c_str(), static_cast<long long>(bits));
        for (const double gain : gains) std::printf(" %7.2f", gain);
        std::printf("\n");
        std::fflush(stdout);
      }
    }
  }
}

void add_reading(CLI::App& plan) {
  auto given = std::make_shared<ReadingArguments>();
  CLI::App* command = plan.add_subcommand(
      "reading", "the gains of arXiv:2410.21730 for what it leaves open: bits, crossbars, tails");
  command->add_option("--draws", given->draws, "gauss,laplace,student5,student3")
      ->delimiter(',')
      ->check(CLI::IsMember({"gauss", "laplace", "student5", "student3"}));
  command->add_option("--bits", given->bits, "bits of a weight's magnitude")
      ->delimiter(',')
      ->check(CLI::Range(1, static_cast<int>(kMaxBits)));
  command->add_option("--crossbars", given->num_crossbars, "sizes of the pool")
      ->delimiter(',')
      ->check(CLI::Range(1, 65536));
  command->add_option("--seed", given->seed, "seed of the weights");
  command->add_option("--threads", given->threads, "threads; 0 = all processors");
  command->callback([given] { print_reading(*given); });
}

}  // namespace

void add_plan_command(CLI::App& app) {
  auto given = std::make_shared<PlanArguments>();
  CLI::App* command = app.add_subcommand(
      "plan", "plan how a network larger than the chip streams through its crossbars");
  add_subject_options(*command, *given);
  add_pool_options(*command, *given);
  add_scheme_options(*command, *given);
  add_compare(*command);
  add_replay(*command);
  add_export(*command);
  add_reading(*command);
  command->callback([given, command] {
    if (command->get_subcommands().empty()) run_and_print(*given, run_plan, print_plan);
  });
}

}  // namespace crossloom
