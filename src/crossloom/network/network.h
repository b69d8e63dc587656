#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "crossloom/core/random.h"
#include "crossloom/core/tensor_files.h"
#include "crossloom/mapping/geometry.h"
#include "crossloom/network/operators.h"

namespace crossloom {

/// Where an optional input of a node is absent.
constexpr std::size_t kNoInput = ~std::size_t{0};

/// One step of a network: an input, a stored tensor, a stored product or an operator.
struct Node {
  std::string name;
  std::vector<std::size_t> inputs;     // nodes before this one, or kNoInput
  std::shared_ptr<const Operator> op;  // null unless an operator
  std::int64_t product = -1;           // index of the stored product, -1: none
  std::int64_t parameter = -1;         // index of the stored tensor, -1: none
  bool is_non_negative = false;        // the output cannot be negative

  bool is_input() const { return op == nullptr && product < 0 && parameter < 0; }
};

/// How grey levels become inputs, channel by channel: (level / 255 - mean) / std.
struct InputScaling {
  std::vector<double> mean = {0};
  std::vector<double> std = {1};
};

/// What a network is given.
struct NetworkInput {
  std::string name = "input";
  std::vector<std::int64_t> sizes;  // of one example, such as [C, H, W]
  at::ScalarType type = at::kFloat;
  InputScaling scaling;  // images only
};

/// A product with a stored weight, the part of a network that can run on crossbars:
///
///   y = exp(log_scale) (x * weight) + bias
///
/// `log_scale` is the digital factor behind the converters; a scalar, zero unless trained.
struct StoredProduct {
  ProductGeometry geometry;
  Tensor weight;     // [C, C_in / groups, k_h, k_w] or [C, C_in]
  Tensor bias;       // [C]; zero where the network has none
  Tensor log_scale;  // []
  bool has_bias = true;
  bool is_digital = false;  // never on a chip: what a method puts beside it
};

/// A stored tensor that is no product: the factors of a normalisation, an embedding, a constant.
struct Parameter {
  Tensor value;
  bool is_trainable = false;
};

/// A network: named nodes in topological order.
///
/// Copies share their weights; `clone` does not.
class Network {
 public:
  explicit Network(std::string name) : name_(std::move(name)) {}

  std::size_t add_input(const NetworkInput& input);
  std::size_t add_product(const std::string& name,
                          std::size_t input,
                          const ProductGeometry& geometry,
                          bool has_bias = true);
  std::size_t add_parameter(const std::string& name, const Tensor& value, bool is_trainable);
  std::size_t add_operator(const std::string& name,
                           std::vector<std::size_t> inputs,
                           std::shared_ptr<const Operator> op);
  std::size_t add_operator(const std::string& name,
                           std::vector<std::size_t> inputs,
                           const std::string& kind,
                           const Json& attributes = Json::object());

  /// Makes `node` an output. Without any, the last node is the only one.
  void add_output(std::size_t node) { outputs_.push_back(node); }

  const std::string& name() const { return name_; }
  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<NetworkInput>& inputs() const { return inputs_; }
  std::vector<std::size_t> outputs() const;
  const std::vector<StoredProduct>& products() const { return products_; }
  std::vector<StoredProduct>& products() { return products_; }
  const std::vector<Parameter>& parameters() const { return parameters_; }
  std::vector<Parameter>& parameters() { return parameters_; }

  /// Shape of one example of the first input.
  const std::vector<std::int64_t>& input_size() const { return inputs_.at(0).sizes; }

  /// The node called `name`; throws `ConfigError` when there is none.
  std::size_t find(const std::string& name) const;

  /// The node of product `index`, and its name.
  std::size_t product_node(std::size_t index) const;
  const std::string& product_name(std::size_t index) const;

  /// Whether the input of product `index` can be negative.
  bool has_signed_input(std::size_t index) const;

  /// Computes the product `index` of `x`, before scale and bias.
  using Products = std::function<Tensor(std::size_t index, const Tensor& x)>;

  /// Computes the MatMul `node`, a * b, or returns an undefined tensor to leave it exact.
  using ComputedProducts =
      std::function<Tensor(std::size_t node, const Tensor& a, const Tensor& b)>;

  /// Sees the output of each node, scale and bias included.
  using Tap = std::function<void(std::size_t node, const Tensor& output)>;

  ///   images   [B, C, H, W]  uint8 grey levels
  ///   returns  [B, C, H, W]  float, as the first input wants them
  ///
  /// Tokens, [B, inputs, L], are returned as they are.
  Tensor prepare(const Tensor& images) const;

  /// The inputs that `x`, as `prepare` gives it, holds: itself, or where the network has several
  /// one for each position along its second dimension.
  std::vector<Tensor> inputs_in(const Tensor& x) const;

  /// `outputs` as one tensor: the only one, or several of one shape along a new last dimension.
  static Tensor as_one(const std::vector<Tensor>& outputs);

  /// Outputs for `inputs`, each with the examples of the batch along its first dimension. Without
  /// `products` and `computed` they are exact. Throws `ConfigError` naming the node whose shapes do
  /// not fit.
  std::vector<Tensor> forward(const std::vector<Tensor>& inputs,
                              const Products& products = {},
                              const Tap& tap = {},
                              const ComputedProducts& computed = {}) const;

  /// The same by `inputs_in` and `as_one`.
  ///
  ///   x        [B, C, H, W]  or [B, inputs, L]      as `prepare` gives them
  ///   returns  [B, classes]  or [B, L, outputs]     logits
  Tensor forward(const Tensor& x, const Products& products = {}, const Tap& tap = {}) const;

  /// Shape of the output of each node for one example, without the batch.
  std::vector<std::vector<std::int64_t>> output_sizes() const;

  /// Weights uniform within 1/sqrt(rows), as PyTorch starts them; biases likewise; scales one.
  /// Trainable tables, such as embeddings, are normal with a spread of 0.02, as BERT starts them;
  /// other trainable parameters stay as they are.
  void initialise(Rng rng);

  /// Weights, biases, scales that are not one, and parameters, by name: conv1.weight, conv1.bias,
  /// conv1.scale, bn1.weight.
  TensorMap weights() const;

  /// Throws `ConfigError` on missing or superfluous names, wrong shapes, NaN. Constants of the
  /// graph need not be given.
  void load_weights(const TensorMap& weights, const std::string& origin);

  Network clone() const;

 private:
  void require_before(const std::string& name, std::size_t input) const;
  Tensor product(std::size_t index, const Tensor& x, const Products& products) const;
  Tensor apply(std::size_t node, const OperatorInputs& in, const ComputedProducts& computed) const;

  std::string name_;
  std::vector<Node> nodes_;
  std::vector<NetworkInput> inputs_;
  std::vector<std::size_t> outputs_;
  std::vector<StoredProduct> products_;
  std::vector<Parameter> parameters_;
};

/// `network` with every batch normalisation that directly follows a product folded into the weight
/// and bias of that product. The values are detached from those of `network`.
Network fold_batch_norm(const Network& network);

/// Whether `network` holds a batch normalisation.
bool has_batch_norm(const Network& network);

}  // namespace crossloom
