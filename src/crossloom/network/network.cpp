#include "crossloom/network/network.h"

#include <cmath>

namespace crossloom {
Network::Network(std::string name, std::vector<std::int64_t> input_size, InputScaling scaling)
    : name_(std::move(name)), input_size_(std::move(input_size)), scaling_(scaling) {
  Node input;
  input.name = "input";
  input.is_non_negative = scaling_.mean <= 0;
  nodes_.push_back(input);
}

std::size_t Network::add_product(const std::string& name,
                                 std::size_t input,
                                 const ProductGeometry& geometry) {
  TORCH_CHECK(input < nodes_.size(), "node '", name, "' takes its input from a node behind it");
  Node node;
  node.name = name;
  node.inputs = {input};
  node.product = static_cast<std::int64_t>(products_.size());
  nodes_.push_back(node);
  products_.push_back({geometry,
                       torch::zeros(geometry.weight_sizes()),
                       torch::zeros({geometry.out_channels}),
                       torch::zeros({})});
  return nodes_.size() - 1;
}

std::size_t Network::add_operator(const std::string& name,
                                  std::vector<std::size_t> inputs,
                                  std::shared_ptr<const Operator> op) {
  std::vector<bool> signs;
  for (const std::size_t input : inputs) {
    TORCH_CHECK(input < nodes_.size(), "node '", name, "' takes its input from a node behind it");
    signs.push_back(nodes_[input].is_non_negative);
  }
  Node node;
  node.name = name;
  node.inputs = std::move(inputs);
  node.is_non_negative = op->is_non_negative(signs);
  node.op = std::move(op);
  nodes_.push_back(node);
  return nodes_.size() - 1;
}

const std::string& Network::product_name(std::size_t index) const {
  for (const Node& node : nodes_) {
    if (node.product == static_cast<std::int64_t>(index)) return node.name;
  }
  TORCH_CHECK(false, "the network ", name_, " has no product ", index);
}

bool Network::has_signed_input(std::size_t index) const {
  for (const Node& node : nodes_) {
    if (node.product == static_cast<std::int64_t>(index)) {
      return !nodes_[node.inputs[0]].is_non_negative;
    }
  }
  TORCH_CHECK(false, "the network ", name_, " has no product ", index);
}

Tensor Network::prepare(const Tensor& images) const {
  return (images.to(torch::kFloat) * (1 / (255 * scaling_.std))) - scaling_.mean / scaling_.std;
}

Tensor Network::forward(const Tensor& x, const Products& products) const {
  std::vector<Tensor> outputs(nodes_.size());
  outputs[0] = x;
  for (std::size_t i = 1; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    if (node.product >= 0) {
      const auto index = static_cast<std::size_t>(node.product);
      outputs[i] = scale_and_shift(products(index, outputs[node.inputs[0]]), products_[index]);
    } else {
      std::vector<Tensor> inputs;
      for (const std::size_t input : node.inputs) inputs.push_back(outputs[input]);
      outputs[i] = node.op->apply(inputs);
    }
  }
  return outputs.back();
}

Tensor Network::forward(const Tensor& x) const {
  return forward(x, [this](std::size_t index, const Tensor& input) {
    return digital_product(input, products_[index].weight, products_[index].geometry);
  });
}

std::vector<std::vector<std::int64_t>> Network::output_sizes() const {
  const torch::NoGradGuard no_grad;
  std::vector<std::int64_t> sizes = input_size_;
  sizes.insert(sizes.begin(), 1);
  // Run one image of zeros and note the shapes on the way.
  std::vector<Tensor> outputs = {torch::zeros(sizes)};
  for (std::size_t i = 1; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    std::vector<Tensor> inputs;
    for (const std::size_t input : node.inputs) inputs.push_back(outputs[input]);
    if (node.product >= 0) {
      const StoredProduct& stored = products_[static_cast<std::size_t>(node.product)];
      outputs.push_back(digital_product(inputs[0], stored.weight, stored.geometry));
    } else {
      outputs.push_back(node.op->apply(inputs));
    }
  }
  std::vector<std::vector<std::int64_t>> result;
  for (const Tensor& output : outputs) result.push_back(output.sizes().slice(1).vec());
  return result;
}

void Network::initialise(Rng rng) {
  const torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < products_.size(); ++i) {
    StoredProduct& stored = products_[i];
    Rng layer = rng.fork(i);
    const double bound = 1 / std::sqrt(static_cast<double>(stored.geometry.num_rows()));
    stored.weight = (2 * layer.uniform(stored.weight.sizes()) - 1) * bound;
    stored.bias = (2 * layer.uniform(stored.bias.sizes()) - 1) * bound;
    stored.log_scale = torch::zeros({});
  }
}

TensorMap Network::weights() const {
  TensorMap weights;
  for (std::size_t i = 0; i < products_.size(); ++i) {
    const std::string& name = product_name(i);
    weights[name + ".weight"] = products_[i].weight.detach().clone();
    weights[name + ".bias"] = products_[i].bias.detach().clone();
    if (products_[i].log_scale.item<float>() != 0) {
      weights[name + ".scale"] = products_[i].log_scale.detach().exp();
    }
  }
  return weights;
}

void Network::load_weights(const TensorMap& weights, const std::string& origin) {
  const torch::NoGradGuard no_grad;
  require_finite(weights, origin);
  std::size_t used = 0;
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
    ++used;
    return found->second.to(torch::kFloat).clone();
  };
  for (std::size_t i = 0; i < products_.size(); ++i) {
    const std::string& name = product_name(i);
    products_[i].weight = take(name + ".weight", products_[i].weight);
    products_[i].bias = take(name + ".bias", products_[i].bias);
    products_[i].log_scale = torch::zeros({});
    if (weights.count(name + ".scale") > 0) {
      products_[i].log_scale = take(name + ".scale", products_[i].log_scale).log();
    }
  }
  if (used != weights.size()) {
    throw ConfigError(origin + " holds " + std::to_string(weights.size() - used) +
                      " tensors that " + name_ +
                      " does not have (another network?); give the "
                      "weights of this network");
  }
}

Network Network::clone() const {
  Network copy = *this;
  for (StoredProduct& stored : copy.products_) {
    stored.weight = stored.weight.detach().clone();
    stored.bias = stored.bias.detach().clone();
    stored.log_scale = stored.log_scale.detach().clone();
  }
  return copy;
}

}  // namespace crossloom
