#pragma once

#include <string>
#include <vector>

#include "crossloom/device/device_model.h"

namespace crossloom {

/// How the step of one pulse depends on where the cell stands.
enum class PulseLaw {
  kLinear,       // step (1 - gamma w / w_bound): gamma 0 is a constant step, 1 are soft bounds
  kExponential,  // step max(1 - a exp(gamma z), 0), z linear in w
  kCurve,        // along G(p) = B (1 - exp(-p / A)) + g_min, p the number of the pulse
};

/// Measured or benchmark answers to pulses. Weights w are dimensionless; w_min stands for g_min and
/// w_max for g_max.
struct PulsePreset {
  std::string name;
  PulseLaw law = PulseLaw::kLinear;
  double w_min = -1, w_max = 1;
  double step = 0.01;    // mean step at w = 0, weight; of kCurve: 1 / number of pulses
  double asymmetry = 0;  // up steps are (1 + it), down steps (1 - it)
  double gamma_up = 0, gamma_down = 0;
  bool slope_is_of_mean = false;     // kLinear: w_bound is that of the preset, not the cell's own
  double a_up = 0, a_down = 0;       // kExponential
  double z_slope = 0, z_offset = 0;  // kExponential: z = 2 z_slope w / (w_max - w_min) + z_offset
  double nl_up = 0, nl_down = 0;     // kCurve: labels of non-linearity
  double c2c = 0;                    // spread of a step, in steps; of kCurve: in g_max - g_min
  bool c2c_grows_with_step = true;   // false: the spread is that of the mean step everywhere
  double c2c_offset = 0, c2c_slope = 0;  // spread c2c (|dw| + offset + slope |w|)
  double step_d2d = 0;
  bool step_d2d_is_log_normal = false;
  double asymmetry_d2d = 0;
  double w_max_d2d = 0, w_min_d2d = 0;  // relative to w_max and w_min
  double write_noise = 0;               // what a train of pulses adds to what is seen, in steps
  double g_min = 1e-6, g_max = 50e-6;   // [S]
  PulseEnergy energy;
};

const std::vector<PulsePreset>& pulse_presets();

/// Curvature k of u(x) = (1 - exp(-k x)) / (1 - exp(-k)), 0 <= x <= 1, whose label of
/// non-linearity is `label`: its greatest distance from the diagonal, measured across it, is
/// 0.07 |label|; a negative label bends the other way. 1/k is the "normalised A" that NeuroSim
/// tabulates in steps of 0.01.
double curvature_of_label(double label);

}  // namespace crossloom
