#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "crossloom/data/measurements.h"
#include "crossloom/device/cell_groups.h"

namespace crossloom {

/// Reads of cells at equal distances in time.
struct NoiseReadings {
  double interval = 0;                 // [s]
  std::vector<std::string> names;      // of the cells
  std::vector<std::vector<double>> g;  // [cells][N]  S
};

/// Whether `table` tells of noise: t, and columns of several cells, such as g_uS_a and g_uS_b.
bool has_noise(const Measurements& table);

/// The reads in `table`. Throws `ConfigError` when they are fewer than 2000, or not at equal
/// distances to a tenth of one.
NoiseReadings noise_readings(const Measurements& table);

/// A two-level signal in white Gaussian noise, found in a series.
struct TwoLevels {
  double low;         // [S]
  double high;        // [S]
  double sigma;       // [S]  of the noise at each level
  double up;          // 1    probability to go up, from one reading to the next
  double down;        // 1
  double share_high;  // 1    of the time
  double num_up;      // 1    times it went up
  double num_down;    // 1
  double log_likelihood;
};

/// The two levels of largest likelihood of `g` [N], N >= 2, by expectation–maximisation of a hidden
/// Markov chain of two states, started from two clusters.
/// Source: L. R. Rabiner, "A tutorial on hidden Markov models", Proc. IEEE 77, 1989,
/// doi:10.1109/5.18626.
TwoLevels fit_two_levels(const std::vector<double>& g);

/// Telegraph noise of one cell, with standard errors from window to window.
struct TelegraphFigures {
  std::int64_t num_windows = 0;  // in which it was found
  double amplitude = 0;          // [S]
  double amplitude_error = 0;
  double time_low = 0;  // [s]  mean stay at the lower level
  double time_low_error = 0;
  double time_high = 0;  // [s]
  double time_high_error = 0;
};

struct CellNoise {
  std::string name;
  double g = 0;           // [S]  median of its reads
  double read_noise = 0;  // [S]  white part of a read's noise
  bool has_trap = false;
  TelegraphFigures fitted;  // to every other window
  TelegraphFigures unseen;  // measured in the windows between
};

/// Fits white noise and telegraph noise to each cell.
///
/// The series is cut into windows of 2000 reads, since conductances also wander and jump slowly,
/// which neither law describes. A window shows a trap when its two levels are at least four sigma
/// apart, it went up and down at least ten times, and each level holds a tenth of the time. A cell
/// has a trap when two windows of each half show one; windows whose amplitude is more than a
/// quarter off the median are left out, as those of another trap. Every other window is fitted,
/// those between are what it is judged on. White noise is that of successive differences, by their
/// median.
std::vector<CellNoise> fit_noise(const NoiseReadings& readings);

/// Deviation [S] of means over `count` successive reads from one to the next, over sqrt(2), which
/// is the spread of such means where noise is white (Allan deviation).
double allan_deviation(const std::vector<double>& g, std::int64_t count);

/// The same of white noise `sigma` [S] and telegraph noise of `figures`, at reads `interval` [s]
/// apart.
double allan_deviation(double sigma,
                       const TelegraphFigures& figures,
                       double interval,
                       std::int64_t count);

}  // namespace crossloom
