#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace crossloom {

/// Writes of one load, or of many.
struct Writes {
  std::uint64_t set = 0;    // cells raised
  std::uint64_t reset = 0;  // cells lowered

  std::uint64_t total() const { return set + reset; }
  Writes& operator+=(const Writes& other) {
    set += other.set;
    reset += other.reset;
    return *this;
  }
};

/// The cells of one crossbar and what was done to them. Only cells that differ are written; a row
/// without a weight keeps its cells. All cells start lowered.
///
/// Bits are packed 64 rows to a word, and the wear of 64 cells is counted together in binary
/// counters that lie across words ("vertical": word k holds bit k of 64 counters).
class CellArray {
 public:
  CellArray(std::int64_t num_rows, std::int64_t word_bits, std::int64_t cell_bits);

  /// What one load did. Rows that hold their first weight ever count as first load.
  struct Load {
    Writes first;
    Writes later;
  };

  /// Brings the rows with `used` to `words`. `column_flips` [columns] grows by the later writes.
  ///
  ///   words, used  [rows]
  Load load(const std::uint32_t* words, const std::uint8_t* used, std::uint64_t* column_flips);

  /// Bits of each row at present: [rows].
  const std::vector<std::uint32_t>& present() const { return present_; }

  /// Bits of each row when it got its first weight; what a repetition of the plan brings it to.
  const std::vector<std::uint32_t>& first_words() const { return first_words_; }
  const std::vector<std::uint8_t>& ever_used() const { return ever_used_; }

  /// Writes of each cell, first load left out: [rows, columns].
  std::vector<std::uint64_t> wear() const;

  std::int64_t num_cols() const { return num_cols_; }

 private:
  static constexpr std::int64_t kCounterBits = 8;

  /// Written cells among 64 of a column, one bit each.
  struct Changed {
    std::uint64_t all = 0;
    std::uint64_t raised = 0;
  };

  void pack(const std::uint32_t* words, const std::uint8_t* used);
  void pack_block(const std::uint32_t* words, std::int64_t row, std::int64_t bit);
  Changed change(std::int64_t col, std::int64_t word);
  void count_wear(std::size_t index, std::uint64_t written);
  void flush() const;

  std::int64_t num_rows_;
  std::int64_t num_bits_;
  std::int64_t cell_bits_;
  std::int64_t num_cols_;
  std::int64_t words_per_col_;
  std::vector<std::uint64_t> planes_;  // [bits, words_per_col]
  std::vector<std::uint64_t> target_;  // as planes_: what a load brings
  std::vector<std::uint64_t> used_;    // [words_per_col]
  std::vector<std::uint64_t> ever_;    // [words_per_col]
  std::vector<std::uint32_t> present_;
  std::vector<std::uint32_t> first_words_;
  std::vector<std::uint8_t> ever_used_;
  mutable std::vector<std::array<std::uint64_t, kCounterBits>>
      counters_;                             // [columns, words_per_col]
  mutable std::vector<std::uint64_t> wear_;  // [columns, rows]
  mutable int loads_since_flush_ = 0;
};

}  // namespace crossloom
