#include "crossloom/programming/flip_count.h"

#include <algorithm>

#include "crossloom/core/vector_code.h"

namespace crossloom {
namespace {

/// Bits that are set, by adding neighbours in growing groups: plain operations, which the compiler
/// turns into vector code.
inline std::uint32_t popcount(std::uint32_t x) {
  x -= (x >> 1) & 0x55555555U;
  x = (x & 0x33333333U) + ((x >> 2) & 0x33333333U);
  x = (x + (x >> 4)) & 0x0f0f0f0fU;
  x += x >> 8;
  return (x + (x >> 16)) & 63U;
}

constexpr std::int32_t kNever = 1 << 30;

constexpr std::uint32_t kLowestOfCell[] = {0,
                                           0xffffffffU,
                                           0x55555555U,
                                           0x49249249U,
                                           0x11111111U,
                                           0x42108421U,
                                           0x41041041U,
                                           0x10204081U,
                                           0x01010101U};

/// Marks the lowest bit of each cell that has a bit set.
inline std::uint32_t fold(std::uint32_t x, int cell_bits) {
  std::uint32_t any = x;
  for (int i = 1; i < cell_bits; ++i) any |= x >> i;
  return any & kLowestOfCell[cell_bits];
}

}  // namespace

CROSSLOOM_VECTOR
void least_costs(const std::uint32_t* present,
                 std::size_t rows,
                 const Candidates& candidates,
                 int cell_bits,
                 std::int32_t* costs) {
  const std::int32_t flip_cost = candidates.flip_cost;
  for (std::size_t r = 0; r < rows; ++r) costs[r] = kNever;
  for (std::size_t c = 0; c < candidates.count; ++c) {
    const std::uint32_t word = candidates.words[c];
    const std::int32_t penalty = candidates.penalties[c];
    if (cell_bits == 1) {
      for (std::size_t r = 0; r < rows; ++r) {
        const auto flips = static_cast<std::int32_t>(popcount(present[r] ^ word));
        costs[r] = std::min(costs[r], flip_cost * flips + penalty);
      }
    } else {
      for (std::size_t r = 0; r < rows; ++r) {
        const auto flips = static_cast<std::int32_t>(popcount(fold(present[r] ^ word, cell_bits)));
        costs[r] = std::min(costs[r], flip_cost * flips + penalty);
      }
    }
  }
}

CROSSLOOM_VECTOR
void least_pair_costs(const std::uint32_t* present,
                      std::size_t rows,
                      const Candidates& candidates,
                      int bits,
                      std::int32_t* costs) {
  const std::int32_t flip_cost = candidates.flip_cost;
  for (std::size_t r = 0; r < rows; ++r) costs[r] = kNever;
  for (std::size_t c = 0; c < candidates.count; ++c) {
    const auto value = static_cast<std::int32_t>(candidates.words[c]);
    const std::int32_t penalty = candidates.penalties[c];
    for (std::size_t r = 0; r < rows; ++r) {
      std::int32_t even = 0;       // fewest flips so far without a borrow
      std::int32_t borrow = 1000;  // ... with one; more than there are cells
      for (int bit = 0; bit < bits; ++bit) {
        const auto p = static_cast<std::int32_t>(present[r] >> bit & 1U);
        const auto n = static_cast<std::int32_t>(present[r] >> (bit + bits) & 1U);
        const std::int32_t equal = std::min(p + n, 2 - p - n);  // (0, 0) or (1, 1)
        const std::int32_t plus = 1 - p + n;                    // (1, 0)
        const std::int32_t minus = p + 1 - n;                   // (0, 1)
        const bool is_one = (value >> bit & 1) != 0;
        const std::int32_t even_next = is_one ? even + plus : std::min(even + equal, borrow + plus);
        const std::int32_t borrow_next =
            is_one ? std::min(even + minus, borrow + equal) : borrow + minus;
        even = even_next;
        borrow = borrow_next;
      }
      costs[r] = std::min(costs[r], flip_cost * (value < 0 ? borrow : even) + penalty);
    }
  }
}

}  // namespace crossloom
