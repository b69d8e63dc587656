#include <map>

#include "crossloom/network/network.h"

namespace crossloom {
namespace {

/// Number of nodes, or outputs of the network, that need each node.
std::vector<std::int64_t> count_uses(const Network& network) {
  std::vector<std::int64_t> uses(network.nodes().size(), 0);
  for (const Node& node : network.nodes()) {
    for (const std::size_t input : node.inputs) {
      if (input != kNoInput) ++uses[input];
    }
  }
  for (const std::size_t output : network.outputs()) ++uses[output];
  return uses;
}

/// The batch normalisation that is the only one to need the product of node `product`, by the node
/// of the product.
std::map<std::size_t, std::size_t> foldable(const Network& network) {
  const std::vector<std::int64_t> uses = count_uses(network);
  std::map<std::size_t, std::size_t> norms;
  for (std::size_t i = 0; i < network.nodes().size(); ++i) {
    const Node& node = network.nodes()[i];
    if (node.op == nullptr || node.op->kind() != "BatchNormalization") continue;
    const std::size_t source = node.inputs[0];
    bool has_stored_values = true;
    for (std::size_t k = 1; k < node.inputs.size(); ++k) {
      has_stored_values &= network.nodes()[node.inputs[k]].parameter >= 0;
    }
    if (network.nodes()[source].product >= 0 && uses[source] == 1 && has_stored_values) {
      norms[source] = i;
    }
  }
  return norms;
}

/// `stored` followed by the normalisation `norm` is another product.
StoredProduct fold(const StoredProduct& stored, const Network& network, const Node& norm) {
  const auto value = [&](std::size_t input) {
    const Node& node = network.nodes()[norm.inputs[input]];
    return network.parameters()[static_cast<std::size_t>(node.parameter)].value.detach().to(
        at::kDouble);
  };
  const double epsilon = norm.op->attributes().value("epsilon", 1e-5);
  const Tensor factor = value(1) / (value(4) + epsilon).sqrt();
  std::vector<std::int64_t> per_output(static_cast<std::size_t>(stored.weight.dim()), 1);
  per_output[0] = -1;
  const Tensor scale = stored.log_scale.detach().to(at::kDouble).exp();
  StoredProduct folded = stored;
  folded.weight =
      (stored.weight.detach().to(at::kDouble) * (scale * factor).view(per_output)).to(at::kFloat);
  folded.bias =
      ((stored.bias.detach().to(at::kDouble) - value(3)) * factor + value(2)).to(at::kFloat);
  folded.log_scale = at::zeros({});
  folded.has_bias = true;
  return folded;
}

}  // namespace

Network fold_batch_norm(const Network& network) {
  const std::map<std::size_t, std::size_t> norms = foldable(network);
  std::vector<bool> is_needed(network.nodes().size(), false);
  for (const Node& node : network.nodes()) {
    const bool is_gone =
        !node.inputs.empty() && node.inputs[0] != kNoInput && norms.count(node.inputs[0]) > 0;
    for (const std::size_t input : node.inputs) {
      if (input != kNoInput && !is_gone) is_needed[input] = true;
    }
  }
  for (const std::size_t output : network.outputs()) is_needed[output] = true;
  Network folded(network.name());
  std::vector<std::size_t> moved(network.nodes().size(), kNoInput);
  const std::vector<NetworkInput>& inputs = network.inputs();
  auto next_input = inputs.begin();
  for (std::size_t i = 0; i < network.nodes().size(); ++i) {
    const Node& node = network.nodes()[i];
    std::vector<std::size_t> sources;
    for (const std::size_t input : node.inputs) {
      sources.push_back(input == kNoInput ? kNoInput : moved[input]);
    }
    if (node.is_input()) {
      moved[i] = folded.add_input(*next_input++);
    } else if (node.parameter >= 0) {
      const Parameter& parameter = network.parameters()[static_cast<std::size_t>(node.parameter)];
      if (is_needed[i]) {
        moved[i] = folded.add_parameter(
            node.name, parameter.value.detach().clone(), parameter.is_trainable);
      }
    } else if (node.product >= 0) {
      const StoredProduct& stored = network.products()[static_cast<std::size_t>(node.product)];
      const auto norm = norms.find(i);
      moved[i] = folded.add_product(node.name, sources[0], stored.geometry);
      folded.products().back() =
          norm == norms.end() ? stored : fold(stored, network, network.nodes()[norm->second]);
      if (norm != norms.end()) moved[norm->second] = moved[i];
    } else if (moved[i] == kNoInput) {
      moved[i] = folded.add_operator(node.name, sources, node.op);
    }
  }
  for (const std::size_t output : network.outputs()) folded.add_output(moved[output]);
  return folded.clone();
}

}  // namespace crossloom
