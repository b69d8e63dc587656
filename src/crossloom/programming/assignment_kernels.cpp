#include <algorithm>

#include "crossloom/core/vector_code.h"
#include "crossloom/programming/assignment.h"

namespace crossloom::assignment_kernels {

CROSSLOOM_VECTOR
TwoSmallest two_smallest(const std::int32_t* cost, const std::int32_t* price, std::int32_t n) {
  std::int32_t smallest = kFar;
  for (std::int32_t j = 0; j < n; ++j) smallest = std::min(smallest, cost[j] - price[j]);
  std::int32_t col = 0;
  while (cost[col] - price[col] != smallest) ++col;
  std::int32_t second = kFar;
  for (std::int32_t j = 0; j < col; ++j) second = std::min(second, cost[j] - price[j]);
  for (std::int32_t j = col + 1; j < n; ++j) second = std::min(second, cost[j] - price[j]);
  return {smallest, second, col};
}

CROSSLOOM_VECTOR
std::int32_t relax(const Row& row, const std::int32_t* price, std::int32_t n, const Paths& paths) {
  const std::int32_t* cost = row.cost;
  const std::int32_t offset = row.offset;
  const std::int32_t index = row.index;
  std::int32_t* distance = paths.distance;
  std::int32_t* open = paths.open;
  std::int32_t* from = paths.from;
  std::int32_t smallest = kFar;
  for (std::int32_t j = 0; j < n; ++j) {
    const std::int32_t through = offset + cost[j] - price[j];
    const bool is_shorter = through < distance[j];  // settled columns cannot become nearer
    distance[j] = is_shorter ? through : distance[j];
    from[j] = is_shorter ? index : from[j];
    open[j] = open[j] == kFar ? kFar : distance[j];
    smallest = std::min(smallest, open[j]);
  }
  return smallest;
}

}  // namespace crossloom::assignment_kernels
