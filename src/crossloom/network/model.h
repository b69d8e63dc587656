#pragma once

#include <filesystem>
#include <string>

#include "crossloom/network/onnx_import.h"

namespace crossloom {

/// A trained network: `model` is the path of an .onnx file or the name of a built-in architecture
/// (or a short form, such as lenet5 of lenet5_mnist).
///
/// `weights` is a file that `read_weight_file` reads. Without, an ONNX file has its own; those of a
/// built-in architecture are looked for as weights/<name>.safetensors in the places of data,
/// `data_dir` first. Throws `ConfigError` when something is not there or does not fit.
Network open_model(const std::string& model,
                   const std::filesystem::path& weights = {},
                   const std::filesystem::path& data_dir = {},
                   const OnnxOptions& options = {});

/// Whether `model` is the path of an ONNX file.
bool is_onnx_path(const std::string& model);

/// The architecture that `name`, perhaps a short form, means.
std::string architecture_name(const std::string& name);

}  // namespace crossloom
