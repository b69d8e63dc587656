#pragma once

#include <filesystem>
#include <string>

#include "crossloom/network/network.h"

namespace crossloom {

/// The network that a user calls `model`: a built-in architecture or an ONNX file, with the weights
/// of the file `weights`. Without one an ONNX file has its own; for a built-in architecture
/// weights/MODEL.safetensors is looked for where data are (see `search_places`). Throws
/// `ConfigError` when there is no such model, or the weights are not its own.
Network open_model(const std::string& model,
                   const std::filesystem::path& weights,
                   const std::filesystem::path& data_dir);

}  // namespace crossloom
