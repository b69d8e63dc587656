// Patterns of several nodes that mean one operator. A pattern that does not match exactly is left
// as it is; nodes that are no longer needed are dropped at the end.
#include <algorithm>
#include <cmath>

#include "crossloom/network/onnx/graph.h"
#include "crossloom/network/operators/table.h"

namespace crossloom {
namespace {

/// The graph as the patterns see it.
class Matcher {
 public:
  explicit Matcher(OnnxGraph& graph) : graph_(graph), uses_(count_uses(graph)) {
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      makers_[graph.nodes[i].outputs[0]] = i;
      for (const std::string& input : graph.nodes[i].inputs) users_[input].push_back(i);
    }
  }

  /// The node that computes `value` if it is a `kind`, else null.
  OnnxNode* maker(const std::string& value, const std::string& kind) {
    const auto found = makers_.find(value);
    if (found == makers_.end() || graph_.nodes[found->second].kind != kind) return nullptr;
    return &graph_.nodes[found->second];
  }

  /// The only node that uses the output of `node`, if it is a `kind`, else null.
  OnnxNode* only_user(const OnnxNode* node, const std::string& kind) {
    if (node == nullptr || uses_[node->outputs[0]] != 1) return nullptr;
    const std::vector<std::size_t>& users = users_[node->outputs[0]];
    if (users.size() != 1 || graph_.nodes[users[0]].kind != kind) return nullptr;
    return &graph_.nodes[users[0]];
  }

  Tensor constant(const std::string& value) const {
    const auto found = graph_.constants.find(value);
    return found == graph_.constants.end() ? Tensor() : found->second.value;
  }

  /// The single number that `value` is, else NaN.
  double number(const std::string& value) const {
    const Tensor tensor = constant(value);
    return tensor.defined() && tensor.numel() == 1 ? tensor.item<double>() : std::nan("");
  }

  /// Whether `value` is the constant `expected`, as far as half precision holds it.
  bool is_number(const std::string& value, double expected) const {
    return std::abs(number(value) - expected) <= 1e-3 * std::abs(expected);
  }

 private:
  OnnxGraph& graph_;
  std::map<std::string, std::size_t> uses_;
  std::map<std::string, std::size_t> makers_;
  std::map<std::string, std::vector<std::size_t>> users_;
};

/// The other input of a node of two.
const std::string& other_input(const OnnxNode& node, const std::string& value) {
  return node.inputs[node.inputs[0] == value ? 1 : 0];
}

void become(OnnxNode& node,
            const std::string& kind,
            const std::vector<std::string>& inputs,
            const Json& attributes = Json::object()) {
  node.kind = kind;
  node.inputs = inputs;
  node.attributes = attributes;
}

/// The x of `node` = x factor, given that x / (1 / factor) may be meant too; empty: no such node.
std::string scaled(const Matcher& matcher, const OnnxNode* node, double factor) {
  if (node == nullptr) return "";
  if (node->kind == "Div")
    return matcher.is_number(node->inputs[1], 1 / factor) ? node->inputs[0] : "";
  if (node->kind != "Mul") return "";
  if (matcher.is_number(node->inputs[1], factor)) return node->inputs[0];
  return matcher.is_number(node->inputs[0], factor) ? node->inputs[1] : "";
}

/// The user of `node` that halves it, by a Mul or a Div, else null.
OnnxNode* halving_user(Matcher& matcher, const OnnxNode* node) {
  for (const char* kind : {"Mul", "Div"}) {
    OnnxNode* user = matcher.only_user(node, kind);
    if (user != nullptr && scaled(matcher, user, 0.5) == node->outputs[0]) return user;
  }
  return nullptr;
}

/// The node that x (1 + erf) / 2 ends in, given `sum` = 1 + erf and the half at any place; else
/// null.
OnnxNode* gelu_end(Matcher& matcher, const OnnxNode& sum, const std::string& x) {
  OnnxNode* product = matcher.only_user(&sum, "Mul");
  if (product == nullptr) return nullptr;
  const std::string& factor = other_input(*product, sum.outputs[0]);
  if (factor == x) return halving_user(matcher, product);
  if (matcher.is_number(factor, 0.5)) {
    OnnxNode* last = matcher.only_user(product, "Mul");
    return last != nullptr && other_input(*last, product->outputs[0]) == x ? last : nullptr;
  }
  const OnnxNode* half = matcher.maker(factor, "Mul");
  if (half == nullptr) half = matcher.maker(factor, "Div");
  return scaled(matcher, half, 0.5) == x ? product : nullptr;
}

/// x (1 + erf(x / sqrt 2)) / 2
void fuse_gelu(Matcher& matcher, OnnxNode& erf) {
  const OnnxNode* inner = matcher.maker(erf.inputs[0], "Div");
  if (inner == nullptr) inner = matcher.maker(erf.inputs[0], "Mul");
  const std::string x = scaled(matcher, inner, std::sqrt(0.5));
  const OnnxNode* sum = matcher.only_user(&erf, "Add");
  if (x.empty() || sum == nullptr || !matcher.is_number(other_input(*sum, erf.outputs[0]), 1)) {
    return;
  }
  OnnxNode* end = gelu_end(matcher, *sum, x);
  if (end != nullptr) become(*end, "Gelu", {x});
}

/// The axes over which `mean` goes when they are the last ones, counted from behind: -1 for the
/// last, -2 for the last two. 0: something else.
std::int64_t last_axes(const Matcher& matcher, const OnnxNode& mean) {
  std::vector<std::int64_t> axes;
  operators::Attributes attributes(mean.kind, mean.attributes);
  if (attributes.has("axes")) axes = attributes.integers("axes");
  if (mean.inputs.size() > 1) {
    const Tensor given = matcher.constant(mean.inputs[1]);
    if (given.defined()) axes = operators::to_integers(given);
  }
  if (attributes.integer("keepdims", 1) == 0 || axes.empty()) return 0;
  std::sort(axes.begin(), axes.end());
  const auto count = static_cast<std::int64_t>(axes.size());
  for (std::int64_t i = 0; i < count; ++i) {
    if (axes[static_cast<std::size_t>(i)] != i - count) return 0;
  }
  return -count;
}

/// The difference x - mean(x) that `value` is, else null.
OnnxNode* centred(Matcher& matcher, const std::string& value, const std::string& x) {
  OnnxNode* difference = matcher.maker(value, "Sub");
  if (difference == nullptr || difference->inputs[0] != x) return nullptr;
  OnnxNode* mean = matcher.maker(difference->inputs[1], "ReduceMean");
  return mean != nullptr && mean->inputs[0] == x ? difference : nullptr;
}

/// The d of d^2, else empty.
std::string squared(Matcher& matcher, const std::string& value) {
  OnnxNode* power = matcher.maker(value, "Pow");
  if (power != nullptr) return matcher.is_number(power->inputs[1], 2) ? power->inputs[0] : "";
  OnnxNode* product = matcher.maker(value, "Mul");
  return product != nullptr && product->inputs[0] == product->inputs[1] ? product->inputs[0] : "";
}

/// A quotient (x - mean) / sqrt(mean((x - mean)^2) + epsilon).
struct Normalisation {
  OnnxNode* quotient = nullptr;  // null: there is none
  std::string x;
  std::int64_t axis = 0;  // from behind
  double epsilon = 0;
};

/// The normalisation with the square root `root`.
Normalisation find_normalisation(Matcher& matcher, const OnnxNode& root) {
  const OnnxNode* sum = matcher.maker(root.inputs[0], "Add");
  OnnxNode* quotient = matcher.only_user(&root, "Div");
  if (sum == nullptr || quotient == nullptr || quotient->inputs[1] != root.outputs[0]) return {};
  const std::size_t constant = std::isnan(matcher.number(sum->inputs[0])) ? 1 : 0;
  const double epsilon = matcher.number(sum->inputs[constant]);
  const OnnxNode* variance = matcher.maker(sum->inputs[1 - constant], "ReduceMean");
  if (!(epsilon >= 0) || variance == nullptr) return {};
  const std::string difference = squared(matcher, variance->inputs[0]);
  const OnnxNode* inner = matcher.maker(difference, "Sub");
  if (inner == nullptr) return {};
  const std::string& x = inner->inputs[0];
  const bool is_centred = centred(matcher, difference, x) != nullptr &&
                          centred(matcher, quotient->inputs[0], x) != nullptr;
  if (!is_centred) return {};
  const std::int64_t axis = last_axes(matcher, *variance);
  const OnnxNode* mean = matcher.maker(inner->inputs[1], "ReduceMean");
  if (axis == 0 || axis != last_axes(matcher, *mean)) return {};
  return {quotient, x, axis, epsilon};
}

/// A normalisation times a weight, plus perhaps a bias.
void fuse_layer_norm(Matcher& matcher, OnnxNode& root) {
  const Normalisation norm = find_normalisation(matcher, root);
  OnnxNode* scaled_by = matcher.only_user(norm.quotient, "Mul");
  if (scaled_by == nullptr) return;
  const auto fits = [&](const std::string& value) {
    const Tensor factor = matcher.constant(value);
    return factor.defined() && factor.dim() == -norm.axis && factor.is_floating_point();
  };
  const std::string weight = other_input(*scaled_by, norm.quotient->outputs[0]);
  if (!fits(weight)) return;
  const Json attributes = {{"axis", norm.axis}, {"epsilon", norm.epsilon}};
  OnnxNode* shifted = matcher.only_user(scaled_by, "Add");
  if (shifted != nullptr && fits(other_input(*shifted, scaled_by->outputs[0]))) {
    const std::string bias = other_input(*shifted, scaled_by->outputs[0]);
    become(*shifted, "LayerNormalization", {norm.x, weight, bias}, attributes);
  } else {
    become(*scaled_by, "LayerNormalization", {norm.x, weight}, attributes);
  }
}

/// x HardSigmoid(x), as MobileNetV3 has it.
void fuse_hard_swish(Matcher& matcher, OnnxNode& sigmoid) {
  const double alpha = sigmoid.attributes.value("alpha", 0.2);
  const double beta = sigmoid.attributes.value("beta", 0.5);
  OnnxNode* product = matcher.only_user(&sigmoid, "Mul");
  if (product == nullptr || std::abs(alpha - 1.0 / 6) > 1e-3 || beta != 0.5) return;
  if (other_input(*product, sigmoid.outputs[0]) != sigmoid.inputs[0]) return;
  become(*product, "HardSwish", {sigmoid.inputs[0]});
}

/// x W + b with constants W [C_in, C] and b [C]
void join_bias(Matcher& matcher, OnnxNode& product) {
  const Tensor weight = matcher.constant(product.inputs[1]);
  OnnxNode* sum = matcher.only_user(&product, "Add");
  if (!weight.defined() || weight.dim() != 2 || product.inputs.size() != 2 || sum == nullptr ||
      matcher.constant(product.inputs[0]).defined()) {
    return;
  }
  const std::string bias_name = other_input(*sum, product.outputs[0]);
  const Tensor bias = matcher.constant(bias_name);
  if (!bias.defined() || bias.dim() != 1 || bias.size(0) != weight.size(1)) return;
  const std::string name = product.name;
  become(*sum, "MatMul", {product.inputs[0], product.inputs[1], bias_name});
  sum->name = name;
}

using Fuse = void (*)(Matcher&, OnnxNode&);

void fuse_all(OnnxGraph& graph, const std::string& kind, Fuse fuse) {
  Matcher matcher(graph);
  for (OnnxNode& node : graph.nodes) {
    if (node.kind == kind) fuse(matcher, node);
  }
  drop_unused(graph);
}

}  // namespace

void fuse_operators(OnnxGraph& graph) {
  fuse_all(graph, "Erf", fuse_gelu);
  fuse_all(graph, "Sqrt", fuse_layer_norm);
  fuse_all(graph, "HardSigmoid", fuse_hard_swish);
  fuse_all(graph, "MatMul", join_bias);
}

}  // namespace crossloom
