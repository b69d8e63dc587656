#include "crossloom/network/network.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <sys/mman.h>

#include "crossloom/network/shapes.h"

namespace crossloom {
namespace {

constexpr const char* kBatchNorm = "BatchNormalization";

Tensor scale_and_shift(const Tensor& product, const StoredProduct& stored) {
  const Tensor scaled = product * stored.log_scale.exp();
  const bool is_image = stored.geometry.kind == ProductGeometry::Kind::kConv;
  return scaled + (is_image ? stored.bias.view({1, -1, 1, 1}) : stored.bias);
}

/// exp(log_scale) (x * weight) + bias with the bias added by the product itself where it can be.
Tensor exact_product(const Tensor& x, const StoredProduct& stored) {
  const bool is_plain = !stored.log_scale.requires_grad() && stored.log_scale.item<float>() == 0;
  if (!is_plain) {
    return scale_and_shift(digital_product(x, stored.weight, stored.geometry), stored);
  }
  const bool needs_bias = stored.has_bias || stored.bias.requires_grad();
  return digital_product(x, stored.weight, stored.geometry, needs_bias ? stored.bias : Tensor());
}

/// For each node the last node that needs its output.
std::vector<std::size_t> last_uses(const std::vector<Node>& nodes) {
  std::vector<std::size_t> last(nodes.size(), 0);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const std::size_t input : nodes[i].inputs) {
      if (input != kNoInput) last[input] = i;
    }
  }
  return last;
}

/// Zeros that take up memory only once they are written to, so that a network whose shapes are all
/// that matters needs next to none.
Tensor zeros_on_demand(const std::vector<std::int64_t>& sizes) {
  const std::int64_t bytes = c10::multiply_integers(sizes) * std::int64_t{sizeof(float)};
  constexpr std::int64_t kWorthIt = 1 << 20;
  if (bytes < kWorthIt) return at::zeros(sizes);
  const auto size = static_cast<std::size_t>(bytes);
  void* pages = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return at::zeros(sizes);
  return at::from_blob(pages, sizes, [size](void* memory) { ::munmap(memory, size); });
}

}  // namespace

void Network::require_before(const std::string& name, std::size_t input) const {
  TORCH_CHECK(input < nodes_.size(), "node '", name, "' takes its input from a node behind it");
}

std::size_t Network::add_input(const NetworkInput& input) {
  Node node;
  node.name = input.name;
  node.is_non_negative = std::all_of(
      input.scaling.mean.begin(), input.scaling.mean.end(), [](double mean) { return mean <= 0; });
  nodes_.push_back(node);
  inputs_.push_back(input);
  return nodes_.size() - 1;
}

std::size_t Network::add_product(const std::string& name,
                                 std::size_t input,
                                 const ProductGeometry& geometry,
                                 bool has_bias) {
  require_before(name, input);
  Node node;
  node.name = name;
  node.inputs = {input};
  node.product = static_cast<std::int64_t>(products_.size());
  nodes_.push_back(node);
  products_.push_back({geometry,
                       zeros_on_demand(geometry.weight_sizes()),
                       at::zeros({geometry.out_channels}),
                       at::zeros({}),
                       has_bias});
  return nodes_.size() - 1;
}

std::size_t Network::add_parameter(const std::string& name,
                                   const Tensor& value,
                                   bool is_trainable) {
  Node node;
  node.name = name;
  node.parameter = static_cast<std::int64_t>(parameters_.size());
  node.is_non_negative = !is_trainable && (value.numel() == 0 || value.ge(0).all().item<bool>());
  nodes_.push_back(node);
  parameters_.push_back({value, is_trainable});
  return nodes_.size() - 1;
}

std::size_t Network::add_operator(const std::string& name,
                                  std::vector<std::size_t> inputs,
                                  std::shared_ptr<const Operator> op) {
  std::vector<bool> signs;
  for (const std::size_t input : inputs) {
    if (input != kNoInput) require_before(name, input);
    signs.push_back(input == kNoInput || nodes_[input].is_non_negative);
  }
  Node node;
  node.name = name;
  node.inputs = std::move(inputs);
  node.is_non_negative = op->is_non_negative(signs);
  node.op = std::move(op);
  nodes_.push_back(node);
  return nodes_.size() - 1;
}

std::size_t Network::add_operator(const std::string& name,
                                  std::vector<std::size_t> inputs,
                                  const std::string& kind,
                                  const Json& attributes) {
  return add_operator(name, std::move(inputs), std::make_shared<Operator>(kind, attributes));
}

std::vector<std::size_t> Network::outputs() const {
  return outputs_.empty() ? std::vector<std::size_t>{nodes_.size() - 1} : outputs_;
}

std::size_t Network::find(const std::string& name) const {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].name == name) return i;
  }
  throw ConfigError("the network " + name_ + " has no node '" + name +
                    "' (nothing is called so); `crossloom inspect` lists them");
}

std::size_t Network::product_node(std::size_t index) const {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].product == static_cast<std::int64_t>(index)) return i;
  }
  TORCH_CHECK(false, "the network ", name_, " has no product ", index);
}

const std::string& Network::product_name(std::size_t index) const {
  return nodes_[product_node(index)].name;
}

bool Network::has_signed_input(std::size_t index) const {
  return !nodes_[nodes_[product_node(index)].inputs[0]].is_non_negative;
}

Tensor Network::prepare(const Tensor& images) const {
  if (inputs_.at(0).type != at::kFloat) return images;
  const auto per_channel = [](const std::vector<double>& values) {
    return at::tensor(values, at::kDouble).view({1, -1, 1, 1});
  };
  const InputScaling& scaling = inputs_.at(0).scaling;
  const Tensor std = per_channel(scaling.std);
  const Tensor factor = (1 / (255 * std)).to(at::kFloat);
  const Tensor offset = (per_channel(scaling.mean) / std).to(at::kFloat);
  return images.to(at::kFloat).mul_(factor).sub_(offset);
}

Tensor Network::product(std::size_t index, const Tensor& x, const Products& products) const {
  const StoredProduct& stored = products_[index];
  return products ? scale_and_shift(products(index, x), stored) : exact_product(x, stored);
}

Tensor Network::apply(std::size_t node,
                      const OperatorInputs& in,
                      const ComputedProducts& computed) const {
  const Operator& op = *nodes_[node].op;
  if (computed && op.kind() == "MatMul") {
    const Tensor y = computed(node, in[0], in[1]);
    if (y.defined()) return y;
  }
  return op.apply(in);
}

std::vector<Tensor> Network::forward(const std::vector<Tensor>& inputs,
                                     const Products& products,
                                     const Tap& tap,
                                     const ComputedProducts& computed) const {
  if (inputs.size() != inputs_.size()) {
    throw ConfigError("the network " + name_ + " takes " + std::to_string(inputs_.size()) +
                      " inputs (given: " + std::to_string(inputs.size()) + "); give all of them");
  }
  const std::vector<std::size_t> results = outputs();
  const std::vector<std::size_t> last = last_uses(nodes_);
  const std::set<std::size_t> kept(results.begin(), results.end());
  std::vector<Tensor> outputs(nodes_.size());
  auto next_input = inputs.begin();
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    std::vector<Tensor> arguments;
    for (const std::size_t input : node.inputs) {
      arguments.push_back(input == kNoInput ? Tensor() : outputs[input]);
      // An output is let go with the node that needs it last.
      if (input != kNoInput && last[input] == i && kept.count(input) == 0)
        outputs[input] = Tensor();
    }
    if (node.is_input()) {
      outputs[i] = *next_input++;
    } else if (node.parameter >= 0) {
      outputs[i] = parameters_[static_cast<std::size_t>(node.parameter)].value;
    } else {
      try {
        outputs[i] = node.product >= 0
                         ? product(static_cast<std::size_t>(node.product), arguments[0], products)
                         : apply(i, arguments, computed);
      } catch (const c10::Error& error) {
        throw ConfigError("node '" + node.name + "' of " + name_ + " cannot be computed (" +
                          error.what_without_backtrace() +
                          "); give inputs of the size the network is made for");
      }
    }
    if (tap) tap(i, outputs[i]);
  }
  std::vector<Tensor> chosen;
  for (const std::size_t result : results) chosen.push_back(outputs[result]);
  return chosen;
}

Tensor Network::forward(const Tensor& x, const Products& products, const Tap& tap) const {
  return as_one(forward(inputs_in(x), products, tap));
}

std::vector<Tensor> Network::inputs_in(const Tensor& x) const {
  return inputs_.size() == 1 ? std::vector<Tensor>{x} : x.unbind(1);
}

Tensor Network::as_one(const std::vector<Tensor>& outputs) {
  return outputs.size() == 1 ? outputs[0] : at::stack(outputs, -1);
}

std::vector<std::vector<std::int64_t>> Network::output_sizes() const {
  std::vector<std::vector<std::int64_t>> shapes = find_shapes(*this);
  for (std::vector<std::int64_t>& shape : shapes) {
    if (!shape.empty()) shape.erase(shape.begin());
  }
  return shapes;
}

void Network::initialise(Rng rng) {
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < products_.size(); ++i) {
    StoredProduct& stored = products_[i];
    Rng layer = rng.fork(i);
    const double bound = 1 / std::sqrt(static_cast<double>(stored.geometry.num_rows()));
    stored.weight = (2 * layer.uniform(stored.weight.sizes()) - 1) * bound;
    stored.bias = stored.has_bias ? (2 * layer.uniform(stored.bias.sizes()) - 1) * bound
                                  : at::zeros_like(stored.bias);
    stored.log_scale = at::zeros({});
  }
  constexpr double kTableSpread = 0.02;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    Tensor& value = parameters_[i].value;
    if (!parameters_[i].is_trainable || value.dim() < 2) continue;
    value = kTableSpread * rng.fork(products_.size() + i).normal(value.sizes());
  }
}

TensorMap Network::weights() const {
  TensorMap weights;
  for (const Node& node : nodes_) {
    if (node.parameter >= 0) {
      weights[node.name] =
          parameters_[static_cast<std::size_t>(node.parameter)].value.detach().clone();
    }
    if (node.product < 0) continue;
    const StoredProduct& stored = products_[static_cast<std::size_t>(node.product)];
    weights[node.name + ".weight"] = stored.weight.detach().clone();
    if (stored.has_bias) weights[node.name + ".bias"] = stored.bias.detach().clone();
    if (stored.log_scale.item<float>() != 0) {
      weights[node.name + ".scale"] = stored.log_scale.detach().exp();
    }
  }
  return weights;
}

void Network::load_weights(const TensorMap& weights, const std::string& origin) {
  const at::NoGradGuard no_grad;
  require_finite(weights, origin);
  std::set<std::string> used;
  const auto take = [&](const std::string& name, const Tensor& like) {
    const auto found = weights.find(name);
    if (found == weights.end()) {
      throw ConfigError("the weights of " + origin + " lack '" + name + "' (the network is " +
                        name_ + "); give the weights of this network");
    }
    if (found->second.sizes() != like.sizes()) {
      std::ostringstream message;
      message << "'" << name << "' of " << origin << " has the shape " << found->second.sizes()
              << " (" << name_ << " needs " << like.sizes()
              << "); give the weights of this network";
      throw ConfigError(message.str());
    }
    used.insert(name);
    return found->second.to(like.dtype()).clone();
  };
  for (const Node& node : nodes_) {
    if (node.parameter >= 0) {
      Parameter& parameter = parameters_[static_cast<std::size_t>(node.parameter)];
      const bool is_given = weights.count(node.name) > 0;
      if (parameter.is_trainable || is_given) parameter.value = take(node.name, parameter.value);
    }
    if (node.product < 0) continue;
    StoredProduct& stored = products_[static_cast<std::size_t>(node.product)];
    stored.weight = take(node.name + ".weight", stored.weight);
    if (stored.has_bias) stored.bias = take(node.name + ".bias", stored.bias);
    stored.log_scale = at::zeros({});
    if (weights.count(node.name + ".scale") > 0) {
      stored.log_scale = take(node.name + ".scale", stored.log_scale).log();
    }
  }
  std::string left;
  for (const auto& entry : weights) {
    const std::string& name = entry.first;
    const std::string counter = "num_batches_tracked";  // PyTorch's count of training steps
    const bool is_counter =
        name.size() >= counter.size() &&
        name.compare(name.size() - counter.size(), counter.size(), counter) == 0;
    if (left.empty() && used.count(name) == 0 && !is_counter) left = name;
  }
  if (!left.empty()) {
    throw ConfigError(origin + " holds '" + left + "', which " + name_ +
                      " does not have (another network?); give the weights of this network");
  }
}

Network Network::clone() const {
  Network copy = *this;
  for (StoredProduct& stored : copy.products_) {
    stored.weight = stored.weight.detach().clone();
    stored.bias = stored.bias.detach().clone();
    stored.log_scale = stored.log_scale.detach().clone();
  }
  for (Parameter& parameter : copy.parameters_) parameter.value = parameter.value.detach().clone();
  return copy;
}

bool has_batch_norm(const Network& network) {
  return std::any_of(network.nodes().begin(), network.nodes().end(), [](const Node& node) {
    return node.op != nullptr && node.op->kind() == kBatchNorm;
  });
}

}  // namespace crossloom
