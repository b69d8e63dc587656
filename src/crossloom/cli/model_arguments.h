#pragma once

#include <string>
#include <vector>

#include "crossloom/network/network.h"

namespace CLI {
class App;
}

namespace crossloom {

/// How a command is told which network to use.
struct ModelArguments {
  std::string model, weights, data_dir;
  std::vector<std::string> sizes;  // "input=3,224,224"
};

void add_model_options(CLI::App& command, ModelArguments& given);

/// The network with its weights. Throws `ConfigError` as `open_model`.
Network open_model(const ModelArguments& given);

/// The network as far as its layers are wanted: a built-in one needs no weights.
Network open_layers(const ModelArguments& given);

}  // namespace crossloom
