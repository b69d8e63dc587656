#pragma once

#include <vector>

#include "crossloom/device/ageing_readings.h"
#include "crossloom/device/ageing_table.h"
#include "crossloom/device/cell_groups.h"
#include "crossloom/device/reading_sums.h"

namespace crossloom {

/// A law and what it was fitted to: moments [S] of the moves by temperature, of the groups at the
/// conductances of the table and the times of the readings.
struct AgeingFit {
  AgeingTable table;
  std::vector<ReadingMoments> measured;
};

/// The law of all cells of `readings`.
///
/// The cells are taken in `ageing_groups`, whose mean and spread over time are `AgeingCurves`,
/// tabulated at the times and so close in between that lines will do. The path of a cell has the
/// correlations of the normal scores of neighbouring times; the shape is that of all moves of a
/// group, each over its time's spread.
AgeingFit fit_ageing(const std::vector<AgeingReadings>& readings);

/// The groups of cells of about equal number by their start, over all temperatures: at most twelve,
/// with at least 200 cells.
CellGroups ageing_groups(const std::vector<AgeingReadings>& readings);

/// Decadic logarithms of `times`.
std::vector<double> decades(const std::vector<double>& times);

}  // namespace crossloom
