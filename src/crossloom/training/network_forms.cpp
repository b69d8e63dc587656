#include "crossloom/training/network_forms.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "crossloom/core/join.h"

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
  std::vector<std::string> names;
  for (const Node& node : network.nodes()) {
    if (!node.is_input() && node.parameter < 0) names.push_back(node.name);
  }
  return join(names);
}

std::size_t find_exit(const Network& network, const std::string& name) {
  for (std::size_t i = 0; i < network.nodes().size(); ++i) {
    const Node& node = network.nodes()[i];
    if (node.name == name && !node.is_input() && node.parameter < 0) return i;
  }
  throw ConfigError("no exit can be at '" + name + "' (" + network.name() +
                    " has no such node); use one of: " + list_of_nodes(network));
}

std::size_t find_product(const Network& network, const std::string& name) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < network.products().size(); ++i) {
    if (network.product_name(i) == name) return network.product_node(i);
    names.push_back(network.product_name(i));
  }
  throw ConfigError("no product '" + name + "' can be compensated (" + network.name() +
                    " has no such product); use one of: " + join(names));
}

/// Adds the means of the images of `node`, [C, H, W] for one example, over a grid of `height` x
/// `width`.
std::size_t add_means(Network& network,
                      const std::string& name,
                      std::size_t node,
                      const std::vector<std::int64_t>& sizes,
                      std::int64_t height,
                      std::int64_t width) {
  const std::size_t across =
      network.add_parameter(name + ".across", averaging(width, sizes[2]).t().contiguous(), false);
  const std::size_t down =
      network.add_parameter(name + ".down", averaging(height, sizes[1]), false);
  const std::size_t columns = network.add_operator(name + ".columns", {node, across}, "MatMul");
  return network.add_operator(name + ".grid", {down, columns}, "MatMul");
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
  const std::size_t grid = add_means(network, name, node, sizes, size, size);
  return {network.add_operator(name + ".flatten", {grid}, "Flatten"), sizes[0] * size * size};
}

void initialise_head(StoredProduct& stored, Rng rng) {
  const double fan_out = static_cast<double>(stored.geometry.out_channels);
  stored.weight = rng.normal(stored.weight.sizes()) * std::sqrt(2 / fan_out);
}

/// A product of `in` channels behind `node` that stays off the chip.
std::size_t add_digital(Network& network,
                        const std::string& name,
                        std::size_t node,
                        std::int64_t in,
                        std::int64_t out,
                        bool is_conv) {
  const ProductGeometry geometry =
      is_conv ? ProductGeometry::conv(in, out, 1) : ProductGeometry::linear(in, out);
  const std::size_t added = network.add_product(name, node, geometry);
  network.products().back().is_digital = true;
  return added;
}

/// Adds y' of `with_compensation` for a product of `geometry` whose input is `x` and output `y`.
std::size_t add_compensation(Network& network,
                             const std::string& name,
                             const ProductGeometry& geometry,
                             std::size_t x,
                             std::size_t y,
                             std::int64_t filters,
                             Rng rng) {
  const bool is_conv = geometry.kind == ProductGeometry::Kind::kConv;
  const Json along = {{"axis", is_conv ? 1 : -1}};
  const std::int64_t channels = geometry.in_channels + geometry.out_channels;
  const std::size_t seen = network.add_operator(name + ".seen", {x, y}, "Concat", along);
  const std::size_t first =
      add_digital(network, name + ".generate", seen, channels, filters, is_conv);
  Tensor& weight = network.products().back().weight;
  weight = rng.normal(weight.sizes()) * std::sqrt(2.0 / static_cast<double>(channels));
  const std::size_t active = network.add_operator(name + ".relu", {first}, "Relu");
  const std::size_t both = network.add_operator(name + ".both", {y, active}, "Concat", along);
  const std::size_t second = add_digital(network,
                                         name + ".correct",
                                         both,
                                         geometry.out_channels + filters,
                                         geometry.out_channels,
                                         is_conv);
  return network.add_operator(name, {y, second}, "Add");
}

std::size_t copy_product(Network& form,
                         const Network& network,
                         const Node& node,
                         std::size_t input) {
  const StoredProduct& stored = network.products()[static_cast<std::size_t>(node.product)];
  const std::size_t added = form.add_product(node.name, input, stored.geometry, stored.has_bias);
  form.products().back() = stored;
  return added;
}

/// Adds something in place of node `index`, whose inputs in the form are `inputs`, and returns what
/// its readers read; or returns `kNoInput` and adds nothing.
using Replace = std::function<std::size_t(
    Network& form, std::size_t index, const std::vector<std::size_t>& inputs)>;

/// `network` node by node, with what `replace` has instead.
Network rebuilt(const Network& network, const Replace& replace) {
  Network form(network.name());
  std::vector<std::size_t> moved;  // where the readers of each node read
  auto input = network.inputs().begin();
  for (std::size_t i = 0; i < network.nodes().size(); ++i) {
    const Node& node = network.nodes()[i];
    std::vector<std::size_t> inputs;
    for (const std::size_t k : node.inputs) inputs.push_back(k == kNoInput ? k : moved[k]);
    std::size_t added = replace(form, i, inputs);
    if (added != kNoInput) {
      moved.push_back(added);
      continue;
    }
    if (node.is_input()) {
      added = form.add_input(*input++);
    } else if (node.product >= 0) {
      added = copy_product(form, network, node, inputs[0]);
    } else if (node.parameter >= 0) {
      const Parameter& parameter = network.parameters()[static_cast<std::size_t>(node.parameter)];
      added = form.add_parameter(node.name, parameter.value, parameter.is_trainable);
    } else {
      added = form.add_operator(node.name, inputs, node.op);
    }
    moved.push_back(added);
  }
  for (const std::size_t output : network.outputs()) form.add_output(moved[output]);
  return form;
}

}  // namespace

Network with_weights(const Network& network, const ChangeWeight& change) {
  Network changed = network;
  for (std::size_t i = 0; i < changed.products().size(); ++i) {
    StoredProduct& stored = changed.products()[i];
    if (!stored.is_digital) stored.weight = change(i, stored.weight);
  }
  return changed;
}

Network with_batch_statistics(const Network& network, double momentum) {
  return rebuilt(network,
                 [&](Network& form, std::size_t i, const std::vector<std::size_t>& inputs) {
                   if (!is_operator(network, i, "BatchNormalization")) return kNoInput;
                   const Node& node = network.nodes()[i];
                   Json attributes = node.op->attributes();
                   attributes["training_mode"] = 1;
                   attributes["momentum"] = momentum;
                   return form.add_operator(node.name, inputs, node.op->kind(), attributes);
                 });
}

Network with_compensation(const Network& network,
                          const std::vector<std::string>& names,
                          std::int64_t filters,
                          Rng rng) {
  const std::vector<std::vector<std::int64_t>> sizes = network.output_sizes();
  std::set<std::size_t> chosen;
  for (const std::string& name : names) chosen.insert(find_product(network, name));
  return rebuilt(network,
                 [&](Network& form, std::size_t i, const std::vector<std::size_t>& inputs) {
                   if (chosen.count(i) == 0) return kNoInput;
                   const Node& node = network.nodes()[i];
                   const std::size_t y = copy_product(form, network, node, inputs[0]);
                   const ProductGeometry geometry = form.products().back().geometry;
                   const std::string name = node.name + ".compensation";
                   const std::vector<std::int64_t>& of_x = sizes[node.inputs[0]];
                   std::size_t x = inputs[0];
                   if (sizes[i].size() == 3 && (of_x[1] != sizes[i][1] || of_x[2] != sizes[i][2])) {
                     x = add_means(form, name, x, of_x, sizes[i][1], sizes[i][2]);
                   }
                   return add_compensation(form, name, geometry, x, y, filters, rng.fork(i));
                 });
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

Network behind(const Network& network, const std::vector<std::size_t>& chain) {
  constexpr std::size_t kDropped = 0;  // nobody who is left reads it
  return rebuilt(network, [&](Network& form, std::size_t i, const std::vector<std::size_t>&) {
    if (i == chain.back()) return form.add_input(network.inputs()[0]);
    const bool is_dropped =
        network.nodes()[i].is_input() || std::count(chain.begin(), chain.end(), i) > 0;
    return is_dropped ? kDropped : kNoInput;
  });
}

Network with_poolings_first(const Network& network) {
  const auto is_moved = [&](std::size_t node) {
    return is_operator(network, node, "Relu") &&
           is_operator(network, only_reader(network, node), "MaxPool");
  };
  return rebuilt(network,
                 [&](Network& form, std::size_t i, const std::vector<std::size_t>& inputs) {
                   if (is_moved(i)) return inputs[0];
                   const Node& node = network.nodes()[i];
                   if (!is_operator(network, i, "MaxPool") || !is_moved(node.inputs[0])) {
                     return kNoInput;
                   }
                   const Node& relu = network.nodes()[node.inputs[0]];
                   const std::size_t pooled = form.add_operator(node.name, inputs, node.op);
                   return form.add_operator(relu.name, {pooled}, relu.op);
                 });
}

bool is_operator(const Network& network, std::size_t node, const std::string& kind) {
  if (node >= network.nodes().size()) return false;
  const Operator* const op = network.nodes()[node].op.get();
  return op != nullptr && op->kind() == kind;
}

std::size_t only_reader(const Network& network, std::size_t node) {
  const std::vector<std::size_t> outputs = network.outputs();
  std::size_t count = std::count(outputs.begin(), outputs.end(), node);
  std::size_t reader = kNoInput;
  for (std::size_t i = node + 1; i < network.nodes().size(); ++i) {
    const std::vector<std::size_t>& inputs = network.nodes()[i].inputs;
    const auto reads = std::count(inputs.begin(), inputs.end(), node);
    if (reads > 0) reader = i;
    count += static_cast<std::size_t>(reads);
  }
  return count == 1 ? reader : kNoInput;
}

}  // namespace crossloom
