#include "crossloom/programming/rows.h"

#include <algorithm>
#include <limits>

#include "crossloom/programming/flip_count.h"

namespace crossloom {

void WordChooser::list_candidates(int q, std::int64_t budget) {
  const int largest = (1 << options_.bits) - 1;
  const bool is_outside = options_.sign == SignCoding::kPhase;
  const bool is_pair = options_.sign == SignCoding::kRedundantPair;
  const int centre = is_outside ? std::abs(q) : q;
  values_.clear();
  words_.clear();
  penalties_.clear();
  const auto add = [&](int value, int step) {
    values_.push_back(value);
    words_.push_back(is_pair ? static_cast<std::uint32_t>(value)
                             : encode(options_.sign, options_.bits, value));
    penalties_.push_back(step * step);
  };
  add(centre, 0);
  for (int step = 1; step <= budget; ++step) {
    if (centre - step >= (is_outside ? 0 : -largest)) add(centre - step, step);
    if (centre + step <= largest) add(centre + step, step);
  }
}

std::int32_t WordChooser::flip_cost(std::int64_t budget) const {
  return static_cast<std::int32_t>(8 * budget * budget + 1);
}

namespace {

/// Writes that bring one place of a pair, which holds (p, n), to each digit p - n.
struct PlaceCosts {
  int equal;     // (0, 0) or (1, 1)
  int plus;      // (1, 0)
  int minus;     // (0, 1)
  bool is_both;  // (1, 1) is the nearer one of equal digits
};

PlaceCosts place_costs(std::uint32_t present, int bit, int bits) {
  const int p = static_cast<int>(present >> bit & 1U);
  const int n = static_cast<int>(present >> (bit + bits) & 1U);
  return {std::min(p + n, 2 - p - n), 1 - p + n, p + 1 - n, p + n == 2};
}

}  // namespace

/// The pair p - n = value with the fewest differences to `present`: the recursion of
/// `least_pair_costs` forwards, then the digits from the top back to the lowest.
std::uint32_t WordChooser::nearest_pair(std::int32_t value, std::uint32_t present) const {
  constexpr int kNever = 1000;
  const int bits = static_cast<int>(options_.bits);
  int cost[kMaxBits + 1][2] = {{0, kNever}};  // [bits done][borrow]
  for (int bit = 0; bit < bits; ++bit) {
    const PlaceCosts place = place_costs(present, bit, bits);
    const auto [even, borrow] = cost[bit];
    const bool is_one = (value >> bit & 1) != 0;
    cost[bit + 1][0] =
        is_one ? even + place.plus : std::min(even + place.equal, borrow + place.plus);
    cost[bit + 1][1] =
        is_one ? std::min(even + place.minus, borrow + place.equal) : borrow + place.minus;
  }
  std::uint32_t word = 0;
  bool is_borrowing = value < 0;
  for (int bit = bits - 1; bit >= 0; --bit) {
    const PlaceCosts place = place_costs(present, bit, bits);
    const auto [even, borrow] = cost[bit];
    const bool is_one = (value >> bit & 1) != 0;
    int digit = is_borrowing ? -1 : 1;  // p - n; here the lower bits borrow as this one does
    if (is_one == is_borrowing) {       // ... or the digits are equal, or the lower bits differ
      const bool is_equal = is_borrowing ? borrow + place.equal <= even + place.minus
                                         : even + place.equal <= borrow + place.plus;
      if (is_equal) digit = 0;
      is_borrowing = is_equal == is_borrowing;
    }
    if (digit == 1 || (digit == 0 && place.is_both)) word |= std::uint32_t{1} << bit;
    if (digit == -1 || (digit == 0 && place.is_both)) word |= std::uint32_t{1} << (bit + bits);
  }
  return word;
}

std::uint32_t WordChooser::choose(int q, std::int64_t budget, std::uint32_t present) {
  const bool is_pair = options_.sign == SignCoding::kRedundantPair;
  if (budget == 0 && !is_pair) return encode(options_.sign, options_.bits, q);
  list_candidates(q, budget);
  std::uint32_t best = 0;
  std::int32_t least = std::numeric_limits<std::int32_t>::max();
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const std::uint32_t word = is_pair ? nearest_pair(values_[i], present) : words_[i];
    std::int32_t cost = 0;
    least_costs(&present,
                1,
                {&word, &penalties_[i], 1, flip_cost(budget)},
                static_cast<int>(options_.cell_bits),
                &cost);
    if (cost < least) {
      least = cost;
      best = word;
    }
  }
  return best;
}

void WordChooser::count(int q,
                        std::int64_t budget,
                        const std::vector<std::uint32_t>& present,
                        std::int32_t* costs) {
  list_candidates(q, budget);
  const Candidates candidates{words_.data(), penalties_.data(), words_.size(), flip_cost(budget)};
  if (options_.sign == SignCoding::kRedundantPair) {
    least_pair_costs(
        present.data(), present.size(), candidates, static_cast<int>(options_.bits), costs);
  } else {
    least_costs(
        present.data(), present.size(), candidates, static_cast<int>(options_.cell_bits), costs);
  }
}

void RowAssigner::assign(std::int32_t* section,
                         const std::int16_t* values,
                         std::int64_t budget,
                         const std::vector<std::uint32_t>& present) {
  if (options_.assignment == RowAssignment::kMultiset) keep_equal(section, values, present);
  if (options_.assignment == RowAssignment::kHungarian) solve(section, values, budget, present);
}

void RowAssigner::keep_equal(std::int32_t* section,
                             const std::int16_t* values,
                             const std::vector<std::uint32_t>& present) const {
  const std::size_t rows = present.size();
  using Held =
      std::pair<std::uint32_t, std::int32_t>;  // bits, and the weight or row they belong to
  std::vector<Held> weights;
  std::vector<Held> places;
  for (std::size_t row = 0; row < rows; ++row) {
    if (section[row] >= 0) {
      weights.emplace_back(encode(options_.sign, options_.bits, values[section[row]]),
                           section[row]);
    }
    places.emplace_back(present[row], static_cast<std::int32_t>(row));
  }
  std::sort(weights.begin(), weights.end());
  std::sort(places.begin(), places.end());
  std::fill_n(section, rows, -1);
  std::vector<std::int32_t> moving;
  std::vector<std::int32_t> rows_left;
  std::size_t place = 0;
  for (const auto& [word, weight] : weights) {
    while (place < rows && places[place].first < word) rows_left.push_back(places[place++].second);
    if (place < rows && places[place].first == word) {
      section[places[place++].second] = weight;
    } else {
      moving.push_back(weight);
    }
  }
  for (; place < rows; ++place) rows_left.push_back(places[place].second);
  // With rows to spare the gaps are spread evenly over the ranks.
  for (std::size_t i = 0; i < moving.size(); ++i) {
    section[rows_left[i * rows_left.size() / moving.size()]] = moving[i];
  }
}

void RowAssigner::solve(std::int32_t* section,
                        const std::int16_t* values,
                        std::int64_t budget,
                        const std::vector<std::uint32_t>& present) {
  const std::size_t rows = present.size();
  std::vector<std::int32_t> weights;
  for (std::size_t row = 0; row < rows; ++row) {
    if (section[row] >= 0) weights.push_back(section[row]);
  }
  cost_.assign(rows * rows, 0);  // rows without a weight cost nothing
  for (std::size_t i = 0; i < weights.size(); ++i) {
    chooser_.count(values[weights[i]], budget, present, &cost_[i * rows]);
  }
  const auto& row_of = solver_.solve(cost_, static_cast<std::int32_t>(rows));
  std::fill_n(section, rows, -1);
  for (std::size_t i = 0; i < weights.size(); ++i) section[row_of[i]] = weights[i];
}

std::vector<std::uint32_t> draw_stuck(const RowOptions& options,
                                      std::int64_t num_rows,
                                      std::int64_t num_columns,
                                      double rewritten,
                                      Rng& rng) {
  const bool is_pair =
      options.sign == SignCoding::kPair || options.sign == SignCoding::kRedundantPair;
  const std::int64_t halves = is_pair ? 2 : 1;
  std::vector<std::uint32_t> masks(num_rows);
  const Tensor drawn = rng.uniform({num_rows, halves, num_columns});
  const float* uniform = drawn.data_ptr<float>();
  const std::uint32_t cell = (std::uint32_t{1} << options.cell_bits) - 1;
  for (std::int64_t i = 0; i < drawn.numel(); ++i) {
    if (uniform[i] < rewritten) continue;
    const std::int64_t col = i % num_columns;
    const std::int64_t half = i / num_columns % halves;
    masks[i / num_columns / halves] |= cell << (half * options.bits + col * options.cell_bits);
  }
  return masks;
}

double stuck_variance(std::int64_t num_columns, double rewritten) {
  double sum = 0;
  for (std::int64_t bit = 0; bit < num_columns; ++bit)
    sum += static_cast<double>(std::int64_t{1} << (2 * bit));
  return (1 - rewritten) / 2 * sum;
}

}  // namespace crossloom
