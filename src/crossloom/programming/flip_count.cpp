#include "crossloom/programming/flip_count.h"

#include <algorithm>

#include "crossloom/core/vector_code.h"

namespace crossloom {
namespace {

/// Bits that are set, by adding neighbours in growing groups: plain operations, which the compiler
/// turns into vector code.
inline std::uint64_t popcount(std::uint64_t x) {
  x -= (x >> 1) & 0x5555555555555555U;
  x = (x & 0x3333333333333333U) + ((x >> 2) & 0x3333333333333333U);
  return (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fU;  // eight sums of a byte each
}

inline std::uint32_t popcount(std::uint32_t x) {
  x -= (x >> 1) & 0x55555555U;
  x = (x & 0x33333333U) + ((x >> 2) & 0x33333333U);
  x = (x + (x >> 4)) & 0x0f0f0f0fU;
  x += x >> 8;
  return (x + (x >> 16)) & 63U;
}

inline std::uint64_t add_bytes(std::uint64_t x) {
  x = (x & 0x00ff00ff00ff00ffU) + ((x >> 8) & 0x00ff00ff00ff00ffU);
  x = (x & 0x0000ffff0000ffffU) + ((x >> 16) & 0x0000ffff0000ffffU);
  return (x & 0xffffffffU) + (x >> 32);
}

constexpr std::int32_t kNever = 1 << 30;

constexpr std::uint32_t kLowestOfCell[] = {0,          0xffffffffU, 0x55555555U, 0x49249249U, 0x11111111U,
                                           0x42108421U, 0x41041041U, 0x10204081U, 0x01010101U};

/// Marks the lowest bit of each cell that has a bit set.
inline std::uint32_t fold(std::uint32_t x, int cell_bits) {
  std::uint32_t any = x;
  for (int i = 1; i < cell_bits; ++i) any |= x >> i;
  return any & kLowestOfCell[cell_bits];
}

}  // namespace

CROSSLOOM_VECTOR
std::uint64_t count_flips(const std::uint64_t* bits, std::size_t blocks, std::size_t words) {
  const std::uint64_t* before = bits;
  const std::uint64_t* after = bits + words;
  const std::size_t total = blocks > 0 ? (blocks - 1) * words : 0;
  constexpr std::size_t kRun = 31;  // sums of eight bits hold 31 counts of at most 8
  constexpr std::size_t kLanes = 8;
  std::uint64_t flips = 0;
  std::size_t i = 0;
  while (i + kRun * kLanes <= total) {
    std::uint64_t sums[kLanes] = {};
    for (std::size_t run = 0; run < kRun; ++run, i += kLanes) {
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        sums[lane] += popcount(before[i + lane] ^ after[i + lane]);
      }
    }
    for (std::size_t lane = 0; lane < kLanes; ++lane) flips += add_bytes(sums[lane]);
  }
  for (; i < total; ++i) flips += add_bytes(popcount(before[i] ^ after[i]));
  return flips;
}

CROSSLOOM_VECTOR
void least_costs(const std::uint32_t* present, std::size_t rows, const Candidates& candidates,
                 int cell_bits, std::int32_t* costs) {
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
void least_pair_costs(const std::uint32_t* present, std::size_t rows, const Candidates& candidates,
                      int bits, std::int32_t* costs) {
  const std::int32_t flip_cost = candidates.flip_cost;
  for (std::size_t r = 0; r < rows; ++r) costs[r] = kNever;
  for (std::size_t c = 0; c < candidates.count; ++c) {
    const auto value = static_cast<std::int32_t>(candidates.words[c]);
    const std::int32_t penalty = candidates.penalties[c];
    for (std::size_t r = 0; r < rows; ++r) {
      std::int32_t even = 0;        // fewest flips so far without a borrow
      std::int32_t borrow = 1000;   // ... with one; more than there are cells
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
