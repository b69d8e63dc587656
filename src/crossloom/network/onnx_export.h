#pragma once

#include <filesystem>
#include <string>

#include "crossloom/network/network.h"

namespace crossloom {

/// Writes `network` to the ONNX file `path`, opset 17, whole or not at all: graph, weights under
/// their names, and the scaling of the inputs. The size of the batch is open.
///
/// Scales of products are multiplied into their weights, and Gelu, which opset 17 lacks, is written
/// by Erf or Tanh. Throws `ConfigError` when the file would exceed 2 GB, `IoError` as `write_file`.
void write_onnx(const std::filesystem::path& path, const Network& network);

/// The contents of that file.
std::string serialise_onnx(const Network& network);

}  // namespace crossloom
