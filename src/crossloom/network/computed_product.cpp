#include "crossloom/network/computed_product.h"

namespace crossloom {
namespace {

/// [B, ..., n, m] -> [B, heads, n, m]
Tensor by_head(const Tensor& x, at::IntArrayRef lead) {
  std::vector<std::int64_t> sizes = lead.vec();
  sizes.insert(sizes.end(), {x.size(-2), x.size(-1)});
  const Tensor all = x.expand(sizes);
  return lead.size() == 1 ? all.unsqueeze(1) : all.flatten(1, -3);
}

}  // namespace

ComputedProduct::ComputedProduct(const Hardware& hardware, InputSign sign, const Rng& place)
    : hardware_(hardware), sign_(sign), place_(place) {}

Tensor ComputedProduct::forward(const Tensor& a,
                                const Tensor& b,
                                const ReadContext& context,
                                const Rng& writes) {
  TORCH_CHECK(a.dim() > 2 && b.dim() > 2 && a.size(-1) == b.size(-2),
              "a product on crossbars needs operands [B, ..., n, r] and [B, ..., r, c], not ",
              a.sizes(),
              " and ",
              b.sizes());
  const std::vector<std::int64_t> lead =
      at::infer_size(a.sizes().slice(0, a.dim() - 2), b.sizes().slice(0, b.dim() - 2));
  const Tensor left = by_head(a, lead);
  const Tensor right = by_head(b, lead);
  Tensor y = at::empty({left.size(0), left.size(1), a.size(-2), b.size(-1)}, a.options());
  for (std::int64_t i = 0; i < left.size(0); ++i) {
    ReadContext of_example = context;
    of_example.first_image += i;
    for (std::int64_t h = 0; h < left.size(1); ++h) {
      const Rng stream = writes.fork(static_cast<std::uint64_t>(h))
                             .fork(static_cast<std::uint64_t>(of_example.first_image));
      y[i][h] = one_head(static_cast<std::size_t>(h), left[i][h], right[i][h], of_example, stream);
    }
  }
  std::vector<std::int64_t> sizes = lead;
  sizes.insert(sizes.end(), {a.size(-2), b.size(-1)});
  return y.view(sizes);
}

///   a  [n, r]
///   b  [r, c]
Tensor ComputedProduct::one_head(
    std::size_t head, const Tensor& a, const Tensor& b, const ReadContext& context, Rng writes) {
  const bool has_column_scales = hardware_.mapping.scale == ScalePer::kColumn;
  const auto geometry = ProductGeometry::linear(b.size(0), b.size(1));
  while (heads_.size() <= head) {
    const Tensor window =
        has_column_scales ? at::ones({b.size(1)}, at::kDouble) : at::ones({}, at::kDouble);
    heads_.emplace_back(hardware_, geometry, sign_, window, place_.fork(heads_.size()));
  }
  TORCH_CHECK(heads_[head].geometry().weight_sizes() == geometry.weight_sizes(),
              "the operand of a product on crossbars changes its size from one batch to the next");
  const Tensor largest = has_column_scales ? b.abs().amax(0) : b.abs().max();
  const Tensor scale = at::where(largest > 0, largest, at::ones_like(largest));
  const Tensor weight = (b / scale).t().contiguous();
  AnalogProduct written = heads_[head];
  written.write(at::ones_like(weight, at::kBool), weight, context.clock, writes);
  writes_ += written.write_counts().sum().item<std::int64_t>();
  ReadContext read = context;
  read.rng = context.rng.fork(head);
  read.first_image *= a.size(0);  // each of its rows is a vector of its own
  const Tensor y = written.forward(a.contiguous(), read) * scale;
  heads_[head].take_ranges(written);
  return y;
}

std::int64_t ComputedProduct::num_cells() const {
  std::int64_t count = 0;
  for (const AnalogProduct& head : heads_) count += head.num_cells();
  return count;
}

std::vector<std::size_t> computed_products(const Network& network) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < network.nodes().size(); ++i) {
    const Node& node = network.nodes()[i];
    if (node.op == nullptr || node.op->kind() != "MatMul") continue;
    const auto is_computed = [&](std::size_t input) {
      return network.nodes()[input].parameter < 0;
    };
    if (is_computed(node.inputs[0]) && is_computed(node.inputs[1])) found.push_back(i);
  }
  return found;
}

}  // namespace crossloom
