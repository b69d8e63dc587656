#pragma once

#include <vector>

#include "crossloom/data/measurements.h"

namespace crossloom {

/// Conductances before and after the chip was kept at a temperature for a time; each row of the
/// table is a cell of its own.
struct BakeReadings {
  std::vector<double> before;       // [N]  S
  std::vector<double> after;        // [N]  S
  std::vector<double> time;         // [N]  s
  std::vector<double> temperature;  // [N]  K
};

/// Whether `table` has a column of what was before or after a bake: r_pre, r_post, g_pre, g_post.
bool has_bake(const Measurements& table);

/// The bakes in `table`: the columns r_pre and r_post, resistances, or g_pre and g_post; t and
/// temp, how long and how hot. Throws `ConfigError` when one of them is missing or a resistance is
/// not above zero.
BakeReadings bake_readings(const Measurements& table);

}  // namespace crossloom
