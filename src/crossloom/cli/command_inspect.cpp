#include <algorithm>
#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>

#include "crossloom/cli/commands.h"
#include "crossloom/cli/model_arguments.h"
#include "crossloom/core/json_text.h"
#include "crossloom/network/inventory.h"

namespace crossloom {
namespace {

struct InspectArguments {
  ModelArguments model;
  ArraySize array{256, 256};
  bool json = false;
};

std::string join(const std::vector<std::int64_t>& sizes) {
  std::string text;
  for (const std::int64_t size : sizes) text += (text.empty() ? "" : "x") + std::to_string(size);
  return text;
}

void print_row(const LayerInventory& layer, int name_width) {
  std::printf("%-*s %-9s %-15s %-13s %11lld %14lld %9lld %8.1f %%\n",
              name_width,
              layer.name.c_str(),
              layer.kind.c_str(),
              join(layer.weight_sizes).c_str(),
              join(layer.output_sizes).c_str(),
              static_cast<long long>(layer.num_parameters),
              static_cast<long long>(layer.num_products),
              static_cast<long long>(layer.num_crossbars),
              100 * layer.utilisation);
}

void print_table(const std::vector<LayerInventory>& layers, const ArraySize& array) {
  std::size_t width = 5;
  for (const LayerInventory& layer : layers) width = std::max(width, layer.name.size());
  const int name_width = static_cast<int>(width);
  std::printf("%-*s %-9s %-15s %-13s %11s %14s %9s %10s\n",
              name_width,
              "layer",
              "kind",
              "weight",
              "output",
              "parameters",
              "products",
              "crossbars",
              "in use");
  for (const LayerInventory& layer : layers) print_row(layer, name_width);
  print_row(total(layers, array), name_width);
  std::printf(
      "\nproducts: multiply-accumulates for one example; crossbars of %lld x %lld cells, two for "
      "each weight\n",
      static_cast<long long>(array.num_rows),
      static_cast<long long>(array.num_cols));
}

Json to_json(const LayerInventory& layer) {
  return {{"name", layer.name},
          {"kind", layer.kind},
          {"weight", layer.weight_sizes},
          {"output", layer.output_sizes},
          {"parameters", layer.num_parameters},
          {"products", layer.num_products},
          {"crossbars", layer.num_crossbars},
          {"utilisation", layer.utilisation}};
}

Json to_json(const Network& network,
             const std::vector<LayerInventory>& layers,
             const ArraySize& array) {
  Json inputs = Json::array();
  for (const NetworkInput& input : network.inputs()) {
    inputs.push_back({{"name", input.name}, {"size", input.sizes}});
  }
  Json listed = Json::array();
  for (const LayerInventory& layer : layers) listed.push_back(to_json(layer));
  return {{"name", network.name()},
          {"inputs", inputs},
          {"array", {{"num_rows", array.num_rows}, {"num_cols", array.num_cols}}},
          {"layers", listed},
          {"total", to_json(total(layers, array))}};
}

void inspect(const InspectArguments& given) {
  ArraySize array;
  ParamList params;
  array.describe(params);
  params.assign({{"num_rows", given.array.num_rows}, {"num_cols", given.array.num_cols}});
  const Network network = open_layers(given.model);
  const std::vector<LayerInventory> layers = take_inventory(network, array);
  if (given.json) {
    std::printf("%s\n", to_text(to_json(network, layers, array), 2).c_str());
  } else {
    print_table(layers, array);
  }
}

}  // namespace

void add_inspect_command(CLI::App& app) {
  auto given = std::make_shared<InspectArguments>();
  CLI::App* command =
      app.add_subcommand("inspect", "the layers of a network and the crossbars they need");
  add_model_options(*command, given->model, "model");
  command->get_option("model")->required();
  command->add_option("--rows", given->array.num_rows, "rows of one crossbar");
  command->add_option("--cols", given->array.num_cols, "columns of one crossbar");
  command->add_flag("--json", given->json, "for programs");
  command->callback([given] { inspect(*given); });
}

}  // namespace crossloom
