#pragma once

#include <filesystem>
#include <string>

#include "crossloom/network/network.h"

namespace crossloom {

/// The weights in a file, by name: safetensors, or a PyTorch state dict (.pth, .pt, .th). Throws
/// `ConfigError` when the file is missing, damaged, or of another kind.
TensorMap read_weight_file(const std::filesystem::path& path);

/// The built-in architecture `name` with the weights of `path`. A file whose batch normalisations
/// are folded into its products already fits too.
Network load_network(const std::string& name, const std::filesystem::path& path);

/// Writes what training made of `network` to a safetensors file: weights, biases, scales and the
/// statistics of batch normalisations, but not the constants of its graph.
void write_weight_file(const std::filesystem::path& path, const Network& network);

}  // namespace crossloom
