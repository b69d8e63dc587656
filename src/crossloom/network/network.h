#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "crossloom/core/random.h"
#include "crossloom/core/tensor_files.h"
#include "crossloom/network/operators.h"

namespace crossloom {

/// One step of a network: a stored product or an operator, and where its inputs come from.
struct Node {
  std::string name;
  std::vector<std::size_t> inputs;     // nodes before this one
  std::shared_ptr<const Operator> op;  // null for a product and for the input
  std::int64_t product = -1;           // index of the stored product, -1: none
  bool is_non_negative = false;        // the output cannot be negative
};

/// A network: named nodes in topological order, the first being its input.
///
/// Copies share their weights; `clone` does not.
class Network {
 public:
  /// How grey levels become inputs: (level / 255 - mean) / std.
  struct InputScaling {
    double mean = 0;
    double std = 1;
  };

  /// `name` as the architecture is called; images have the shape `input_size` [C, H, W].
  Network(std::string name, std::vector<std::int64_t> input_size, InputScaling scaling);

  std::size_t add_product(const std::string& name,
                          std::size_t input,
                          const ProductGeometry& geometry);
  std::size_t add_operator(const std::string& name,
                           std::vector<std::size_t> inputs,
                           std::shared_ptr<const Operator> op);

  const std::string& name() const { return name_; }
  const std::vector<std::int64_t>& input_size() const { return input_size_; }
  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<StoredProduct>& products() const { return products_; }
  std::vector<StoredProduct>& products() { return products_; }

  /// Name of product `index`, the name of its node.
  const std::string& product_name(std::size_t index) const;

  /// Whether the input of product `index` can be negative.
  bool has_signed_input(std::size_t index) const;

  /// Computes the product `index` of `x`, before scale and bias.
  using Products = std::function<Tensor(std::size_t index, const Tensor& x)>;

  ///   images   [B, C, H, W]  uint8 grey levels
  ///   returns  [B, C, H, W]  float, as the first node wants them
  Tensor prepare(const Tensor& images) const;

  ///   x        [B, C, H, W]  as `prepare` gives them
  ///   returns  [B, classes]  logits
  Tensor forward(const Tensor& x, const Products& products) const;

  /// The same with exact products.
  Tensor forward(const Tensor& x) const;

  /// Shape of the output of each node for one image.
  std::vector<std::vector<std::int64_t>> output_sizes() const;

  /// Weights uniform within 1/sqrt(rows), as PyTorch starts them; biases likewise; scales one.
  void initialise(Rng rng);

  /// Weights, biases and scales that are not one, by name: conv1.weight, conv1.bias, conv1.scale.
  TensorMap weights() const;

  /// Throws `ConfigError` on missing or superfluous names, wrong shapes, NaN.
  void load_weights(const TensorMap& weights, const std::string& origin);

  Network clone() const;

 private:
  std::string name_;
  std::vector<std::int64_t> input_size_;
  InputScaling scaling_;
  std::vector<Node> nodes_;
  std::vector<StoredProduct> products_;
};

}  // namespace crossloom
