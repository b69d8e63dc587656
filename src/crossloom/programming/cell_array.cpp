#include "crossloom/programming/cell_array.h"

#include <algorithm>

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

/// Lays the bits of the rows across words, 8 x 8 at a time, and notes what the rows then hold.
void CellArray::pack(const std::uint32_t* words, const std::uint8_t* used) {
  std::fill(target_.begin(), target_.end(), 0);
  std::fill(used_.begin(), used_.end(), 0);
  for (std::int64_t row = 0; row < num_rows_; row += 8) {
    const std::int64_t count = std::min<std::int64_t>(8, num_rows_ - row);
    const std::int64_t word = row / 64;
    const auto shift = static_cast<int>(row % 64);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t r = row + i;
      if (used[r] == 0) continue;
      used_[word] |= std::uint64_t{1} << (shift + i);
      if (ever_used_[r] == 0) {
        ever_used_[r] = 1;
        first_words_[r] = words[r];
      }
      present_[r] = words[r];
    }
    for (std::int64_t byte = 0; 8 * byte < num_bits_; ++byte) {
      std::uint64_t block = 0;
      for (std::int64_t i = 0; i < count; ++i) {
        block |= static_cast<std::uint64_t>(words[row + i] >> (8 * byte) & 255U) << (8 * i);
      }
      block = transpose8(block);
      for (std::int64_t bit = 0; bit < 8 && 8 * byte + bit < num_bits_; ++bit) {
        target_[(8 * byte + bit) * words_per_col_ + word] |= (block >> (8 * bit) & 255U) << shift;
      }
    }
  }
}

CellArray::Load CellArray::load(const std::uint32_t* words,
                                const std::uint8_t* used,
                                std::uint64_t* column_flips) {
  pack(words, used);
  Load done;
  for (std::int64_t col = 0; col < num_cols_; ++col) {
    const std::int64_t end = std::min((col + 1) * cell_bits_, num_bits_);
    for (std::int64_t word = 0; word < words_per_col_; ++word) {
      std::uint64_t differs = 0;
      std::uint64_t raised = 0;
      for (std::int64_t bit = end - 1; bit >= col * cell_bits_; --bit) {  // highest bit decides
        std::uint64_t& cell = planes_[bit * words_per_col_ + word];
        const std::uint64_t next = target_[bit * words_per_col_ + word];
        const std::uint64_t changed = (cell ^ next) & used_[word];
        raised |= changed & next & ~differs;
        differs |= changed;
        cell ^= changed;
      }
      const std::uint64_t later = differs & ever_[word];
      const std::uint64_t first = differs & ~ever_[word];
      const auto ones = [](std::uint64_t x) {
        return static_cast<std::uint64_t>(__builtin_popcountll(x));
      };
      done.later.set += ones(later & raised);
      done.later.reset += ones(later & ~raised);
      done.first.set += ones(first & raised);
      done.first.reset += ones(first & ~raised);
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
      for (std::uint64_t bits = counters_[index][k]; bits != 0; bits &= bits - 1) {
        wear_[index * 64 + static_cast<std::size_t>(__builtin_ctzll(bits))] += std::uint64_t{1}
                                                                               << k;
      }
      counters_[index][k] = 0;
    }
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
