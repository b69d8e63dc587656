#include "crossloom/training/network_forms.h"

#include <cmath>

namespace crossloom {
namespace {

/// Matrix [size, extent] that averages `extent` values in `size` windows, as adaptive average
/// pooling cuts them: from floor(i extent / size) up to ceil((i + 1) extent / size).
Tensor averaging(std::int64_t size, std::int64_t extent) {
  Tensor matrix = at::zeros({size, extent});
  for (std::int64_t i = 0; i < size; ++i) {
    const std::int64_t begin = i * extent / size;
    const std::int64_t end = ((i + 1) * extent + size - 1) / size;
    matrix[i].slice(0, begin, end).fill_(1.0 / static_cast<double>(end - begin));
  }
  return matrix;
}

std::string list_of_nodes(const Network& network) {
  std::string names;
  for (const Node& node : network.nodes()) {
    if (!node.is_input() && node.parameter < 0) names += (names.empty() ? "" : ", ") + node.name;
  }
  return names;
}

std::size_t find_exit(const Network& network, const std::string& name) {
  for (std::size_t i = 0; i < network.nodes().size(); ++i) {
    const Node& node = network.nodes()[i];
    if (node.name == name && !node.is_input() && node.parameter < 0) return i;
  }
  throw ConfigError("no exit can be at '" + name + "' (" + network.name() +
                    " has no such node); use one of: " + list_of_nodes(network));
}

/// Adds what brings the output of `node`, of `sizes` for one example, to [B, features]; returns
/// the node and the number of features.
std::pair<std::size_t, std::int64_t> add_features(Network& network,
                                                  const std::string& name,
                                                  std::size_t node,
                                                  const std::vector<std::int64_t>& sizes,
                                                  std::int64_t size) {
  if (sizes.size() == 1) return {node, sizes[0]};
  if (sizes.size() != 3) {
    throw ConfigError("no exit can be at '" + network.nodes()[node].name + "' (its output has " +
                      std::to_string(sizes.size()) +
                      " dimensions); choose a node with images or vectors");
  }
  if (size > sizes[1] || size > sizes[2]) {
    throw ConfigError("an exit of " + std::to_string(size) + " x " + std::to_string(size) +
                      " means at '" + network.nodes()[node].name + "' (its images are " +
                      std::to_string(sizes[1]) + " x " + std::to_string(sizes[2]) +
                      "); give a smaller method.exit_sizes");
  }
  const std::size_t across =
      network.add_parameter(name + ".across", averaging(size, sizes[2]).t().contiguous(), false);
  const std::size_t down = network.add_parameter(name + ".down", averaging(size, sizes[1]), false);
  const std::size_t columns = network.add_operator(name + ".columns", {node, across}, "MatMul");
  const std::size_t grid = network.add_operator(name + ".grid", {down, columns}, "MatMul");
  return {network.add_operator(name + ".flatten", {grid}, "Flatten"), sizes[0] * size * size};
}

void initialise_head(StoredProduct& stored, Rng rng) {
  const double fan_out = static_cast<double>(stored.geometry.out_channels);
  stored.weight = rng.normal(stored.weight.sizes()) * std::sqrt(2 / fan_out);
}

}  // namespace

Network with_weights(const Network& network, const ChangeWeight& change) {
  Network changed = network;
  for (std::size_t i = 0; i < changed.products().size(); ++i) {
    Tensor& weight = changed.products()[i].weight;
    weight = change(i, weight);
  }
  return changed;
}

Network with_batch_statistics(const Network& network, double momentum) {
  Network form(network.name());
  auto input = network.inputs().begin();
  for (const Node& node : network.nodes()) {
    const auto index = static_cast<std::size_t>(std::max(node.product, node.parameter));
    if (node.is_input()) {
      form.add_input(*input++);
    } else if (node.product >= 0) {
      const StoredProduct& stored = network.products()[index];
      form.add_product(node.name, node.inputs[0], stored.geometry, stored.has_bias);
      form.products().back() = stored;
    } else if (node.parameter >= 0) {
      const Parameter& parameter = network.parameters()[index];
      form.add_parameter(node.name, parameter.value, parameter.is_trainable);
    } else if (node.op->kind() == "BatchNormalization") {
      Json attributes = node.op->attributes();
      attributes["training_mode"] = 1;
      attributes["momentum"] = momentum;
      form.add_operator(node.name, node.inputs, node.op->kind(), attributes);
    } else {
      form.add_operator(node.name, node.inputs, node.op);
    }
  }
  for (const std::size_t output : network.outputs()) form.add_output(output);
  return form;
}

Network with_exits(const Network& network,
                   const std::vector<Exit>& exits,
                   std::int64_t num_classes,
                   Rng rng) {
  if (exits.empty()) return network;
  const std::vector<std::vector<std::int64_t>> sizes = network.output_sizes();
  Network form = network;
  const std::vector<std::size_t> outputs = network.outputs();
  std::vector<std::size_t> ends;
  for (std::size_t n = 0; n < exits.size(); ++n) {
    const Exit& exit = exits[n];
    const std::string name = "exit" + std::to_string(n + 1);
    const std::size_t node = find_exit(network, exit.node);
    const auto [features, count] = add_features(form, name, node, sizes[node], exit.size);
    const std::size_t hidden =
        form.add_product(name + ".fc1", features, ProductGeometry::linear(count, exit.width));
    initialise_head(form.products().back(), rng.fork(2 * n));
    const std::size_t active = form.add_operator(name + ".relu", {hidden}, "Relu");
    ends.push_back(
        form.add_product(name + ".fc2", active, ProductGeometry::linear(exit.width, num_classes)));
    initialise_head(form.products().back(), rng.fork(2 * n + 1));
  }
  // The last node is the output of a network that names none.
  const bool names_outputs = form.outputs() == outputs;
  if (!names_outputs) ends.insert(ends.begin(), outputs.begin(), outputs.end());
  for (const std::size_t end : ends) form.add_output(end);
  return form;
}

}  // namespace crossloom
