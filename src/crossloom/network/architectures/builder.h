#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "crossloom/network/network.h"

namespace crossloom::architectures {

using Sizes = std::vector<std::int64_t>;

/// Adds layers one behind the other, with the names that PyTorch gives their weights.
class Builder {
 public:
  Builder(const std::string& name, const NetworkInput& input) : network_(name) {
    last_ = network_.add_input(input);
  }

  std::size_t conv(const std::string& name, const ProductGeometry& geometry, bool has_bias = true);
  std::size_t linear(const std::string& name, std::int64_t inputs, std::int64_t outputs);

  /// Batch normalisation with trainable factors and running statistics.
  std::size_t batch_norm(const std::string& name, std::int64_t channels, double epsilon = 1e-5);
  std::size_t layer_norm(const std::string& name, std::int64_t channels, double epsilon);

  /// The operator `kind` on the last node, then on `others`.
  std::size_t apply(const std::string& name,
                    const std::string& kind,
                    const Json& attributes = Json::object(),
                    const std::vector<std::size_t>& others = {});
  std::size_t max_pool(const std::string& name,
                       std::int64_t kernel,
                       std::int64_t stride,
                       std::int64_t padding = 0);
  /// [B, C, H, W] -> [B, C]
  std::size_t global_average(const std::string& name);
  std::size_t reshape(const std::string& name, const Sizes& sizes);
  std::size_t transpose(const std::string& name, const Sizes& order);
  std::size_t add_to(const std::string& name, std::size_t other) {
    return apply(name, "Add", Json::object(), {other});
  }

  std::size_t input(const NetworkInput& given) { return last_ = network_.add_input(given); }
  std::size_t parameter(const std::string& name, const Sizes& sizes) {
    return network_.add_parameter(name, at::zeros(sizes), /*is_trainable=*/true);
  }
  std::size_t constant(const std::string& name, const Tensor& value) {
    return network_.add_parameter(name, value, /*is_trainable=*/false);
  }
  std::size_t integers(const std::string& name, const Sizes& values) {
    return constant(name, at::tensor(values, at::kLong));
  }
  void output(std::size_t node) { network_.add_output(node); }

  std::size_t last() const { return last_; }
  void go_back_to(std::size_t node) { last_ = node; }

  Network network() && { return std::move(network_); }

 private:
  Network network_;
  std::size_t last_ = 0;
};

/// Multi-head attention of a vision transformer on the last node [B, T, C]: queries, keys and
/// values by the product `qkv`, result through the product `projection`. The scores are digital.
std::size_t self_attention(Builder& builder,
                           const std::string& name,
                           const std::string& qkv,
                           const std::string& projection,
                           std::int64_t channels,
                           std::int64_t heads);

/// The input of a network of images of `sizes` [C, H, W].
NetworkInput image_input(const Sizes& sizes, const InputScaling& scaling);

/// Means and spreads of the channels of ImageNet.
InputScaling imagenet_scaling();

using Make = Network (*)(const std::string& name);
using Table = std::map<std::string, Make>;

void add_convolutional(Table& table);  // LeNet, MLP, VGG
void add_resnets(Table& table);
void add_mobile(Table& table);  // MobileNet, SqueezeNet
void add_transformers(Table& table);

}  // namespace crossloom::architectures
