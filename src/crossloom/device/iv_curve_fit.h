#pragma once

#include <string>
#include <vector>

#include "crossloom/data/measurements.h"
#include "crossloom/device/iv_law.h"

namespace crossloom {

/// Voltages over a cell and the currents they drove, in the order of time.
struct IvReadings {
  Tensor v;  // [N]  V  float64
  Tensor i;  // [N]  A  float64
};

/// Whether `table` has the columns v and i.
bool has_iv(const Measurements& table);

/// Throws `ConfigError` when there are fewer than 200 readings, or the voltages do not differ.
IvReadings iv_readings(const Measurements& table);

/// A current law as the parameters `iv…` of a device take it, and how well it does.
struct IvCandidate {
  std::string law;               // "linear", "sinh" or "tabulated"
  double curvature = 0;          // [1/V]
  std::vector<double> voltages;  // [V]  of "tabulated"
  std::vector<double> currents;  // [A]
  double g = 0;                  // [S]  conductance at small voltages
  double offset = 0;             // [A]  current at no voltage: of the instrument
  double seen = 0;               // [A]  rms of what it leaves of the readings it was fitted to
  double unseen = 0;             // [A]  of the others
};

/// The law itself.
IvLaw law_of(const IvCandidate& candidate);

struct IvFit {
  std::vector<IvCandidate> candidates;  // the laws in the order above
  std::size_t chosen = 0;
  /// [A]  rms that straight lines in 64 bins of voltage leave of the unseen readings: noise and
  /// hysteresis, which no curve can leave less of
  double floor = 0;
};

/// Fits the three laws to every other of twenty stretches of the readings, and judges them on the
/// stretches between. Chosen is the simplest whose rms there is within 2 % of the least. All have
/// an offset of the current beside them. `tabulated` goes through the mean currents of up to 16
/// bins of voltage for each polarity, made ascending.
IvFit fit_iv(const IvReadings& readings);

}  // namespace crossloom
