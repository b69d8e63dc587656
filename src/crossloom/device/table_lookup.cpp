#include "crossloom/device/table_lookup.h"

namespace crossloom {

Tensor position_in(const std::vector<double>& nodes, const Tensor& x) {
  if (nodes.size() < 2) return at::zeros(x.sizes(), at::kFloat);
  const Tensor grid = at::tensor(nodes, at::kDouble);
  const Tensor wide = x.to(at::kDouble).contiguous();
  const Tensor right = at::searchsorted(grid, wide).clamp(1, grid.numel() - 1);
  const Tensor left = right - 1;
  const Tensor from = grid.index_select(0, left.reshape(-1)).view(x.sizes());
  const Tensor to = grid.index_select(0, right.reshape(-1)).view(x.sizes());
  return (left + ((wide - from) / (to - from)).clamp(0, 1)).to(at::kFloat);
}

Tensor bilinear(const std::vector<double>& table,
                std::int64_t cols,
                const Tensor& row,
                const Tensor& col) {
  const Tensor values = at::tensor(table, at::kFloat);
  const std::int64_t rows = values.numel() / cols;
  const auto below = [](const Tensor& at, std::int64_t size) {
    return at.floor().clamp(0, static_cast<double>(std::max<std::int64_t>(size - 2, 0)));
  };
  const auto take = [&](const Tensor& r, const Tensor& c) {
    const Tensor index = (r.clamp_max(static_cast<double>(rows - 1)) * static_cast<double>(cols) +
                          c.clamp_max(static_cast<double>(cols - 1)))
                             .to(at::kLong);
    return values.index_select(0, index.reshape(-1)).view(index.sizes());
  };
  const Tensor r = below(row, rows);
  const Tensor c = below(col, cols);
  const Tensor upper = at::lerp(take(r, c), take(r, c + 1), col - c);
  if (rows == 1) return upper;
  return at::lerp(upper, at::lerp(take(r + 1, c), take(r + 1, c + 1), col - c), row - r);
}

Tensor linear(const std::vector<double>& table, const Tensor& at) {
  return bilinear(table, static_cast<std::int64_t>(table.size()), at::zeros({1}), at);
}

}  // namespace crossloom
