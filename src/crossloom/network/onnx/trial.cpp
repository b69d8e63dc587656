#include "crossloom/network/onnx/trial.h"

#include <algorithm>

#include "crossloom/network/onnx/growth.h"
#include "crossloom/network/onnx/product.h"
#include "crossloom/network/onnx/upgrade.h"
#include "crossloom/network/operators.h"
#include "crossloom/network/operators/table.h"

namespace crossloom {
namespace {

using operators::to_integers;
using Sizes = std::vector<std::int64_t>;

constexpr std::int64_t kBatch = -1;                           // in a list of sizes
constexpr std::int64_t kMaxElements = std::int64_t{1} << 28;  // of one value of a trial

/// Operators that give the same numbers in another arrangement.
bool rearranges(const std::string& kind) {
  static const std::set<std::string> kinds = {
      "Identity", "Cast", "Expand", "Reshape", "Squeeze", "Transpose", "Unsqueeze"};
  return kinds.count(kind) > 0;
}

bool may_lack_inputs(const std::string& kind) {
  return kind == "Clip" || kind == "Slice" || kind == "Pad";
}

Tensor make_integers(const Sizes& values) {
  return at::tensor(values, at::kLong);
}

bool is_list_of_integers(const Tensor& tensor) {
  return tensor.dim() == 1 && !tensor.is_floating_point() && tensor.size(0) <= 16;
}

/// -1 when it overflows.
std::int64_t product_of(const Sizes& sizes) {
  std::int64_t product = 1;
  for (const std::int64_t size : sizes) {
    if (__builtin_mul_overflow(product, size, &product)) return -1;
  }
  return product;
}

/// The shape that Reshape makes of `wanted` (0: as x has it, -1: what is left over); empty when x
/// has not as many elements.
Sizes resolve_shape(const Tensor& x, Sizes wanted) {
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto dim = static_cast<std::int64_t>(i);
    if (wanted[i] == 0 && dim < x.dim()) wanted[i] = x.size(dim);
  }
  const auto open = std::find(wanted.begin(), wanted.end(), -1);
  if (open != wanted.end()) {
    *open = 1;
    const std::int64_t rest = product_of(wanted);
    if (rest > 0) *open = x.numel() / rest;
  }
  return product_of(wanted) == x.numel() ? wanted : Sizes();
}

/// Which entry of the shape `to`, written for a batch of one, grows with the batch when dimension
/// `grown` of `from` does: the only 1 there is, else the one at the place of the batch among the
/// elements. The last entry is the length of a vector and does not grow.
std::size_t find_batch_entry(const Sizes& from, std::size_t grown, const Sizes& to) {
  if (std::count(to.begin(), to.end(), 1) == 1) {
    return static_cast<std::size_t>(std::find(to.begin(), to.end(), 1) - to.begin());
  }
  const std::int64_t before =
      product_of({from.begin(), from.begin() + static_cast<std::ptrdiff_t>(grown)});
  std::size_t entry = 0;
  for (std::int64_t product = 1; entry + 1 < to.size() && product < before; ++entry) {
    product *= to[entry];  // at most the number of elements
  }
  const bool is_last = entry + 1 == to.size();
  return is_last && entry > 0 ? entry - 1 : entry;
}

/// `message` with the name of `node` in front, unless it is there.
std::string named(const OnnxNode& node, const std::string& message) {
  const bool has_name = message.rfind("node '", 0) == 0;
  return has_name ? message : "node '" + node.name + "': " + message;
}

void require_bounded(const OnnxNode& node, double num_elements) {
  if (!(num_elements <= static_cast<double>(kMaxElements))) {
    refuse_node(node,
                "computes more than 2^28 numbers for one example (too many to hold); give smaller "
                "inputs");
  }
}

/// Zeros of the shape of the product of `x`.
Tensor product_output(const ProductGeometry& geometry, const Tensor& x) {
  const bool is_image = geometry.kind == ProductGeometry::Kind::kConv;
  TORCH_CHECK(is_image ? x.dim() == 4 : x.dim() >= 2, "its input has the shape ", x.sizes());
  TORCH_CHECK(x.size(is_image ? 1 : -1) == geometry.in_channels,
              "its weight takes ",
              geometry.in_channels,
              " channels, its input has the shape ",
              x.sizes());
  const Sizes sizes = geometry.output_sizes(x.sizes());
  TORCH_CHECK(std::all_of(sizes.begin(), sizes.end(), [](auto size) { return size > 0; }),
              "its kernel is larger than its input of the shape ",
              x.sizes());
  return at::zeros({}).expand(sizes);
}

/// The entries of two shapes that x is given in two trials as one: 0 for a size that x has there
/// itself, -1 for another that differs.
Sizes common_shape(const std::array<Tensor, 2>& x, Sizes first, const Sizes& second) {
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (first[i] == second[i]) continue;
    const auto dim = static_cast<std::int64_t>(i);
    const bool stays =
        dim < x[0].dim() && first[i] == x[0].size(dim) && second[i] == x[1].size(dim);
    first[i] = stays ? 0 : -1;
  }
  return first;
}

/// `wanted`, written for a batch of one, for any batch.
Sizes open_batch(const std::array<Tensor, 2>& x, const Sizes& wanted) {
  const bool is_open = wanted.empty() || wanted[0] == 0 || wanted[0] == -1;
  Sizes shape = resolve_shape(x[0], wanted);
  const Sizes from = x[0].sizes().vec();
  const Sizes other = x[1].sizes().vec();
  const auto grown = std::mismatch(from.begin(), from.end(), other.begin()).first;
  if (is_open || shape.empty() || grown == from.end()) return wanted;
  shape[find_batch_entry(from, static_cast<std::size_t>(grown - from.begin()), shape)] = -1;
  return shape;
}

}  // namespace

OnnxTrial::OnnxTrial(OnnxGraph graph, bool is_batch_fixed)
    : graph_(std::move(graph)), is_batch_fixed_(is_batch_fixed) {
  for (const OnnxInput& input : graph_.inputs) {
    names_.insert(input.name);
    kept_.insert(input.name);
    known_[input.name].values = {at::zeros(input.sizes, input.type),
                                 at::zeros(input.other_sizes, input.type)};
  }
  for (const auto& constant : graph_.constants) names_.insert(constant.first);
  for (const OnnxNode& node : graph_.nodes) {
    names_.insert(node.outputs.begin(), node.outputs.end());
  }
  graph_.nodes.clear();
}

Tensor OnnxTrial::value(const std::string& name, std::size_t trial) const {
  const auto constant = graph_.constants.find(name);
  if (constant != graph_.constants.end()) return constant->second.value;
  const auto found = known_.find(name);
  return found == known_.end() ? Tensor() : found->second.values[trial];
}

std::vector<std::int64_t> OnnxTrial::sizes(const std::string& name) const {
  const Tensor tensor = value(resolve(name), 0);
  return tensor.defined() ? tensor.sizes().vec() : Sizes();
}

Tensor OnnxTrial::constant(const std::string& name) const {
  const auto found = graph_.constants.find(resolve(name));
  return found == graph_.constants.end() ? Tensor() : found->second.value;
}

std::string OnnxTrial::fresh_name(const std::string& name) {
  std::string fresh = name;
  for (int i = 2; !names_.insert(fresh).second; ++i) fresh = name + "." + std::to_string(i);
  return fresh;
}

std::string OnnxTrial::add_constant(const std::string& name, const Tensor& tensor) {
  std::string fresh = fresh_name(name);
  graph_.constants[fresh] = {tensor, "", false};
  return fresh;
}

void OnnxTrial::add_alias(const std::string& name, const std::string& source) {
  aliases_[name] = resolve(source);
  kept_.insert(resolve(source));
}

void OnnxTrial::forget(const std::string& name) {
  if (kept_.count(name) == 0) known_.erase(name);
}

std::string OnnxTrial::resolve(const std::string& name) const {
  const auto found = aliases_.find(name);
  return found == aliases_.end() ? name : found->second;
}

OnnxTrial::Origin OnnxTrial::origin_of(const std::string& name) const {
  const auto found = known_.find(name);
  return found == known_.end() ? Origin::kConstant : found->second.origin;
}

OnnxTrial::Origin OnnxTrial::origin_of(const OnnxNode& node) const {
  Origin origin = Origin::kConstant;
  for (const std::string& input : node.inputs) origin = std::max(origin, origin_of(input));
  const bool is_shape = node.kind == "Shape" || node.kind == "Size";
  return is_shape ? std::min(origin, Origin::kShapes) : origin;
}

Tensor OnnxTrial::apply(const OnnxNode& node, const std::vector<Tensor>& inputs) const {
  if (node.kind == "Conv" || origin_of(node) == Origin::kExamples) {
    const auto product = find_product(node, graph_.constants);
    if (product) return product_output(product->geometry, inputs.at(0));
  }
  const Operator op(node.kind, node.attributes);
  op.is_non_negative(std::vector<bool>(inputs.size()));  // checks their number
  require_bounded(node, bound_elements(node, inputs));
  return op.apply(inputs);
}

Tensor OnnxTrial::compute(const OnnxNode& node, std::size_t trial) const {
  const at::NoGradGuard no_grad;
  std::vector<Tensor> inputs;
  for (const std::string& input : node.inputs) {
    inputs.push_back(value(input, trial));
    if (!inputs.back().defined() && !may_lack_inputs(node.kind)) {
      refuse_node(node, "lacks an input (an empty name); correct the network");
    }
  }
  Tensor result;
  try {
    result = apply(node, inputs);
  } catch (const c10::Error& error) {
    const std::string reason = error.what_without_backtrace();
    if (trial == 1) {
      refuse_node(node,
                  "works for a batch of one only (" + reason +
                      "); export the network with the first dimension of its inputs dynamic");
    }
    refuse_node(node, "cannot be computed (" + reason + "); correct the network");
  } catch (const ConfigError& error) {
    throw ConfigError(named(node, error.what()));
  }
  require_bounded(node, static_cast<double>(result.numel()));
  return result;
}

void OnnxTrial::fold(const OnnxNode& node) {
  OnnxConstant folded = {compute(node, 0).contiguous(), "", false};
  if (rearranges(node.kind)) {
    const OnnxConstant& source = graph_.constants.at(node.inputs[0]);
    folded.origin = source.origin;
    folded.is_weight = source.is_weight && node.kind != "Transpose" &&
                       source.value.sizes() == folded.value.sizes();
  }
  graph_.constants[node.outputs[0]] = folded;
}

void OnnxTrial::add(OnnxNode node) {
  for (std::string& input : node.inputs) input = resolve(input);
  while (!node.inputs.empty() && node.inputs.back().empty()) node.inputs.pop_back();
  if (origin_of(node) == Origin::kConstant) return fold(node);
  simplify(node);
  Known result;
  result.origin = origin_of(node);
  result.values = {compute(node, 0), compute(node, 1)};
  if (result.origin == Origin::kShapes && result.values[0].equal(result.values[1])) {
    graph_.constants[node.outputs[0]] = {result.values[0], "", false};
    return;
  }
  known_[node.outputs[0]] = std::move(result);
  names_.insert(node.outputs[0]);
  graph_.nodes.push_back(std::move(node));
}

void OnnxTrial::simplify(OnnxNode& node) {
  if (origin_of(node) != Origin::kExamples && node.kind != "Expand") return;
  if (node.kind == "Reshape" && node.inputs.size() == 2) simplify_reshape(node);
  if (node.kind == "Concat" && is_batch_fixed_) widen_concat(node);
  for (std::size_t i = 1; i < node.inputs.size(); ++i) simplify_sizes(node, node.inputs[i]);
}

/// A list computed from sizes, of which each is constant or that of the batch, is made of these.
void OnnxTrial::simplify_sizes(const OnnxNode& node, std::string& input) {
  if (origin_of(input) != Origin::kShapes) return;
  const Known& sizes = known_.at(input);
  if (!is_list_of_integers(sizes.values[0]) || !is_list_of_integers(sizes.values[1])) return;
  Sizes first = to_integers(sizes.values[0]);
  const Sizes second = to_integers(sizes.values[1]);
  if (first.size() != second.size()) return;
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (first[i] == second[i] && first[i] != kBatch) continue;
    if (first[i] != 1 || second[i] != 2) return;
    first[i] = kBatch;
  }
  input = batch_sizes(node.name, first);
}

/// The value [sizes] with the size of the batch where `kBatch` stands.
std::string OnnxTrial::batch_sizes(const std::string& name, const Sizes& sizes) {
  if (batch_.empty()) {
    batch_ = fresh_name("batch");
    add({batch_, "Shape", {{"start", 0}, {"end", 1}}, {}, {graph_.inputs.at(0).name}, {batch_}});
  }
  OnnxNode node;
  node.name = fresh_name(name + ".sizes");
  node.kind = "Concat";
  node.attributes = {{"axis", 0}};
  node.outputs = {node.name};
  Sizes known;
  const auto add_known = [&] {
    if (!known.empty()) node.inputs.push_back(add_constant(node.name, make_integers(known)));
    known.clear();
  };
  for (const std::int64_t size : sizes) {
    if (size != kBatch) {
      known.push_back(size);
      continue;
    }
    add_known();
    node.inputs.push_back(batch_);
  }
  add_known();
  std::string value = node.name;
  add(std::move(node));
  return value;
}

/// Reshape to a constant shape that fits any batch: 0 where a size stays as it is, -1 for one that
/// is left over.
void OnnxTrial::simplify_reshape(OnnxNode& node) {
  if (node.attributes.value("allowzero", 0) != 0) return;
  const std::array<Tensor, 2> x = {value(node.inputs[0], 0), value(node.inputs[0], 1)};
  const std::array<Tensor, 2> shapes = {value(node.inputs[1], 0), value(node.inputs[1], 1)};
  const auto usable = [](const Tensor& shape) {
    return shape.defined() && is_list_of_integers(shape);
  };
  if (!usable(shapes[0]) || !usable(shapes[1]) || !x[0].defined() || x[0].dim() != x[1].dim()) {
    return;
  }
  const Sizes first = to_integers(shapes[0]);
  const Sizes second = to_integers(shapes[1]);
  if (first.size() != second.size()) return;
  Sizes wanted = common_shape(x, first, second);
  if (is_batch_fixed_) wanted = open_batch(x, wanted);
  if (std::count(wanted.begin(), wanted.end(), -1) > 1) return;
  if (wanted == first && origin_of(node.inputs[1]) == Origin::kConstant) return;
  node.inputs[1] = add_constant(node.name + ".shape", make_integers(wanted));
}

/// Constants that are joined to a batch of one are repeated for every example.
void OnnxTrial::widen_concat(OnnxNode& node) {
  const auto grows = [&](const std::string& input) {
    const Tensor first = value(input, 0);
    return origin_of(input) == Origin::kExamples && first.dim() > 0 && first.size(0) == 1 &&
           value(input, 1).size(0) == 2;
  };
  const auto axis = node.attributes.find("axis");
  if (axis == node.attributes.end() || *axis == 0 ||
      std::none_of(node.inputs.begin(), node.inputs.end(), grows)) {
    return;
  }
  for (std::string& input : node.inputs) {
    const Tensor constant = value(input, 0);
    if (origin_of(input) != Origin::kConstant || !constant.defined() || constant.dim() == 0 ||
        constant.size(0) != 1) {
      continue;
    }
    Sizes sizes = constant.sizes().vec();
    sizes[0] = kBatch;
    OnnxNode expand;
    expand.name = fresh_name(node.name + ".expanded");
    expand.kind = "Expand";
    expand.inputs = {input, batch_sizes(node.name, sizes)};
    expand.outputs = {expand.name};
    input = expand.name;
    add(std::move(expand));
  }
}

OnnxGraph OnnxTrial::graph() && {
  for (std::string& output : graph_.outputs) output = resolve(output);
  return std::move(graph_);
}

namespace {

/// Errors of `add_upgraded` name the node.
void add_node(const OnnxNode& node, std::int64_t opset, OnnxTrial& trial) {
  try {
    add_upgraded(node, opset, trial);
  } catch (const c10::Error& error) {
    throw ConfigError(named(node, error.what_without_backtrace()) + "; correct the network");
  } catch (const ConfigError& error) {
    throw ConfigError(named(node, error.what()));
  }
}

}  // namespace

OnnxGraph fold_constants(OnnxGraph graph, bool is_batch_fixed) {
  std::map<std::string, std::size_t> left = count_uses(graph);
  const std::vector<OnnxNode> nodes = graph.nodes;
  const std::int64_t opset = graph.opset;
  OnnxTrial trial(std::move(graph), is_batch_fixed);
  for (const OnnxNode& node : nodes) {
    add_node(node, opset, trial);
    for (const std::string& input : node.inputs) {
      if (--left[input] == 0) trial.forget(input);
    }
  }
  OnnxGraph folded = std::move(trial).graph();
  drop_unused(folded);
  return folded;
}

}  // namespace crossloom
