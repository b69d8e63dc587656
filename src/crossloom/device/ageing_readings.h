#pragma once

#include <vector>

#include <ATen/ATen.h>

#include "crossloom/data/measurements.h"

namespace crossloom {

using at::Tensor;

/// How far cells have moved at several times after one write each, at one temperature.
struct AgeingReadings {
  double temperature = 0;     // [K]  0: not told
  std::vector<double> times;  // [K]  s  ascending
  Tensor g_start;             // [N]  S  float64, right after the write
  Tensor moved;               // [N, K]  S  float64, not a number where a cell was not read
};

/// The readings in `table`, by temperature, ascending: the columns cell, t and g (or r, a
/// resistance), and temp where there are several temperatures. The start of a cell is its g_init,
/// or its reading at t = 0. Or those of a bake (`BakeReadings`). Readings within a factor of two in
/// time count as one time, their geometric mean. Throws `ConfigError` when that is not what the
/// table holds.
std::vector<AgeingReadings> ageing_readings(const Measurements& table);

}  // namespace crossloom
