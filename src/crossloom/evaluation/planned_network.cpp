#include "crossloom/evaluation/planned_network.h"

#include <cmath>

namespace crossloom {
namespace {

/// A weight's step of each output: [outputs], float64.
Tensor steps_of(const LayerPlan& plan) {
  return at::tensor(at::ArrayRef<double>(plan.lsb), at::kDouble);
}

/// The codes of `plan`'s layer, without what the plan changed: [outputs, inputs], int64.
Tensor codes_of(const StoredProduct& stored, const LayerPlan& plan, const PlanOptions& options) {
  const LayerCodes codes =
      quantise(plan.name, stored.weight.flatten(1), options.bits, options.scale);
  return at::tensor(at::ArrayRef<std::int16_t>(codes.values), at::kLong)
      .view({codes.num_outputs, codes.num_inputs});
}

/// y of `product_rows`, [B * positions, outputs], in the shape of the product's outputs for `x`.
Tensor as_outputs(const Tensor& y, const Tensor& x, const ProductGeometry& geometry) {
  const std::vector<std::int64_t> sizes = geometry.output_sizes(x.sizes());
  if (geometry.kind == ProductGeometry::Kind::kLinear) return y.view(sizes);
  return y.view({sizes[0], sizes[2], sizes[3], sizes[1]}).permute({0, 3, 1, 2});
}

}  // namespace

WeightSource product_source(const Network& network) {
  WeightSource source;
  for (std::size_t i = 0; i < network.products().size(); ++i) {
    source.names.push_back(network.product_name(i));
  }
  source.weights = [&network](std::size_t index) {
    return network.products().at(index).weight.flatten(1);
  };
  return source;
}

PlannedNetwork::PlannedNetwork(const Network& network, const PlanOptions& options)
    : network_(network.clone()), options_(options) {}

void PlannedNetwork::add(const LayerPlan& plan) {
  Tensor& weight = network_.products().at(next_++).weight;
  const at::NoGradGuard no_grad;
  const Tensor values = planned_values(plan, options_).to(at::kDouble);
  weight.copy_((values * steps_of(plan).unsqueeze(1)).view(weight.sizes()));
}

PlanExecution::PlanExecution(const CrossbarPool& pool,
                             const PlanOptions& options,
                             std::int64_t input_bits,
                             NextPlan next)
    : options_(options), input_bits_(input_bits), next_(std::move(next)), replay_(pool, options) {}

std::vector<Tensor> PlanExecution::forward(const Network& network,
                                           const std::vector<Tensor>& inputs) {
  const at::NoGradGuard no_grad;
  std::vector<Tensor> outputs = network.forward(inputs, [&](std::size_t index, const Tensor& x) {
    return product(network.products()[index], x);
  });
  check_.writes = replay_.writes();
  return outputs;
}

Tensor PlanExecution::product(const StoredProduct& stored, const Tensor& x) {
  const std::optional<LayerPlan> plan = next_();
  TORCH_CHECK(plan.has_value(), "the plan has fewer layers than the network has products");
  const double largest = x.abs().max().item<double>();
  const double step = largest > 0 ? largest / static_cast<double>((1 << input_bits_) - 1) : 1;
  const Tensor rows = product_rows((x.to(at::kDouble) / step).round(), stored.geometry);
  const Tensor y = replay_.product(*plan, rows.to(at::kLong));

  const Tensor values = planned_values(*plan, options_).to(at::kLong);
  const std::int64_t groups = stored.geometry.groups;
  const Tensor by_group = rows.view({rows.size(0), groups, plan->num_inputs}).transpose(0, 1);
  const Tensor weights =
      values.to(at::kDouble).view({groups, plan->num_outputs / groups, plan->num_inputs});
  // In double: sums of integers stay exact up to 2^53.
  const Tensor expected = at::bmm(by_group, weights.transpose(1, 2)).transpose(0, 1);
  check_.num_products += y.numel();
  check_.num_differences +=
      y.ne(expected.reshape(y.sizes()).to(at::kLong)).sum().item<std::int64_t>();
  check_.largest_error =
      std::max(check_.largest_error,
               (values - codes_of(stored, *plan, options_)).abs().max().item<std::int64_t>());
  const Tensor scaled = y.to(at::kDouble) * (step * steps_of(*plan));
  return as_outputs(scaled.to(at::kFloat), x, stored.geometry);
}

Tensor product_rows(const Tensor& x, const ProductGeometry& geometry) {
  if (geometry.kind == ProductGeometry::Kind::kLinear) return x.reshape({-1, x.size(-1)});
  const auto& [top, left, bottom, right] = geometry.padding;
  const Tensor padded = at::constant_pad_nd(x, {left, right, top, bottom});
  const Tensor columns =
      at::im2col(padded, geometry.kernel, geometry.dilation, {0, 0}, geometry.stride);
  return columns.transpose(1, 2).reshape({-1, columns.size(1)});
}

}  // namespace crossloom
