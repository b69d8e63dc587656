#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "crossloom/network/network.h"

namespace crossloom {

struct OnnxOptions {
  /// Sizes of one example, by the name of the input, where the file leaves them open. Without,
  /// dimensions named like a sequence or a length are taken as 128 and stay open.
  std::map<std::string, std::vector<std::int64_t>> sizes;

  /// How grey levels become inputs, which ONNX does not tell. Default: as a file written by
  /// crossloom says, else level / 255.
  std::optional<InputScaling> scaling;
};

/// The network in the ONNX file `path`, of opset 1 to 21. Constants are folded, decompositions of
/// exporters joined; convolutions and products with constant weights become stored products, named
/// as in the state dict of PyTorch where the file tells. The network takes batches of any size,
/// also when the file was written for a batch of one.
///
/// Throws `ConfigError` on files that are damaged, hold operators that crossloom lacks, or depend
/// on the batch.
Network read_onnx(const std::filesystem::path& path, const OnnxOptions& options = {});

/// The same from the contents of a file; external tensors are looked for beside `path`.
Network parse_onnx(const std::string& bytes,
                   const std::filesystem::path& path,
                   const OnnxOptions& options = {});

}  // namespace crossloom
