#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>

#include "crossloom/cli/commands.h"
#include "crossloom/cli/model_arguments.h"
#include "crossloom/core/errors.h"
#include "crossloom/network/onnx_export.h"
#include "crossloom/network/weight_files.h"

namespace crossloom {
namespace {

struct ConvertArguments {
  ModelArguments model;
  std::string out;
  bool fold = false;
};

void convert(const ConvertArguments& given) {
  const std::filesystem::path out = given.out;
  const bool is_onnx = out.extension() == ".onnx";
  if (!is_onnx && out.extension() != ".safetensors") {
    throw ConfigError("cannot write " + given.out +
                      " (the ending tells the format); give --out FILE.onnx, which holds the graph "
                      "too, or FILE.safetensors");
  }
  Network network = open_model(given.model);
  if (given.fold) network = fold_batch_norm(network);
  is_onnx ? write_onnx(out, network) : write_weight_file(out, network);
  std::printf("%s: %zu layers with weights\n", given.out.c_str(), network.products().size());
}

}  // namespace

void add_convert_command(CLI::App& app) {
  auto given = std::make_shared<ConvertArguments>();
  CLI::App* command =
      app.add_subcommand("convert", "write a network as ONNX, or its weights as safetensors");
  add_model_options(*command, given->model, "model");
  command->get_option("model")->required();
  command->add_option("--out", given->out, "FILE.onnx or FILE.safetensors")->required();
  command->add_flag(
      "--fold", given->fold, "fold batch normalisations into the weights before them");
  command->callback([given] { convert(*given); });
}

}  // namespace crossloom
