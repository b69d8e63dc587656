#include "crossloom/programming/orders.h"

#include <algorithm>
#include <numeric>

#include <ATen/Parallel.h>

namespace crossloom {
namespace {

std::int64_t divide_up(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

/// Bits that tell `count` things apart.
std::int64_t bits_for(std::int64_t count) {
  std::int64_t bits = 0;
  while (std::int64_t{1} << bits < count) ++bits;
  return bits;
}

std::uint16_t sort_key(std::int16_t q, SortKey key) {
  return static_cast<std::uint16_t>(key == SortKey::kMagnitude ? std::abs(q) : q + (1 << kMaxBits));
}

/// Indices first ... first + count - 1 of `values` in ascending order of their keys, equal ones in
/// order of their index; by two passes over eight bits each.
class Sorter {
 public:
  const std::vector<std::int32_t>& sort(const std::int16_t* values,
                                        std::int64_t first,
                                        std::int64_t count,
                                        SortKey key) {
    keys_.resize(count);
    once_.resize(count);
    sorted_.resize(count);
    std::int32_t low[257] = {};
    std::int32_t high[257] = {};
    for (std::int64_t i = 0; i < count; ++i) {
      keys_[i] = sort_key(values[first + i], key);
      ++low[(keys_[i] & 255) + 1];
      ++high[(keys_[i] >> 8) + 1];
    }
    std::partial_sum(low, low + 257, low);
    std::partial_sum(high, high + 257, high);
    for (std::int64_t i = 0; i < count; ++i) {
      once_[low[keys_[i] & 255]++] = static_cast<std::int32_t>(i);
    }
    for (const std::int32_t i : once_) {
      sorted_[high[keys_[i] >> 8]++] = static_cast<std::int32_t>(first + i);
    }
    return sorted_;
  }

 private:
  std::vector<std::uint16_t> keys_;
  std::vector<std::int32_t> once_;
  std::vector<std::int32_t> sorted_;
};

void natural(const LayerCodes& codes, SectionList& list) {
  const std::int64_t per_output = list.num_sections / codes.num_outputs;
  for (std::int64_t section = 0; section < list.num_sections; ++section) {
    const std::int64_t first = section % per_output * list.num_rows;
    const std::int64_t count = std::min(list.num_rows, codes.num_inputs - first);
    list.base[section] = static_cast<std::int32_t>(section / per_output * codes.num_inputs + first);
    std::iota(&list.weights[section * list.num_rows],
              &list.weights[section * list.num_rows] + count,
              list.base[section]);
  }
}

void whole_layer(const LayerCodes& codes, Order order, SortKey key, SectionList& list) {
  Sorter sorter;
  const auto& sorted = sorter.sort(codes.values.data(), 0, codes.num_weights(), key);
  for (std::int64_t i = 0; i < codes.num_weights(); ++i) {
    const std::int64_t slot =
        order == Order::kR1 ? i : i % list.num_sections * list.num_rows + i / list.num_sections;
    list.weights[slot] = sorted[i];
  }
}

/// Outputs in the order in which their sections are listed.
std::vector<std::int64_t> output_sequence(const LayerCodes& codes, Order order, SortKey key) {
  std::vector<std::int64_t> sequence(codes.num_outputs);
  std::iota(sequence.begin(), sequence.end(), 0);
  if (order != Order::kQrSorted) return sequence;
  std::vector<std::int64_t> sums(codes.num_outputs);
  for (std::int64_t i = 0; i < codes.num_weights(); ++i) {
    sums[i / codes.num_inputs] += sort_key(codes.values[i], key);
  }
  std::stable_sort(sequence.begin(), sequence.end(), [&](std::int64_t a, std::int64_t b) {
    return sums[a] < sums[b];
  });
  return sequence;
}

/// Gives every row its share of consecutive ranks, one for each section, or one fewer with a gap;
/// the sections in falling order when `is_back`.
void spread(const std::vector<std::int32_t>& sorted,
            std::int64_t place,
            std::int64_t num_rows,
            std::int32_t* weights) {
  const auto count = static_cast<std::int64_t>(sorted.size());
  const std::int64_t num_sections = divide_up(count, num_rows);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t slot = i * num_sections * num_rows / count;  // distinct: slots >= count
    const std::int64_t step = slot % num_sections;
    const std::int64_t section = place % 2 == 0 ? step : num_sections - 1 - step;
    weights[section * num_rows + slot / num_sections] = sorted[i];
  }
}

/// Sorts every output into its sections: `list.weights` as [outputs, sections of one output, rows].
void within_outputs(const LayerCodes& codes, Order order, SortKey key, SectionList& list) {
  const bool is_quantile = order == Order::kQr || order == Order::kQrSorted;
  const std::vector<std::int64_t> sequence = output_sequence(codes, order, key);
  const std::int64_t per_output = list.num_sections / codes.num_outputs;
  const std::int64_t slots = per_output * list.num_rows;
  at::parallel_for(0, codes.num_outputs, 16, [&](std::int64_t begin, std::int64_t end) {
    Sorter sorter;
    for (std::int64_t place = begin; place < end; ++place) {
      const std::int64_t base = sequence[place] * codes.num_inputs;
      const auto& sorted = sorter.sort(codes.values.data(), base, codes.num_inputs, key);
      std::int32_t* weights = &list.weights[place * slots];
      std::fill_n(&list.base[place * per_output], per_output, static_cast<std::int32_t>(base));
      if (is_quantile) {
        spread(sorted, place, list.num_rows, weights);
      } else {
        std::copy(sorted.begin(), sorted.end(), weights);
      }
    }
  });
}

/// New places of the sections: by their position within the output, or by their mean key.
std::vector<std::int64_t> arrangement(const LayerCodes& codes,
                                      Order order,
                                      SortKey key,
                                      const SectionList& list) {
  std::vector<double> rank(list.num_sections);
  const std::int64_t per_output = list.num_sections / codes.num_outputs;
  for (std::int64_t section = 0; section < list.num_sections; ++section) {
    if (order == Order::kR2) {
      rank[section] = static_cast<double>(section % per_output);
      continue;
    }
    std::int64_t count = 0;
    for (std::int64_t row = 0; row < list.num_rows; ++row) {
      const std::int32_t weight = list.weights[section * list.num_rows + row];
      if (weight < 0) continue;
      rank[section] += sort_key(codes.values[weight], key);
      ++count;
    }
    rank[section] /= static_cast<double>(count);
  }
  std::vector<std::int64_t> places(list.num_sections);
  std::iota(places.begin(), places.end(), 0);
  std::stable_sort(places.begin(), places.end(), [&](std::int64_t a, std::int64_t b) {
    return rank[a] < rank[b];
  });
  return places;
}

void rearrange(const std::vector<std::int64_t>& places, SectionList& list) {
  SectionList moved = list;
  for (std::int64_t section = 0; section < list.num_sections; ++section) {
    std::copy_n(&list.weights[places[section] * list.num_rows],
                list.num_rows,
                &moved.weights[section * list.num_rows]);
    moved.base[section] = list.base[places[section]];
  }
  list = std::move(moved);
}

}  // namespace

bool is_index_routed(Order order) {
  return order == Order::kR1 || order == Order::kRowWalk;
}

SectionList order_sections(const LayerCodes& codes,
                           std::int64_t num_rows,
                           Order order,
                           SortKey key) {
  SectionList list;
  list.num_rows = num_rows;
  list.num_sections = is_index_routed(order)
                          ? divide_up(codes.num_weights(), num_rows)
                          : codes.num_outputs * divide_up(codes.num_inputs, num_rows);
  list.weights.assign(list.num_sections * num_rows, -1);
  list.base.assign(list.num_sections, 0);
  if (order == Order::kNatural) {
    natural(codes, list);
    list.index_bits = bits_for(std::min(num_rows, codes.num_inputs));
    return list;
  }
  if (is_index_routed(order)) {
    whole_layer(codes, order, key, list);
    list.index_bits = bits_for(codes.num_weights());
    return list;
  }
  within_outputs(codes, order, key, list);
  list.index_bits = bits_for(codes.num_inputs);
  if (order == Order::kR3 || order == Order::kQrSorted) {
    list.section_bits = bits_for(codes.num_outputs);
  }
  if (order == Order::kR2 || order == Order::kR3) {
    rearrange(arrangement(codes, order, key, list), list);
  }
  return list;
}

}  // namespace crossloom
