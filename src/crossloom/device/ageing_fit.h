#pragma once

#include <cstdint>
#include <vector>

#include "crossloom/data/measurements.h"
#include "crossloom/device/ageing_table.h"
#include "crossloom/device/cell_groups.h"
#include "crossloom/device/reading_sums.h"

namespace crossloom {

/// How far cells have moved at several times after one write each, at one temperature.
struct AgeingReadings {
  double temperature = 0;     // [K]  0: not told
  std::vector<double> times;  // [K]  s  ascending
  Tensor g_start;             // [N]  S  float64, right after the write
  Tensor moved;               // [N, K]  S  float64, not a number where a cell was not read
};

/// The readings in `table`, by temperature, ascending: the columns cell, t and g (or r, a
/// resistance), and temp where there are several temperatures. The start of a cell is its g_init,
/// or its reading at t = 0. Readings within a factor of two in time count as one time, their
/// geometric mean. Throws `ConfigError` when that is not what the table holds.
std::vector<AgeingReadings> ageing_readings(const Measurements& table);

/// A law and what it was fitted to: moments [S] of the moves by temperature, of the groups at the
/// conductances of the table and the times of the readings.
struct AgeingFit {
  AgeingTable table;
  std::vector<ReadingMoments> measured;
};

/// The law of all cells of `readings`.
///
/// The cells are taken in groups of equal number by their start, of which there are at most twelve,
/// with at least 200 cells. Mean and spread of each come from `ReadingSums`. The mean is smoothed
/// over log time, since it is small against its standard error: a polynomial by least squares,
/// weighted by the number of cells over their variance, of the degree (1 to 3) that predicts best
/// the times left out of it. The spread goes through its points by monotone cubic pieces in log
/// time. Both are tabulated at the times and so close in between that lines will do. The path of a
/// cell has the correlations of the normal scores of neighbouring times; the shape is that of all
/// moves of a group, each over its time's spread.
AgeingFit fit_ageing(const std::vector<AgeingReadings>& readings);

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
