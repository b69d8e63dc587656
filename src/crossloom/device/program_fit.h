#pragma once

#include <cstdint>
#include <vector>

#include "crossloom/data/measurements.h"
#include "crossloom/device/cell_groups.h"

namespace crossloom {

/// What writes aimed at, and what they left.
struct ProgramReadings {
  Tensor g_target;  // [N]  S  float64
  Tensor g;         // [N]  S  float64, right after the write
};

/// Error of a write over its target, as the device model `tabulated` takes it.
struct ProgramTable {
  std::vector<double> targets;  // [B]  S
  std::vector<double> bias;     // [B]  S  mean of g - g_target
  std::vector<double> sigma;    // [B]  S  standard deviation of it
};

/// Whether `table` tells of writes: it has a column g_target or level.
bool has_programming(const Measurements& table);

/// The writes in `table`: g_target, or the level, whose target then is the mean of its cells (so
/// that its bias is zero); and what was before a bake, g_init, or g where t is 0 or there is no t.
/// Several readings of a cell right after its write count as one, the first. Throws `ConfigError`
/// when that is not what the table holds.
ProgramReadings program_readings(const Measurements& table);

/// The law of all cells, which are taken in groups of equal number by their target, of which there
/// are at most 16, with at least 50 cells.
ProgramTable fit_program(const ProgramReadings& readings);

struct ProgramCheck {
  double target;  // [S]
  std::int64_t num_cells;
  FigureCheck bias;   // [S]
  FigureCheck sigma;  // [S]
};

/// Judges the law on cells that it has not seen, by groups of their targets: ten parts, drawn by
/// `seed`, each predicted by a law fitted to the others.
std::vector<ProgramCheck> judge_program(const ProgramReadings& readings, std::uint64_t seed);

}  // namespace crossloom
