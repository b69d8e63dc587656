#pragma once

#include <cstdint>
#include <vector>

namespace crossloom {

/// Which cell plays which role in pass i over a plan.
///
/// Column k of the plan lies in physical column (k + i) mod C; crossbar l in (l + i) mod L; row r
/// in (r + i `row_shift(R)`) mod R. All shifts are digital: they change where shift-and-add, the
/// router and the results look, not what is computed. That all three move at once spreads the roles
/// of a cell over the whole pool after a few passes, in any life. Source: rotating column roles,
/// docs/reprogramming.md; the rest is our own.
enum class Levelling { kNone, kColumns, kColumnsAndCrossbars, kColumnsCrossbarsAndRows };

/// Near 0.618 R and without a common divisor with R: consecutive multiples lie far apart and reach
/// all rows.
std::int64_t row_shift(std::int64_t num_rows);

/// Where the role at the origin is after one pass; zero in what is not levelled.
struct RoleShift {
  std::int64_t crossbars;
  std::int64_t rows;
  std::int64_t cols;
};
RoleShift role_shift(Levelling levelling, std::int64_t num_rows);

/// Writes of each cell during one pass over a plan (one inference batch), in the steady state.
struct WearMap {
  std::int64_t num_crossbars = 0;
  std::int64_t num_rows = 0;
  std::int64_t num_cols = 0;
  std::vector<double> writes;  // [crossbars, rows, columns]  1
  std::int64_t passes = 1;     // that it is the mean of

  double total() const;
  double max() const;
  double mean() const;
  double max_over_mean() const { return max() / mean(); }
};

/// Mean writes of each cell over the first passes of the rotation: as many as its most written role
/// leaves a cell of `endurance` writes, a whole period or a thousand at most. The mean over several
/// times as many has no larger maximum, since those that follow do the same from another place.
WearMap level(const WearMap& wear, Levelling levelling, double endurance);

/// Passes after which the roles lie as they did.
std::int64_t rotation_period(const WearMap& wear, Levelling levelling);

/// Inferences until the most written cell has had `endurance` writes, when each resident section
/// serves `batch` inputs. The first load of all is neglected.
double lifetime(const WearMap& levelled, double endurance, std::int64_t batch);

}  // namespace crossloom
