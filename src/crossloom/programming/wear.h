#pragma once

#include <cstdint>
#include <vector>

namespace crossloom {

/// Which cell plays which role in pass i over a plan.
///
/// Column k of the plan lies in physical column (k + i) mod C; crossbar l in (l + floor(i / C)) mod
/// L; row r in (r + floor(i / (C L))) mod R. All shifts are digital: they change where
/// shift-and-add, the router and the results look, not what is computed. Source: rotating column
/// roles, docs/reprogramming.md; rotation over rows is our own.
enum class Levelling { kNone, kColumns, kColumnsAndCrossbars, kColumnsCrossbarsAndRows };

/// Writes of each cell during one pass over a plan (one inference batch), in the steady state.
struct WearMap {
  std::int64_t num_crossbars = 0;
  std::int64_t num_rows = 0;
  std::int64_t num_cols = 0;
  std::vector<double> writes;  // [crossbars, rows, columns]  1

  double total() const;
  double max() const;
  double mean() const;
  double max_over_mean() const { return max() / mean(); }
};

/// Mean writes of each cell over a whole period of the rotation.
WearMap level(const WearMap& wear, Levelling levelling);

/// Passes after which every cell has played every role it can.
std::int64_t rotation_period(const WearMap& wear, Levelling levelling);

/// The finest levelling up to `wanted` whose rotation comes round before a cell has had `endurance`
/// writes: what a chip gets of it in its life.
Levelling completed_levelling(const WearMap& wear, Levelling wanted, double endurance);

/// Inferences until the most written cell has had `endurance` writes, when each resident section
/// serves `batch` inputs. The first load of all is neglected.
double lifetime(const WearMap& levelled, double endurance, std::int64_t batch);

}  // namespace crossloom
