#pragma once

#include <filesystem>

#include "crossloom/core/tensor_files.h"

namespace crossloom {

/// The floating-point tensors of a state dict that PyTorch saved (.pth, .pt, .th), by name. The
/// dict may be kept under "state_dict", "model_state_dict" or "model"; "module." before every name,
/// as DataParallel writes it, is left out.
///
/// Nothing in the file is executed: objects other than tensors and containers are skipped. Throws
/// `ConfigError` on damaged files, on those of PyTorch before 1.6, and where no state dict is.
TensorMap read_pytorch_weights(const std::filesystem::path& path);

}  // namespace crossloom
