#include "crossloom/network/onnx/product.h"

#include <algorithm>

#include "crossloom/network/operators/table.h"

namespace crossloom {
namespace {

constexpr std::int64_t kLargest = std::int64_t{1} << 24;  // stride, padding, dilation

/// The constant that is input `index` of `node`; undefined when there is none.
Tensor constant_input(const OnnxNode& node, std::size_t index, const OnnxConstants& constants) {
  if (index >= node.inputs.size()) return {};
  const auto found = constants.find(node.inputs[index]);
  return found == constants.end() ? Tensor() : found->second.value;
}

bool has_input(const OnnxNode& node, std::size_t index) {
  return index < node.inputs.size() && !node.inputs[index].empty();
}

template <std::size_t N>
std::array<std::int64_t, N> read_extent(const OnnxNode& node,
                                        operators::Attributes& attributes,
                                        const std::string& name,
                                        std::int64_t fallback) {
  const std::vector<std::int64_t> values =
      attributes.integers(name, std::vector<std::int64_t>(N, fallback));
  const auto fits = [&](std::int64_t value) { return value >= fallback && value <= kLargest; };
  if (values.size() != N || !std::all_of(values.begin(), values.end(), fits)) {
    refuse_node(node,
                "has '" + name + "' that fit no convolution of images (" + std::to_string(N) +
                    " numbers from " + std::to_string(fallback) + "); correct the network");
  }
  std::array<std::int64_t, N> extent{};
  std::copy(values.begin(), values.end(), extent.begin());
  return extent;
}

OnnxProduct convolution(const OnnxNode& node, const OnnxConstants& constants) {
  const Tensor weight = constant_input(node, 1, constants);
  const Tensor bias = constant_input(node, 2, constants);
  if (!weight.defined() || has_input(node, 2) != bias.defined()) {
    refuse_node(node,
                "has a weight or bias that the network computes (crossbars store constant ones); "
                "export the network in evaluation mode");
  }
  operators::Attributes attributes(node.kind, node.attributes);
  OnnxProduct product;
  ProductGeometry& geometry = product.geometry;
  geometry.kind = ProductGeometry::Kind::kConv;
  geometry.groups = attributes.integer("group", 1);
  const bool fits = weight.dim() == 4 && weight.is_floating_point() && weight.numel() > 0 &&
                    geometry.groups >= 1 && geometry.groups <= weight.size(0) &&
                    weight.size(0) % geometry.groups == 0;
  if (!fits || (bias.defined() && bias.numel() != weight.size(0))) {
    refuse_node(node,
                "has a weight, groups or bias that fit no convolution of images (a weight of four "
                "dimensions, as many outputs in each group); correct the network");
  }
  geometry.out_channels = weight.size(0);
  geometry.in_channels = weight.size(1) * geometry.groups;
  geometry.kernel = {weight.size(2), weight.size(3)};
  geometry.stride = read_extent<2>(node, attributes, "strides", 1);
  geometry.dilation = read_extent<2>(node, attributes, "dilations", 1);
  geometry.padding = read_extent<4>(node, attributes, "pads", 0);
  const std::vector<std::int64_t> kernel = {weight.size(2), weight.size(3)};
  if (attributes.integers("kernel_shape", kernel) != kernel) {
    refuse_node(node, "has a kernel_shape that is not that of its weight; correct the network");
  }
  attributes.require_all_used();
  product.weight = weight;
  product.bias = bias.defined() ? bias.reshape({-1}) : bias;
  return product;
}

/// `weight` [C, C_in] with a bias that may be one number for all.
OnnxProduct make_linear(const Tensor& weight, const Tensor& bias) {
  OnnxProduct product;
  product.geometry = ProductGeometry::linear(weight.size(1), weight.size(0));
  product.weight = weight;
  if (bias.defined()) product.bias = bias.reshape({-1}).expand({weight.size(0)});
  return product;
}

bool is_matrix(const Tensor& weight) {
  return weight.defined() && weight.dim() == 2 && weight.numel() > 0 && weight.is_floating_point();
}

bool fits_outputs(const Tensor& bias, std::int64_t outputs) {
  const bool is_row = bias.dim() > 0 && bias.size(-1) == bias.numel();
  return bias.is_floating_point() && (bias.numel() == 1 || (is_row && bias.numel() == outputs));
}

std::optional<OnnxProduct> gemm(const OnnxNode& node, const OnnxConstants& constants) {
  operators::Attributes attributes(node.kind, node.attributes);
  const Tensor stored = constant_input(node, 1, constants);
  if (!is_matrix(stored) || attributes.integer("transA", 0) != 0) return std::nullopt;
  Tensor weight = attributes.integer("transB", 0) != 0 ? stored : stored.t();
  Tensor bias = constant_input(node, 2, constants);
  if (has_input(node, 2) != bias.defined()) return std::nullopt;
  if (bias.defined() && !fits_outputs(bias, weight.size(0))) return std::nullopt;
  const double alpha = attributes.real("alpha", 1);
  const double beta = attributes.real("beta", 1);
  if (alpha != 1) weight = weight * alpha;
  if (bias.defined() && beta != 1) bias = bias * beta;
  return make_linear(weight, bias);
}

std::optional<OnnxProduct> matmul(const OnnxNode& node, const OnnxConstants& constants) {
  const Tensor stored = constant_input(node, 1, constants);
  if (!is_matrix(stored)) return std::nullopt;
  return make_linear(stored.t(), constant_input(node, 2, constants));
}

}  // namespace

std::optional<OnnxProduct> find_product(const OnnxNode& node, const OnnxConstants& constants) {
  if (node.kind == "Conv") return convolution(node, constants);
  if (node.inputs.empty() || constants.count(node.inputs[0]) > 0) return std::nullopt;
  if (node.kind == "Gemm") return gemm(node, constants);
  if (node.kind == "MatMul") return matmul(node, constants);
  return std::nullopt;
}

}  // namespace crossloom
