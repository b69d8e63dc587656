#pragma once

#include <vector>

#include <ATen/ATen.h>

namespace crossloom {

using at::Tensor;

/// Where `x` lies between the ascending `nodes`: k + s with s in [0, 1) from nodes[k] to
/// nodes[k + 1], linearly; 0 before the first, n - 1 beyond the last. float32, the shape of `x`.
Tensor position_in(const std::vector<double>& nodes, const Tensor& x);

/// Values of `table` [rows * cols] at the positions `row` and `col` (see `position_in`), of shapes
/// that broadcast, linear between the entries. float32.
Tensor bilinear(const std::vector<double>& table,
                std::int64_t cols,
                const Tensor& row,
                const Tensor& col);

/// Values of `table` at the positions `at`, linear between the entries.
Tensor linear(const std::vector<double>& table, const Tensor& at);

}  // namespace crossloom
