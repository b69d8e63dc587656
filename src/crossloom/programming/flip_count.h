#pragma once

#include <cstddef>
#include <cstdint>

namespace crossloom {

/// What it costs to bring a row to one of several words: `flip_cost` for each cell that differs,
/// and the `penalty` of the word.
struct Candidates {
  const std::uint32_t* words;     // [count]; for pairs the integers p - n, in two's complement
  const std::int32_t* penalties;  // [count]
  std::size_t count;
  std::int32_t flip_cost;
};

/// The least cost for every row. `cell_bits` bits make a cell; a cell differs when one of its bits
/// does.
///
///   present, costs  [rows]
void least_costs(const std::uint32_t* present,
                 std::size_t rows,
                 const Candidates& candidates,
                 int cell_bits,
                 std::int32_t* costs);

/// As `least_costs`, over all pairs (p, n) of `bits` bits each with p - n one of the integers; a
/// row holds p in its lower bits. By dynamic programming over the bits: subtracting n from p, the
/// borrow is all that a bit hands to the next.
void least_pair_costs(const std::uint32_t* present,
                      std::size_t rows,
                      const Candidates& candidates,
                      int bits,
                      std::int32_t* costs);

}  // namespace crossloom
