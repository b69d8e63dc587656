#include "crossloom/programming/assignment.h"

#include <algorithm>

namespace crossloom {

using assignment_kernels::kFar;

const std::vector<std::int32_t>& AssignmentSolver::solve(const std::vector<std::int32_t>& cost,
                                                         std::int32_t n) {
  n_ = n;
  col_of_row_.assign(n, -1);
  row_of_col_.assign(n, -1);
  price_.assign(n, 0);
  distance_.resize(n);
  open_.resize(n);
  from_.resize(n);
  free_rows_.clear();
  for (std::int32_t row = 0; row < n; ++row) free_rows_.push_back(row);
  for (int pass = 0; pass < 3; ++pass) reduce_rows(cost);
  for (const std::int32_t row : free_rows_) augment(cost, row);
  return col_of_row_;
}

/// Every free row takes its cheapest column; whom it displaces looks for another one.
void AssignmentSolver::reduce_rows(const std::vector<std::int32_t>& cost) {
  still_free_.clear();
  std::int32_t steps_left = 8 * n_;  // ends long chains of displacements; augmenting does the rest
  for (std::int32_t row : free_rows_) {
    while (row >= 0 && --steps_left >= 0) row = take_cheapest(cost, row);
    if (row >= 0) still_free_.push_back(row);
  }
  free_rows_.swap(still_free_);
}

/// Gives `row` its cheapest column, whose price falls until the second choice is as cheap. Returns
/// the row that had it, or -1. A row that could only displace another at no gain stays free.
std::int32_t AssignmentSolver::take_cheapest(const std::vector<std::int32_t>& cost,
                                             std::int32_t row) {
  const std::int32_t* costs = &cost[static_cast<std::size_t>(row) * n_];
  const auto choice = assignment_kernels::two_smallest(costs, price_.data(), n_);
  std::int32_t col = choice.col;
  if (choice.smallest == choice.second) {  // a free column of the same price, if there is one
    while (col < n_ && (row_of_col_[col] >= 0 || costs[col] - price_[col] != choice.smallest))
      ++col;
    if (col == n_) {
      still_free_.push_back(row);
      return -1;
    }
  }
  const std::int32_t displaced = row_of_col_[col];
  price_[col] -= choice.second - choice.smallest;
  row_of_col_[col] = row;
  col_of_row_[row] = col;
  if (displaced >= 0) col_of_row_[displaced] = -1;
  return displaced;
}

/// An open column at the distance `length`, one without a row if there is any.
std::int32_t AssignmentSolver::nearest_open(std::int32_t length) const {
  std::int32_t nearest = -1;
  for (std::int32_t j = 0; j < n_; ++j) {
    if (open_[j] != length) continue;
    nearest = j;
    if (row_of_col_[j] < 0) break;
  }
  return nearest;
}

/// Finds the shortest path from `free_row` to a column without a row and shifts all rows along it.
void AssignmentSolver::augment(const std::vector<std::int32_t>& cost, std::int32_t free_row) {
  std::fill(distance_.begin(), distance_.end(), kFar - 1);
  std::fill(open_.begin(), open_.end(), 0);
  settled_.clear();
  assignment_kernels::Row row{&cost[static_cast<std::size_t>(free_row) * n_], 0, free_row};
  const assignment_kernels::Paths paths{distance_.data(), open_.data(), from_.data()};
  std::int32_t length = assignment_kernels::relax(row, price_.data(), n_, paths);
  std::int32_t end = nearest_open(length);
  while (row_of_col_[end] >= 0) {
    open_[end] = kFar;
    settled_.push_back(end);
    row.index = row_of_col_[end];
    row.cost = &cost[static_cast<std::size_t>(row.index) * n_];
    row.offset = length - (row.cost[end] - price_[end]);
    length = assignment_kernels::relax(row, price_.data(), n_, paths);
    end = nearest_open(length);
  }
  for (const std::int32_t col : settled_) price_[col] += distance_[col] - length;
  std::int32_t before = -1;
  while (before != free_row) {
    before = from_[end];
    row_of_col_[end] = before;
    std::swap(end, col_of_row_[before]);
  }
}

}  // namespace crossloom
