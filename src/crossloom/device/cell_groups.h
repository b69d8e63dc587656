#pragma once

#include <vector>

#include <ATen/ATen.h>

namespace crossloom {

using at::Tensor;

/// Cells in groups of about equal number by a quantity of theirs, and where each group lies.
struct CellGroups {
  Tensor borders;             // [B - 1]  ascending
  std::vector<double> nodes;  // [B]      mean of the quantity in each group, ascending

  /// At most `max_groups`, with at least `cells_per_group` of the cells `quantity` [N], float64.
  CellGroups(const Tensor& quantity, std::int64_t max_groups, std::int64_t cells_per_group);

  std::int64_t size() const { return static_cast<std::int64_t>(nodes.size()); }

  /// The group of each: [N], int64.
  Tensor of(const Tensor& quantity) const;
};

/// Into how many parts cells are cut that laws are judged on, each by a law fitted to the others.
constexpr std::int64_t kNumParts = 10;

/// A measured figure of all cells beside what laws say that have not seen it.
struct FigureCheck {
  double measured;
  double standard_error;    // of `measured`
  double unseen_cells;      // by laws fitted to other cells
  double unseen_time;       // by laws fitted without this time; not a number where there is none
  double difference_error;  // standard error of unseen_time - measured
};

/// The values of `tensor`, in its order.
std::vector<double> to_vector(const Tensor& tensor);

}  // namespace crossloom
