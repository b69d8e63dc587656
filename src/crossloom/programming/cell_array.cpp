#include "crossloom/programming/cell_array.h"

#include <algorithm>

#include "crossloom/core/vector_code.h"

namespace crossloom {
namespace {

/// The 8 x 8 bits of `x` mirrored at their diagonal: bit 8 i + j becomes bit 8 j + i.
/// Source: H. S. Warren, "Hacker's Delight", 2nd edition 2012, section 7-3.
std::uint64_t transpose8(std::uint64_t x) {
  std::uint64_t swapped = (x ^ (x >> 7)) & 0x00aa00aa00aa00aaU;
  x ^= swapped ^ (swapped << 7);
  swapped = (x ^ (x >> 14)) & 0x0000cccc0000ccccU;
  x ^= swapped ^ (swapped << 14);
  swapped = (x ^ (x >> 28)) & 0x00000000f0f0f0f0U;
  return x ^ swapped ^ (swapped << 28);
}

std::uint64_t ones(std::uint64_t x) {
  return static_cast<std::uint64_t>(__builtin_popcountll(x));
}

/// Adds `amount` to the counts of the cells whose bits are set.
void add_to_cells(std::uint64_t bits, std::uint64_t amount, std::uint64_t* counts) {
  for (; bits != 0; bits &= bits - 1) counts[__builtin_ctzll(bits)] += amount;
}

}  // namespace

CellArray::CellArray(std::int64_t num_rows, std::int64_t word_bits, std::int64_t cell_bits)
    : num_rows_(num_rows),
      num_bits_(word_bits),
      cell_bits_(cell_bits),
      num_cols_((word_bits + cell_bits - 1) / cell_bits),
      words_per_col_((num_rows + 63) / 64),
      planes_(word_bits * words_per_col_),
      target_(planes_.size()),
      used_(words_per_col_),
      ever_(words_per_col_),
      present_(num_rows),
      first_words_(num_rows),
      ever_used_(num_rows),
      counters_(num_cols_ * words_per_col_),
      wear_(num_cols_ * words_per_col_ * 64) {}

/// Notes which rows are used and what they will hold, and lays their bits across words.
void CellArray::pack(const std::uint32_t* words, const std::uint8_t* used) {
  std::fill(target_.begin(), target_.end(), 0);
  std::fill(used_.begin(), used_.end(), 0);
  for (std::int64_t row = 0; row < num_rows_; ++row) {
    if (used[row] == 0) continue;
    used_[row / 64] |= std::uint64_t{1} << (row % 64);
    if (ever_used_[row] == 0) first_words_[row] = words[row];
    ever_used_[row] = 1;
    present_[row] = words[row];
  }
  for (std::int64_t row = 0; row < num_rows_; row += 8) {
    for (std::int64_t bit = 0; bit < num_bits_; bit += 8) pack_block(words, row, bit);
  }
}

/// The bits bit ... bit + 7 of the rows row ... row + 7, as far as there are any.
void CellArray::pack_block(const std::uint32_t* words, std::int64_t row, std::int64_t bit) {
  const std::int64_t rows = std::min<std::int64_t>(8, num_rows_ - row);
  const std::int64_t bits = std::min<std::int64_t>(8, num_bits_ - bit);
  std::uint64_t block = 0;
  for (std::int64_t i = 0; i < rows; ++i) {
    block |= static_cast<std::uint64_t>(words[row + i] >> bit & 255U) << (8 * i);
  }
  block = transpose8(block);
  for (std::int64_t i = 0; i < bits; ++i) {
    target_[(bit + i) * words_per_col_ + row / 64] |= (block >> (8 * i) & 255U) << (row % 64);
  }
}

/// Brings 64 cells of a column to their target and says which were written.
CellArray::Changed CellArray::change(std::int64_t col, std::int64_t word) {
  Changed changed;
  const std::int64_t end = std::min((col + 1) * cell_bits_, num_bits_);
  for (std::int64_t bit = end - 1; bit >= col * cell_bits_; --bit) {  // the highest bit decides
    std::uint64_t& cells = planes_[bit * words_per_col_ + word];
    const std::uint64_t next = target_[bit * words_per_col_ + word];
    const std::uint64_t differs = (cells ^ next) & used_[word];
    changed.raised |= differs & next & ~changed.all;
    changed.all |= differs;
    cells ^= differs;
  }
  return changed;
}

CROSSLOOM_VECTOR
CellArray::Load CellArray::load(const std::uint32_t* words,
                                const std::uint8_t* used,
                                std::uint64_t* column_flips) {
  pack(words, used);
  Load done;
  for (std::int64_t col = 0; col < num_cols_; ++col) {
    for (std::int64_t word = 0; word < words_per_col_; ++word) {
      const Changed changed = change(col, word);
      const std::uint64_t later = changed.all & ever_[word];
      const std::uint64_t first = changed.all & ~ever_[word];
      done.later.set += ones(later & changed.raised);
      done.later.reset += ones(later & ~changed.raised);
      done.first.set += ones(first & changed.raised);
      done.first.reset += ones(first & ~changed.raised);
      column_flips[col] += ones(later);
      count_wear(col * words_per_col_ + word, later);
    }
  }
  for (std::int64_t word = 0; word < words_per_col_; ++word) ever_[word] |= used_[word];
  if (++loads_since_flush_ == (1 << kCounterBits) - 1) flush();
  return done;
}

void CellArray::count_wear(std::size_t index, std::uint64_t written) {
  for (std::uint64_t& bit : counters_[index]) {
    if (written == 0) return;
    const std::uint64_t carry = bit & written;
    bit ^= written;
    written = carry;
  }
}

void CellArray::flush() const {
  loads_since_flush_ = 0;
  for (std::size_t index = 0; index < counters_.size(); ++index) {
    for (std::size_t k = 0; k < counters_[index].size(); ++k) {
      add_to_cells(counters_[index][k], std::uint64_t{1} << k, &wear_[index * 64]);
    }
    counters_[index] = {};
  }
}

std::vector<std::uint64_t> CellArray::wear() const {
  flush();
  std::vector<std::uint64_t> cells(num_rows_ * num_cols_);
  for (std::int64_t row = 0; row < num_rows_; ++row) {
    for (std::int64_t col = 0; col < num_cols_; ++col) {
      cells[row * num_cols_ + col] = wear_[(col * words_per_col_ + row / 64) * 64 + row % 64];
    }
  }
  return cells;
}

}  // namespace crossloom
