#include "crossloom/training/method.h"

namespace crossloom {

TensorMap with_prefix(const TensorMap& tensors, const std::string& prefix) {
  TensorMap result;
  for (const auto& [name, tensor] : tensors) result[prefix + name] = tensor;
  return result;
}

TensorMap without_prefix(const TensorMap& tensors, const std::string& prefix) {
  TensorMap result;
  for (const auto& [name, tensor] : tensors) {
    if (name.compare(0, prefix.size(), prefix) == 0) result[name.substr(prefix.size())] = tensor;
  }
  return result;
}

}  // namespace crossloom
