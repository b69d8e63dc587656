#include <algorithm>
#include <cstdio>
#include <memory>
#include <tuple>

#include <CLI/CLI.hpp>

#include "crossloom/cli/commands.h"
#include "crossloom/cli/model_arguments.h"
#include "crossloom/core/json_text.h"
#include "crossloom/experiment/chip_config.h"
#include "crossloom/network/inventory.h"

namespace crossloom {
namespace {

struct InspectArguments {
  ModelArguments model;
  ArraySize array{256, 256};
  std::string chip;
  std::vector<std::string> overrides;  // of the chip file
  bool json = false;
};

std::string join(const std::vector<std::int64_t>& sizes) {
  std::string text;
  for (const std::int64_t size : sizes) text += (text.empty() ? "" : "x") + std::to_string(size);
  return text;
}

void print_row(const LayerInventory& layer, int name_width) {
  const std::string crossbars = layer.is_analog ? std::to_string(layer.num_crossbars) : "digital";
  std::printf("%-*s %-9s %-15s %-13s %11lld %14lld %9s %8.1f %%\n",
              name_width,
              layer.name.c_str(),
              layer.kind.c_str(),
              join(layer.weight_sizes).c_str(),
              join(layer.output_sizes).c_str(),
              static_cast<long long>(layer.num_parameters),
              static_cast<long long>(layer.num_products),
              crossbars.c_str(),
              100 * layer.utilisation());
}

void print_table(const std::vector<LayerInventory>& layers, const std::string& crossbars) {
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
  print_row(total(layers), name_width);
  std::printf("\nproducts: multiply-accumulates for one example; %s\n", crossbars.c_str());
}

Json to_json(const LayerInventory& layer) {
  return {{"name", layer.name},
          {"kind", layer.kind},
          {"weight", layer.weight_sizes},
          {"output", layer.output_sizes},
          {"parameters", layer.num_parameters},
          {"products", layer.num_products},
          {"analog", layer.is_analog},
          {"crossbars", layer.num_crossbars},
          {"cells", layer.used_cells},
          {"utilisation", layer.utilisation()}};
}

Json to_json(const Network& network, const std::vector<LayerInventory>& layers) {
  Json inputs = Json::array();
  for (const NetworkInput& input : network.inputs()) {
    inputs.push_back({{"name", input.name}, {"size", input.sizes}});
  }
  Json listed = Json::array();
  for (const LayerInventory& layer : layers) listed.push_back(to_json(layer));
  return {{"name", network.name()},
          {"inputs", inputs},
          {"layers", listed},
          {"total", to_json(total(layers))}};
}

std::string crossbars_in_words(const ArraySize& array, const WeightFootprint& footprint) {
  return "crossbars of " + std::to_string(array.num_rows) + " x " + std::to_string(array.num_cols) +
         " cells, " + std::to_string(footprint.num_cells) + " for each weight";
}

void inspect(const InspectArguments& given) {
  if (given.chip.empty() && !given.overrides.empty()) {
    throw ConfigError("--set without --chip (it changes a chip file); give --chip FILE");
  }
  const Network network = open_layers(given.model);
  std::vector<LayerInventory> layers;
  Json array_values;
  std::string crossbars;
  if (given.chip.empty()) {
    ArraySize array;
    ParamList params;
    array.describe(params);
    params.assign({{"num_rows", given.array.num_rows}, {"num_cols", given.array.num_cols}});
    layers = take_inventory(network, array);
    crossbars = crossbars_in_words(array, WeightFootprint());
    array_values = {{"num_rows", array.num_rows}, {"num_cols", array.num_cols}};
  } else {
    ChipConfig chip = load_chip_config(given.chip, given.overrides);
    layers = take_inventory(network, chip.place(network));
    const Hardware& hardware = chip.hardware();
    crossbars = crossbars_in_words(hardware.array, hardware.mapping.footprint()) +
                (chip.values().contains("layer") ? ", but for layers of their own" : "");
    array_values = {{"num_rows", hardware.array.num_rows}, {"num_cols", hardware.array.num_cols}};
  }
  if (!given.json) {
    print_table(layers, crossbars);
    return;
  }
  Json found = to_json(network, layers);
  found["array"] = array_values;
  std::printf("%s\n", to_text(found, 2).c_str());
}

}  // namespace

void add_inspect_command(CLI::App& app) {
  auto given = std::make_shared<InspectArguments>();
  CLI::App* command =
      app.add_subcommand("inspect", "the layers of a network and the crossbars they need");
  add_model_options(*command, given->model, "model");
  command->get_option("model")->required();
  CLI::Option* chip =
      command->add_option("--chip", given->chip, "chip file (TOML): its crossbars, its layers");
  command->add_option("--set", given->overrides, "section.key=value, wins over the chip file");
  for (const auto& [name, size, what] :
       {std::tuple("--rows", &given->array.num_rows, "rows of one crossbar"),
        std::tuple("--cols", &given->array.num_cols, "columns of one crossbar")}) {
    command->add_option(name, *size, what)->excludes(chip);
  }
  command->add_flag("--json", given->json, "for programs");
  command->callback([given] { inspect(*given); });
}

}  // namespace crossloom
