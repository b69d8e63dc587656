#pragma once

#include <cstdint>
#include <vector>

namespace crossloom {

/// The linear assignment problem: each row gets a column of its own so that the summed cost is
/// least.
///
/// By shortest augmenting paths with dual prices of the columns, O(n^3) at worst; costs of a few
/// small integers, as here, need far less. One object serves many problems and keeps its memory.
/// Source: R. Jonker and A. Volgenant, "A shortest augmenting path algorithm for dense and sparse
/// linear assignment problems", Computing 38 (1987), doi:10.1007/BF02278710.
class AssignmentSolver {
 public:
  /// Column of each row. The costs must be so small that their sum fits into 31 bits.
  ///
  ///   cost     [n, n]
  ///   returns  [n]
  const std::vector<std::int32_t>& solve(const std::vector<std::int32_t>& cost, std::int32_t n);

 private:
  void reduce_rows(const std::vector<std::int32_t>& cost);
  std::int32_t take_cheapest(const std::vector<std::int32_t>& cost, std::int32_t row);
  std::int32_t nearest_open(std::int32_t length) const;
  void augment(const std::vector<std::int32_t>& cost, std::int32_t free_row);

  std::int32_t n_ = 0;
  std::vector<std::int32_t> col_of_row_;
  std::vector<std::int32_t> row_of_col_;
  std::vector<std::int32_t> price_;     // [n]  of the columns, never above zero
  std::vector<std::int32_t> distance_;  // [n]  as in `Paths`
  std::vector<std::int32_t> open_;
  std::vector<std::int32_t> from_;
  std::vector<std::int32_t> settled_;
  std::vector<std::int32_t> free_rows_;
  std::vector<std::int32_t> still_free_;
};

/// The loops of the solver that run over all columns; vector code (core/vector_code.h).
namespace assignment_kernels {

/// Smallest and second smallest of cost[j] - price[j], and where the smallest is.
struct TwoSmallest {
  std::int32_t smallest;
  std::int32_t second;
  std::int32_t col;
};
TwoSmallest two_smallest(const std::int32_t* cost, const std::int32_t* price, std::int32_t n);

/// Shortest paths from a free row to all columns, as far as they are known: [columns] each.
struct Paths {
  std::int32_t* distance;
  std::int32_t* open;  // distance, or kFar once the column is settled
  std::int32_t* from;  // row before the column
};

/// The edges of a row: offset + cost[j] - price[j] from the free row to column j.
struct Row {
  const std::int32_t* cost;
  std::int32_t offset;
  std::int32_t index;
};

/// Shortens the paths by the edges of `row`; returns the smallest open distance.
std::int32_t relax(const Row& row, const std::int32_t* price, std::int32_t n, const Paths& paths);

constexpr std::int32_t kFar = 1 << 30;

}  // namespace assignment_kernels
}  // namespace crossloom
