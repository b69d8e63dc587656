#include "crossloom/device/cell_groups.h"

#include <algorithm>

namespace crossloom {

CellGroups::CellGroups(const Tensor& quantity,
                       std::int64_t max_groups,
                       std::int64_t cells_per_group) {
  const std::vector<double> sorted = to_vector(std::get<0>(quantity.sort()));
  const auto num_cells = static_cast<std::int64_t>(sorted.size());
  const std::int64_t wanted = std::clamp<std::int64_t>(num_cells / cells_per_group, 1, max_groups);
  std::vector<double> values;
  for (std::int64_t i = 1; i < wanted; ++i) {
    const double value = sorted[static_cast<std::size_t>(i * num_cells / wanted)];
    if (value > (values.empty() ? sorted.front() : values.back())) values.push_back(value);
  }
  borders = at::tensor(values, at::kDouble);
  const Tensor group = of(quantity);
  const Tensor zeros = at::zeros({borders.numel() + 1}, at::kDouble);
  nodes = to_vector(zeros.index_add(0, group, quantity) /
                    zeros.index_add(0, group, at::ones_like(quantity)));
}

Tensor CellGroups::of(const Tensor& quantity) const {
  return at::searchsorted(borders, quantity, /*out_int32=*/false, /*right=*/true);
}

std::vector<double> to_vector(const Tensor& tensor) {
  const Tensor dense = tensor.to(at::kDouble).contiguous();
  return {dense.data_ptr<double>(), dense.data_ptr<double>() + dense.numel()};
}

}  // namespace crossloom
