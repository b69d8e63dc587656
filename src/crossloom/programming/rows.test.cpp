#include "crossloom/programming/rows.h"

#include <algorithm>
#include <bitset>
#include <numeric>

#include <gtest/gtest.h>

namespace crossloom {
namespace {

std::vector<std::int32_t> random_costs(std::int32_t n, int bound, Rng& rng) {
  const Tensor drawn = (rng.uniform({n, n}) * bound).to(at::kInt);
  const auto* data = drawn.data_ptr<std::int32_t>();
  return {data, data + drawn.numel()};
}

std::int32_t sum(const std::vector<std::int32_t>& cost, const std::vector<std::int32_t>& cols) {
  std::int32_t total = 0;
  for (std::size_t row = 0; row < cols.size(); ++row) total += cost[row * cols.size() + cols[row]];
  return total;
}

TEST(AssignmentSolver, FindsTheBestOfAllPermutations) {
  AssignmentSolver solver;
  Rng rng(1);
  for (std::int32_t n = 1; n <= 7; ++n) {
    for (const int bound : {2, 5, 100}) {
      for (int trial = 0; trial < 20; ++trial) {
        const auto cost = random_costs(n, bound, rng);
        std::vector<std::int32_t> cols(n);
        std::iota(cols.begin(), cols.end(), 0);
        std::int32_t best = sum(cost, cols);
        while (std::next_permutation(cols.begin(), cols.end()))
          best = std::min(best, sum(cost, cols));
        EXPECT_EQ(sum(cost, solver.solve(cost, n)), best) << n;
      }
    }
  }
}

/// Least cost by the textbook O(n^3) method with potentials of rows and columns, one row at a time.
std::int32_t reference_cost(const std::vector<std::int32_t>& cost, std::int32_t n) {
  constexpr std::int32_t kFar = 1 << 30;
  std::vector<std::int32_t> u(n + 1), v(n + 1), match(n + 1), way(n + 1);
  for (std::int32_t i = 1; i <= n; ++i) {
    match[0] = i;
    std::int32_t col = 0;
    std::vector<std::int32_t> least(n + 1, kFar);
    std::vector<bool> seen(n + 1);
    do {
      seen[col] = true;
      const std::int32_t row = match[col];
      std::int32_t delta = kFar;
      std::int32_t next = 0;
      for (std::int32_t j = 1; j <= n; ++j) {
        if (seen[j]) continue;
        const std::int32_t reduced = cost[(row - 1) * n + j - 1] - u[row] - v[j];
        if (reduced < least[j]) {
          least[j] = reduced;
          way[j] = col;
        }
        if (least[j] < delta) {
          delta = least[j];
          next = j;
        }
      }
      for (std::int32_t j = 0; j <= n; ++j) {
        if (seen[j]) {
          u[match[j]] += delta;
          v[j] -= delta;
        } else {
          least[j] -= delta;
        }
      }
      col = next;
    } while (match[col] != 0);
    do {
      const std::int32_t before = way[col];
      match[col] = match[before];
      col = before;
    } while (col != 0);
  }
  return -v[0];
}

TEST(AssignmentSolver, AgreesWithTheTextbookMethodAt128) {
  AssignmentSolver solver;
  Rng rng(2);
  for (const int bound : {3, 10, 1000}) {
    for (int trial = 0; trial < 10; ++trial) {
      const auto cost = random_costs(128, bound, rng);
      const auto& cols = solver.solve(cost, 128);
      EXPECT_EQ(sum(cost, cols), reference_cost(cost, 128));
      EXPECT_EQ(std::vector<bool>(cols.begin(), cols.end()).size(), 128U);
      std::vector<std::int32_t> sorted = cols;
      std::sort(sorted.begin(), sorted.end());
      for (std::int32_t i = 0; i < 128; ++i) ASSERT_EQ(sorted[i], i);
    }
  }
}

int flips(std::uint32_t a, std::uint32_t b) {
  return static_cast<int>(std::bitset<32>(a ^ b).count());
}

TEST(WordChooser, BudgetTakesTheFewestWritesWithinItsSteps) {
  WordChooser chooser({SignCoding::kPhase, 6, 1, RowAssignment::kRank});
  for (std::uint32_t present = 0; present < 64; ++present) {
    for (int q = -63; q < 64; ++q) {
      int fewest = 100;
      int nearest = 100;
      for (int m = std::max(std::abs(q) - 3, 0); m <= std::min(std::abs(q) + 3, 63); ++m) {
        const int needed = flips(m, present);
        const int steps = std::abs(m - std::abs(q));
        if (needed < fewest || (needed == fewest && steps < nearest)) {
          fewest = needed;
          nearest = steps;
        }
      }
      const std::uint32_t word = chooser.choose(q, 3, present);
      EXPECT_EQ(flips(word, present), fewest);
      EXPECT_EQ(std::abs(static_cast<int>(word) - std::abs(q)), nearest);
    }
  }
}

TEST(WordChooser, RedundantPairIsTheBestOfAllPairs) {
  constexpr int kBits = 4;
  WordChooser chooser({SignCoding::kRedundantPair, kBits, 1, RowAssignment::kRank});
  std::vector<std::int32_t> cost(256);
  std::vector<std::uint32_t> all(256);
  std::iota(all.begin(), all.end(), 0U);
  for (int q = -15; q <= 15; ++q) {
    chooser.count(q, 0, all, cost.data());
    for (const std::uint32_t present : all) {
      int fewest = 100;
      for (std::uint32_t word = 0; word < 256; ++word) {
        if (decode(SignCoding::kRedundantPair, kBits, word, 1) == q) {
          fewest = std::min(fewest, flips(word, present));
        }
      }
      const std::uint32_t word = chooser.choose(q, 0, present);
      ASSERT_EQ(decode(SignCoding::kRedundantPair, kBits, word, 1), q);
      ASSERT_EQ(flips(word, present), fewest) << q << " over " << present;
      ASSERT_EQ(cost[present], fewest);
    }
  }
}

TEST(WordChooser, CellsOfSeveralBitsCountOnce) {
  WordChooser chooser({SignCoding::kPhase, 6, 2, RowAssignment::kRank});
  std::vector<std::int32_t> cost(1);
  chooser.count(0b110100, 0, {0b000111}, cost.data());
  EXPECT_EQ(cost[0], 2);  // 11|01|00 over 00|01|11
}

TEST(RowAssigner, EqualBitsStayWhereTheyAre) {
  RowAssigner assigner({SignCoding::kPhase, 4, 1, RowAssignment::kMultiset});
  const std::int16_t values[] = {3, 9, -5, 12};
  std::int32_t section[] = {0, 1, 2, 3};
  assigner.assign(section, values, 0, {12, 1, 3, 5});
  EXPECT_EQ(section[0], 3);
  EXPECT_EQ(section[2], 0);
  EXPECT_EQ(section[3], 2);
  EXPECT_EQ(section[1], 1);
}

}  // namespace
}  // namespace crossloom
