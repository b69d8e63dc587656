#pragma once

#include <cstdint>
#include <vector>

#include "crossloom/device/ageing_readings.h"
#include "crossloom/device/cell_groups.h"

namespace crossloom {

/// Figures of all cells of a temperature at a time, corrected for cells that were not read then
/// (see `ReadingSums`).
struct AgeingCheck {
  double temperature;  // [K]
  double time;         // [s]
  std::int64_t num_read;
  FigureCheck mean;    // [S]
  FigureCheck spread;  // [S]
};

/// Judges the law on what it has not seen: ten parts of the cells, drawn by `seed`, each predicted
/// by a law fitted to the others; and each time but the first and the last, predicted by a law
/// fitted without it. Standard errors by the jackknife over the ten parts.
std::vector<AgeingCheck> judge_ageing(const std::vector<AgeingReadings>& readings,
                                      std::uint64_t seed);

}  // namespace crossloom
