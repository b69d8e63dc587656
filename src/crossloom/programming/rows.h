#pragma once

#include <cstdint>
#include <vector>

#include "crossloom/core/random.h"
#include "crossloom/programming/assignment.h"
#include "crossloom/programming/bit_codes.h"

namespace crossloom {

/// Which row of the crossbar a weight of a section goes to.
enum class RowAssignment {
  kRank,      // the row that the order gave it
  kMultiset,  // a row that holds its bits already, if there is one; the rest by rank
  kHungarian  // so that the section as a whole needs the fewest writes
};

/// Cells in the lowest columns that are not always rewritten. Source: arXiv:2410.21730, abstract,
/// in the two readings of docs/reprogramming.md.
enum class Stucking {
  kNone,
  kStatic,   // a fixed random part 1 - p of the cells keeps its first value (reading S)
  kDynamic,  // at each load each differing cell is rewritten with the probability p (reading D)
};

struct RowOptions {
  SignCoding sign = SignCoding::kPhase;
  std::int64_t bits = 10;
  std::int64_t cell_bits = 1;
  RowAssignment assignment = RowAssignment::kHungarian;
};

/// Bits to write for weights, given what the rows hold.
///
/// With an error budget e, a weight may become any integer within +-e steps of its own (the sign
/// outside stays). Of those the one of least cost is taken,
///
///   cost = (8 e^2 + 1) writes + (steps off)^2,
///
/// so that for one weight writes come first and errors decide between equals; a section's rows are
/// assigned by the sum. (A larger factor saves no more writes, a smaller one trades them for
/// error.)
class WordChooser {
 public:
  explicit WordChooser(const RowOptions& options) : options_(options) {}

  /// The bits for `q` in a row that holds `present`.
  std::uint32_t choose(int q, std::int64_t budget, std::uint32_t present);

  /// Cost of `q` in each row.
  ///
  ///   present, costs  [rows]
  void count(int q,
             std::int64_t budget,
             const std::vector<std::uint32_t>& present,
             std::int32_t* costs);

 private:
  /// The integers that `q` may become, nearest first, and their words and penalties.
  void list_candidates(int q, std::int64_t budget);
  std::int32_t flip_cost(std::int64_t budget) const;
  std::uint32_t nearest_pair(std::int32_t value, std::uint32_t present) const;

  RowOptions options_;
  std::vector<std::int32_t> values_;
  std::vector<std::uint32_t> words_;
  std::vector<std::int32_t> penalties_;
};

/// Largest error budget; beyond it the summed costs of a section could overflow.
constexpr std::int64_t kMaxBudget = 64;

/// Rows of the weights of one section.
class RowAssigner {
 public:
  explicit RowAssigner(const RowOptions& options) : options_(options), chooser_(options) {}

  /// Moves the weights in `section` to other rows.
  ///
  ///   section  [rows]  index of the weight, -1: none
  void assign(std::int32_t* section,
              const std::int16_t* values,
              std::int64_t budget,
              const std::vector<std::uint32_t>& present);

 private:
  void keep_equal(std::int32_t* section,
                  const std::int16_t* values,
                  const std::vector<std::uint32_t>& present) const;
  void solve(std::int32_t* section,
             const std::int16_t* values,
             std::int64_t budget,
             const std::vector<std::uint32_t>& present);

  RowOptions options_;
  WordChooser chooser_;
  AssignmentSolver solver_;
  std::vector<std::int32_t> cost_;
};

/// Cells in the `num_columns` lowest columns that cannot, or this time shall not, be rewritten: a
/// mask of bits for each row, each cell with the probability 1 - `rewritten`. A pair has two lowest
/// columns.
std::vector<std::uint32_t> draw_stuck(const RowOptions& options,
                                      std::int64_t num_rows,
                                      std::int64_t num_columns,
                                      double rewritten,
                                      Rng& rng);

/// Error variance of static stucking in squares of a step, for low bits without preference:
/// (1 - p) / 2 * sum over b < c of 4^b. Source: docs/reprogramming.md.
double stuck_variance(std::int64_t num_columns, double rewritten);

}  // namespace crossloom
