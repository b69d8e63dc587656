#include "crossloom/network/weight_files.h"

#include <algorithm>
#include <set>

#include "crossloom/network/architectures.h"
#include "crossloom/network/pytorch_file.h"

namespace crossloom {

TensorMap read_weight_file(const std::filesystem::path& path) {
  static const std::set<std::string> of_pytorch = {".bin", ".ckpt", ".pt", ".pth", ".th"};
  const bool is_pytorch = of_pytorch.count(path.extension().string()) > 0;
  return is_pytorch ? read_pytorch_weights(path) : read_safetensors(path).tensors;
}

void write_weight_file(const std::filesystem::path& path, const Network& network) {
  TensorFile file;
  file.tensors = network.weights();
  std::set<std::size_t> statistics;
  for (const Node& node : network.nodes()) {
    if (node.op == nullptr || node.op->kind() != "BatchNormalization") continue;
    statistics.insert(node.inputs.begin() + 3, node.inputs.end());
  }
  for (std::size_t i = 0; i < network.nodes().size(); ++i) {
    const Node& node = network.nodes()[i];
    if (node.parameter < 0 || statistics.count(i) > 0) continue;
    const Parameter& parameter = network.parameters()[static_cast<std::size_t>(node.parameter)];
    if (!parameter.is_trainable) file.tensors.erase(node.name);
  }
  write_safetensors(path, file);
}

Network load_network(const std::string& name, const std::filesystem::path& path) {
  const TensorMap weights = read_weight_file(path);
  Network network = make_network(name);
  const bool has_statistics = std::any_of(weights.begin(), weights.end(), [](const auto& entry) {
    return entry.first.find("running_mean") != std::string::npos;
  });
  if (!has_statistics) network = fold_batch_norm(network);
  network.load_weights(weights, path.string());
  return network;
}

}  // namespace crossloom
