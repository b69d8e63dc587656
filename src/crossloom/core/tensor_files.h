#pragma once

#include <filesystem>
#include <map>
#include <string>

#include <ATen/ATen.h>

namespace crossloom {

using at::Tensor;
using TensorMap = std::map<std::string, Tensor>;

/// Named tensors with a few texts: the contents of a safetensors file.
struct TensorFile {
  TensorMap tensors;
  std::map<std::string, std::string> metadata;
};

/// Reads a safetensors file (types F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL). Throws
/// `ConfigError` when the file is missing, cut short or does not follow the format: every tensor
/// must have as many bytes as its shape says, within the file, without overlap.
/// Format: https://github.com/huggingface/safetensors
TensorFile read_safetensors(const std::filesystem::path& path);

/// Writes a safetensors file, whole or not at all.
void write_safetensors(const std::filesystem::path& path, const TensorFile& file);

/// Reads a NumPy .npy file (versions 1 to 3; float, integer and bool types, either order of
/// indices). Throws `ConfigError` as above.
Tensor read_npy(const std::filesystem::path& path);

/// Writes a NumPy .npy file (version 1), whole or not at all.
void write_npy(const std::filesystem::path& path, const Tensor& tensor);

/// Throws `ConfigError`, naming the tensor and `origin`, when one of `tensors` holds a NaN or an
/// infinity.
void require_finite(const TensorMap& tensors, const std::string& origin);

}  // namespace crossloom
