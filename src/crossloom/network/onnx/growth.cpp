#include "crossloom/network/onnx/growth.h"

#include <algorithm>
#include <cmath>

#include "crossloom/network/operators/table.h"

namespace crossloom {
namespace {

using Sizes = std::vector<std::int64_t>;

Sizes list_input(const std::vector<Tensor>& inputs, std::size_t index) {
  const bool is_given = index < inputs.size() && inputs[index].defined();
  return is_given ? operators::to_integers(inputs[index]) : Sizes();
}

double product_of(const Sizes& sizes) {
  double product = 1;
  for (const std::int64_t size : sizes) product *= std::abs(static_cast<double>(size));
  return product;
}

/// Of x when its last dimensions grow by `pads`, begins first, then ends. (Pad may name others; the
/// bound is then a guess of the same size.)
double padded(const Tensor& x, const Sizes& pads) {
  const std::size_t count = pads.size() / 2;
  const auto dims = static_cast<std::size_t>(x.dim());
  double product = static_cast<double>(x.numel());
  for (std::size_t i = 0; i < count; ++i) {
    const double grown =
        std::abs(static_cast<double>(pads[i])) + std::abs(static_cast<double>(pads[count + i]));
    const auto dim = static_cast<std::int64_t>(dims - count + i);
    const double size = count <= dims ? static_cast<double>(x.size(dim)) : 1;
    product *= (size + grown) / std::max(size, 1.0);
  }
  return product;
}

/// Of inputs that are broadcast against each other.
double broadcast(const std::vector<Tensor>& inputs) {
  std::vector<double> sizes;  // last dimension first
  for (const Tensor& input : inputs) {
    if (!input.defined()) continue;
    const auto dims = static_cast<std::size_t>(input.dim());
    if (sizes.size() < dims) sizes.resize(dims, 1);
    for (std::size_t i = 0; i < dims; ++i) {
      sizes[i] =
          std::max(sizes[i], static_cast<double>(input.size(-1 - static_cast<std::int64_t>(i))));
    }
  }
  double product = 1;
  for (const double size : sizes) product *= size;
  return product;
}

double range(const std::vector<Tensor>& inputs) {
  const auto number = [&](std::size_t i) {
    return i < inputs.size() && inputs[i].defined() && inputs[i].numel() == 1
               ? inputs[i].item<double>()
               : 1.0;
  };
  return std::abs((number(1) - number(0)) / number(2));
}

}  // namespace

double bound_elements(const OnnxNode& node, const std::vector<Tensor>& inputs) {
  if (inputs.empty() || !inputs[0].defined()) return 0;
  operators::Attributes attributes(node.kind, node.attributes);
  const std::string& kind = node.kind;
  if (kind == "ConstantOfShape") return product_of(list_input(inputs, 0));
  if (kind == "Range") return range(inputs);
  if (kind == "Tile") {
    return product_of(list_input(inputs, 1)) * static_cast<double>(inputs[0].numel());
  }
  if (kind == "Pad") return padded(inputs[0], list_input(inputs, 1));
  if (kind == "MaxPool" || kind == "AveragePool") {
    return padded(inputs[0], attributes.integers("pads", Sizes()));
  }
  const bool is_list_of_parts = kind == "Gather" || kind == "Concat" || kind == "Einsum";
  return is_list_of_parts ? 0 : broadcast(inputs);
}

}  // namespace crossloom
