#include "crossloom/programming/cell_array.h"

#include <gtest/gtest.h>

#include "crossloom/core/random.h"

namespace crossloom {
namespace {

std::vector<std::uint32_t> random_words(std::int64_t count, int bits, Rng& rng) {
  const Tensor drawn = (rng.uniform({count}) * (1 << bits)).to(at::kLong);
  const auto* data = drawn.data_ptr<std::int64_t>();
  return {data, data + count};
}

// Four rows of three bits: 5 1 7 0 -> 4 3 7 1. By hand: one RESET (5 -> 4), two SETs, none, ...
TEST(CellArray, HandComputedLoadIsCounted) {
  CellArray cells(4, 3, 1);
  const std::uint32_t first[] = {5, 1, 7, 0};
  const std::uint32_t second[] = {4, 3, 7, 1};
  const std::uint8_t used[] = {1, 1, 1, 1};
  std::uint64_t column_flips[3] = {};
  const auto initial = cells.load(first, used, column_flips);
  EXPECT_EQ(initial.first.set, 6U);
  EXPECT_EQ(initial.later.total(), 0U);
  const auto next = cells.load(second, used, column_flips);
  EXPECT_EQ(next.later.set, 2U);
  EXPECT_EQ(next.later.reset, 1U);
  EXPECT_EQ(column_flips[0], 2U);
  EXPECT_EQ(column_flips[1], 1U);
  EXPECT_EQ(column_flips[2], 0U);
}

TEST(CellArray, WayBackTakesAsManyWritesAsTheWayThere) {
  Rng rng(3);
  const auto a = random_words(77, 9, rng);
  const auto b = random_words(77, 9, rng);
  const std::vector<std::uint8_t> used(77, 1);
  std::vector<std::uint64_t> column_flips(9);
  CellArray cells(77, 9, 1);
  cells.load(a.data(), used.data(), column_flips.data());
  const auto there = cells.load(b.data(), used.data(), column_flips.data()).later;
  const auto back = cells.load(a.data(), used.data(), column_flips.data()).later;
  EXPECT_EQ(there.set, back.reset);
  EXPECT_EQ(there.reset, back.set);
}

TEST(CellArray, RowsWithoutAWeightKeepTheirCells) {
  CellArray cells(2, 4, 1);
  const std::uint32_t words[] = {9, 6};
  const std::uint32_t other[] = {3, 3};
  const std::uint8_t both[] = {1, 1};
  const std::uint8_t one[] = {0, 1};
  std::uint64_t column_flips[4] = {};
  cells.load(words, both, column_flips);
  EXPECT_EQ(cells.load(other, one, column_flips).later.total(), 2U);
  EXPECT_EQ(cells.present()[0], 9U);
  EXPECT_EQ(cells.present()[1], 3U);
}

/// Writes of every cell by a plain loop.
TEST(CellArray, WearOfManyLoadsAgreesWithAPlainLoop) {
  for (const int cell_bits : {1, 2, 3}) {
    constexpr std::int64_t kRows = 71;
    constexpr int kBits = 10;
    const int cols = (kBits + cell_bits - 1) / cell_bits;
    CellArray cells(kRows, kBits, cell_bits);
    std::vector<std::uint64_t> expected(kRows * cols);
    std::vector<std::uint64_t> column_flips(cols);
    std::vector<std::uint32_t> held(kRows);
    const std::vector<std::uint8_t> used(kRows, 1);
    Rng rng(5);
    Writes later;
    Writes plain;
    for (int load = 0; load < 700; ++load) {
      auto words = random_words(kRows, kBits, rng);
      later += cells.load(words.data(), used.data(), column_flips.data()).later;
      for (std::int64_t row = 0; load > 0 && row < kRows; ++row) {
        for (int col = 0; col < cols; ++col) {
          const std::uint32_t mask = ((1U << cell_bits) - 1) << (col * cell_bits);
          if ((words[row] & mask) == (held[row] & mask)) continue;
          ++expected[row * cols + col];
          ++((words[row] & mask) > (held[row] & mask) ? plain.set : plain.reset);
        }
      }
      held = std::move(words);
    }
    EXPECT_EQ(cells.wear(), expected) << cell_bits << " bits a cell";
    EXPECT_EQ(later.set, plain.set);
    EXPECT_EQ(later.reset, plain.reset);
  }
}

}  // namespace
}  // namespace crossloom
