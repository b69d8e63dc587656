#pragma once

#include <string>
#include <vector>

#include "crossloom/network/onnx_import.h"

namespace CLI {
class App;
}

namespace crossloom {

/// How a command is told which network to use.
struct ModelArguments {
  std::string model, weights, data_dir;
  std::vector<std::string> sizes;  // "input=3,224,224"
  std::vector<double> mean, std;   // of the channels of images
};

/// `model` is how the network itself is given, such as "--model".
void add_model_options(CLI::App& command, ModelArguments& given, const std::string& model);

/// What an ONNX file does not tell of its inputs.
OnnxOptions onnx_options(const ModelArguments& given);

/// The network with its weights. Throws `ConfigError` as `open_model`.
Network open_model(const ModelArguments& given);

/// The network as far as its layers are wanted: a built-in one needs no weights.
Network open_layers(const ModelArguments& given);

}  // namespace crossloom
