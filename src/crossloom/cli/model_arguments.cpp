#include "crossloom/cli/model_arguments.h"

#include <charconv>

#include <CLI/CLI.hpp>

#include "crossloom/core/errors.h"
#include "crossloom/network/architectures.h"
#include "crossloom/network/model.h"

namespace crossloom {
namespace {

[[noreturn]] void refuse_size(const std::string& text) {
  throw ConfigError("cannot use --size " + text +
                    " (not of the form input=3,224,224); give the sizes of one example");
}

std::vector<std::int64_t> parse_sizes(const std::string& text, const char* begin, const char* end) {
  std::vector<std::int64_t> sizes;
  while (true) {
    std::int64_t size = 0;
    const auto [stop, error] = std::from_chars(begin, end, size);
    if (error != std::errc() || size < 1) refuse_size(text);
    sizes.push_back(size);
    if (stop == end) return sizes;
    if (*stop != ',') refuse_size(text);
    begin = stop + 1;
  }
}

}  // namespace

OnnxOptions onnx_options(const ModelArguments& given) {
  OnnxOptions options;
  if (given.mean.size() != given.std.size()) {
    throw ConfigError("--mean has " + std::to_string(given.mean.size()) + " numbers and --std " +
                      std::to_string(given.std.size()) + " (each channel has both); give as many");
  }
  if (!given.mean.empty()) options.scaling = InputScaling{given.mean, given.std};
  for (const std::string& text : given.sizes) {
    const auto equals = text.rfind('=');
    if (equals == std::string::npos) refuse_size(text);
    options.sizes[text.substr(0, equals)] =
        parse_sizes(text, text.data() + equals + 1, text.data() + text.size());
  }
  return options;
}

void add_model_options(CLI::App& command, ModelArguments& given, const std::string& model) {
  command.add_option(model, given.model, "an .onnx file, or the name of a built-in network");
  command.add_option(
      "--weights", given.weights, "weights: .safetensors, or a state dict of PyTorch (.pth, .pt)");
  command.add_option("--data-dir", given.data_dir, "where data and weights/ are looked for first");
  command
      .add_option(
          "--mean", given.mean, "an .onnx file takes (level / 255 - mean) / std: 0.485,0.456,0.406")
      ->delimiter(',');
  command.add_option("--std", given.std, "0.229,0.224,0.225; see --mean")
      ->delimiter(',')
      ->check(CLI::PositiveNumber);
  command
      .add_option(
          "--size", given.sizes, "input=3,224,224: one example, where the file leaves it open")
      ->take_all();
}

Network open_model(const ModelArguments& given) {
  return open_model(given.model, given.weights, given.data_dir, onnx_options(given));
}

Network open_layers(const ModelArguments& given) {
  const bool is_built_in = !is_onnx_path(given.model);
  return is_built_in && given.weights.empty() ? make_network(architecture_name(given.model))
                                              : open_model(given);
}

}  // namespace crossloom
