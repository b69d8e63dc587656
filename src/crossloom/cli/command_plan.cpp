#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>

#include "crossloom/cli/commands.h"
#include "crossloom/cli/console_progress.h"
#include "crossloom/cli/help.h"
#include "crossloom/core/tensor_files.h"
#include "crossloom/core/threads.h"
#include "crossloom/core/units.h"
#include "crossloom/programming/network_plan.h"
#include "crossloom/programming/studies.h"

namespace crossloom {
namespace {

struct PlanArguments {
  std::string weights, out;
  std::vector<std::int64_t> pool_size;  // crossbars, rows, columns
  std::vector<std::string> settings;
  std::int64_t bits = 10;
};

using WeightList = std::vector<std::pair<std::string, Tensor>>;

WeightList read_weights(const std::string& path) {
  const TensorMap tensors = read_safetensors(path).tensors;
  require_finite(tensors, path);
  WeightList weights = product_weights(tensors);
  if (weights.empty()) {
    throw ConfigError(path +
                      " holds no weights of products (tensors named *.weight with two or four "
                      "indices); give the weights of a network");
  }
  return weights;
}

CrossbarPool read_pool(const PlanArguments& given) {
  CrossbarPool pool;
  if (!given.pool_size.empty()) {
    Json values = {{"num_crossbars", given.pool_size[0]},
                   {"num_rows", given.pool_size[1]},
                   {"num_cols", given.pool_size[2]}};
    ParamList params;
    pool.describe(params);
    params.assign(values);
  }
  return pool;
}

/// Assigns the settings "key=value" to whichever of `lists` declares the key.
void assign_settings(const std::vector<std::string>& settings, std::vector<ParamList*> lists) {
  for (const std::string& setting : settings) {
    const auto equals = setting.find('=');
    const std::string key = setting.substr(0, equals);
    if (equals == std::string::npos) {
      throw ConfigError("cannot use --set " + setting + " (not of the form key=value); see --help");
    }
    Json value = Json::parse(setting.substr(equals + 1), nullptr, false);
    if (value.is_discarded()) value = setting.substr(equals + 1);
    bool is_known = false;
    std::string names;
    for (ParamList* list : lists) {
      for (const Param& param : list->all()) {
        names += (names.empty() ? "" : ", ") + param.name;
        if (param.name != key) continue;
        param.set(value);
        is_known = true;
      }
    }
    if (!is_known) {
      throw ConfigError("unknown parameter '" + key +
                        "' (not declared for a plan); use one of: " + names);
    }
  }
}

void print_cost(const PlanCost& cost) {
  std::printf("%-32s %10s %9s %12s %8s %9s\n",
              "layer",
              "weights",
              "sections",
              "writes/pass",
              "RMSE",
              "routing");
  for (const LayerCost& layer : cost.layers) {
    std::printf("%-32s %10lld %9lld %12llu %6.2f %% %5.1f bit\n",
                layer.name.c_str(),
                static_cast<long long>(layer.num_weights),
                static_cast<long long>(layer.num_sections),
                static_cast<unsigned long long>(layer.writes()),
                100 * layer.rmse,
                layer.routing_bits);
  }
  std::printf("\n%lld weights, %.3f writes per weight and pass, weight error %.2f %% of rms\n",
              static_cast<long long>(cost.num_weights),
              cost.writes_per_weight(),
              100 * cost.rmse);
  std::printf("first load %llu writes; routing %.1f + %.1f sign bits per weight\n",
              static_cast<unsigned long long>(cost.first_load.total()),
              cost.routing_bits,
              cost.sign_bits);
  std::printf("wear: most written cell / mean %.2f levelled, %.2f not; lifetime %.3g inferences\n",
              cost.wear.max_over_mean(),
              cost.unlevelled_max_over_mean,
              cost.lifetime);
  std::printf("energy %s, time %s per pass\n",
              format_quantity(cost.energy, "J").c_str(),
              format_quantity(cost.time, "s").c_str());
}

void plan(const PlanArguments& given) {
  use_threads(0);
  CrossbarPool pool = read_pool(given);
  PlanOptions options;
  options.bits = given.bits;
  WriteCost write_cost;
  ParamList pool_params, option_params, cost_params;
  pool.describe(pool_params);
  options.describe(option_params);
  write_cost.describe(cost_params);
  assign_settings(given.settings, {&pool_params, &option_params, &cost_params});
  const WeightList network = read_weights(given.weights);
  ConsoleProgress progress;
  const PlanCost cost =
      plan_network(network, pool, options, write_cost, given.out, [&](std::size_t done) {
        progress.step(
            "plan", static_cast<std::int64_t>(done), static_cast<std::int64_t>(network.size()));
      });
  progress.say("");
  print_cost(cost);
  if (!given.out.empty()) std::printf("plan: %s\n", given.out.c_str());
}

void compare_schemes(const PlanArguments& given) {
  use_threads(0);
  const WeightList network = read_weights(given.weights);
  std::printf("%-44s %8s %9s %14s %10s\n", "scheme", "gain", "RMSE", "max/mean wear", "routing");
  for (const Scheme& scheme : standard_schemes(given.bits)) {
    const Comparison row = compare(network, {scheme}, read_pool(given), given.bits).back();
    std::printf("%-44s %6.2f x %7.2f %% %14.2f %6.1f bit\n",
                row.name.c_str(),
                row.gain,
                100 * row.cost.rmse,
                row.cost.unlevelled_max_over_mean,
                row.cost.routing_bits);
    std::fflush(stdout);
  }
  std::printf(
      "gain: writes per pass of natural order at %lld bits / those of the scheme; wear without "
      "levelling\n",
      static_cast<long long>(given.bits));
}

std::string list_parameters() {
  CrossbarPool pool;
  PlanOptions options;
  WriteCost cost;
  ParamList params;
  pool.describe(params);
  options.describe(params);
  cost.describe(params);
  return "\nParameters for --set:\n" + describe_params(params);
}

void add_common_options(CLI::App& command, PlanArguments& given) {
  command.add_option("--weights", given.weights, "weights of the network (.safetensors)");
  command.add_option("--pool", given.pool_size, "crossbars,rows,columns")
      ->delimiter(',')
      ->expected(3);
  command.add_option("--bits", given.bits, "bits of a weight, sign apart");
}

void require_weights(const PlanArguments& given) {
  if (given.weights.empty()) {
    throw ConfigError(
        "no weights to plan for (--weights is missing); give --weights FILE.safetensors");
  }
}

}  // namespace

void add_plan_command(CLI::App& app) {
  auto given = std::make_shared<PlanArguments>();
  CLI::App* command = app.add_subcommand(
      "plan", "plan how a network larger than the chip streams through its crossbars");
  add_common_options(*command, *given);
  command->add_option("--set", given->settings, "key=value, see below")->take_all();
  command->add_option("--out", given->out, "plan file");
  command->footer(&list_parameters);
  CLI::App* comparison =
      command->add_subcommand("compare", "orders, row assignments and budgets side by side");
  add_common_options(*comparison, *given);
  command->callback([given, comparison] {
    require_weights(*given);
    comparison->parsed() ? compare_schemes(*given) : plan(*given);
  });
}

}  // namespace crossloom
