#pragma once

#include <cstdint>
#include <vector>

#include "crossloom/programming/bit_codes.h"

namespace crossloom {

/// How the weights of a layer become a list of sections.
///
/// All but `kR1` and `kRowWalk` keep the weights of a section to one output, so that a column sums
/// what belongs together. These two are *index-routed*: each row of a section goes to an output of
/// its own, which no column current can do; they are here because they explain the published gains.
/// Source: readings of arXiv:2410.21730 (which states none) in docs/reprogramming.md; QR from
/// docs/reprogramming.md; `kQrSorted` is our own.
enum class Order {
  kNatural,  // outputs one after another, inputs as they come
  kR1,       // the whole layer sorted, cut into sections
  kRowWalk,  // the whole layer sorted; row r walks through its own share of the list
  kR2,       // sorted within each output; first sections of all outputs, then the second ones ...
  kR3,       // sorted within each output; sections of the layer by their mean
  kQr,       // row r holds quantile r of each output; sections back and forth
  kQrSorted  // the same, outputs by their mean: in trained layers outputs differ in scale
};

/// By what weights are sorted.
enum class SortKey { kMagnitude, kValue };

bool is_index_routed(Order order);

/// Sections of a layer: which weight lies in which row.
struct SectionList {
  std::int64_t num_rows = 0;
  std::int64_t num_sections = 0;
  std::vector<std::int32_t> weights;  // [sections, rows]  output * num_inputs + input; -1: none
  std::vector<std::int32_t> base;     // [sections]  weights lie at base ... base + 2^index_bits - 1
  std::int64_t index_bits = 0;        // bits that tell a weight within its section's base
  std::int64_t section_bits = 0;      // bits that tell where a section belongs
};

/// The sections in the order of their loads.
///
/// An output's last section is shorter when the number of its inputs is no multiple of `num_rows`;
/// the QR orders spread the gaps over the rows.
SectionList order_sections(const LayerCodes& codes,
                           std::int64_t num_rows,
                           Order order,
                           SortKey key);

}  // namespace crossloom
