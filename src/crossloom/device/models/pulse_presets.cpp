#include "crossloom/device/models/pulse_presets.h"

#include <cmath>

namespace crossloom {
namespace {

/// Distance from the diagonal of the curve with the curvature k, where it is greatest, vertically.
double bulge(double k) {
  const double b = 1 / -std::expm1(-k);
  return b - 1 / k - std::log(b * k) / k;
}

/// One row of the synapse benchmark of NeuroSim.
struct BenchmarkRow {
  const char* name;
  double num_pulses;  // number of conductance levels
  double nl_up, nl_down;
  double r_on, on_off;  // [Ohm], 1
  double c2c;           // of g_max - g_min, each pulse
  PulseEnergy energy;   // [J] about V^2 (g_max + g_min) / 2 t, device only
};

/// Source: the manual of MLP+NeuroSim V3.0, table of synaptic devices. Where it says "< 1 %" for
/// the spread, 1 % is taken (an upper bound). The spread of taox_hfox is not in the table
/// (assumption: 3.7 %, not checked against the paper). hzo_fefet: its energy is that of charging
/// the gate.
constexpr BenchmarkRow kBenchmark[] = {
    {"ag_si", 97, 2.4, -4.88, 26e6, 12.5, 0.035, {64e-12, 49e-12}},
    {"taox_tio2", 102, 1.85, -1.79, 5e6, 2, 0.01, {54e-9, 13.5e-9}},
    {"taox_hfox", 128, 0.04, -0.63, 100e3, 10, 0.037, {0.70e-12, 0.70e-12}},
    {"pcmo", 50, 3.68, -6.76, 23e6, 6.84, 0.01, {0.1e-9, 0.1e-9}},
    {"alox_hfo2", 40, 1.94, -0.61, 16.9e3, 4.43, 0.05, {2.9e-9, 3.6e-9}},
    {"gst_pcm", 100, 0.105, 2.4, 4.71e3, 19.8, 0.015, {0.33e-9, 0.13e-9}},
    {"epiram", 64, 0.5, -0.5, 81e3, 50.2, 0.02, {0.79e-9, 0.28e-9}},
    {"hzo_fefet", 32, 1.75, 1.46, 559e3, 45, 0.01, {}},
};

PulsePreset from(const BenchmarkRow& row) {
  PulsePreset preset;
  preset.name = row.name;
  preset.law = PulseLaw::kCurve;
  preset.w_min = 0;
  preset.w_max = 1;
  preset.step = 1 / row.num_pulses;
  preset.nl_up = row.nl_up;
  preset.nl_down = row.nl_down;
  preset.c2c = row.c2c;
  preset.g_max = 1 / row.r_on;
  preset.g_min = preset.g_max / row.on_off;
  preset.energy = row.energy;
  return preset;
}

PulsePreset named(const char* name) {
  PulsePreset preset;
  preset.name = name;
  return preset;
}

PulsePreset reram_es() {
  PulsePreset p = named("reram_es");
  p.law = PulseLaw::kExponential;
  p.step = 0.00135;
  p.asymmetry = 0.259359;
  p.a_up = -1.18445;
  p.a_down = -0.081404;
  p.gamma_up = p.gamma_down = 5;
  p.z_slope = p.z_offset = -0.5;
  p.step_d2d = 0.2;
  p.asymmetry_d2d = 0.05;
  p.w_max_d2d = p.w_min_d2d = 0.3;
  p.c2c = 5;
  p.write_noise = 75;
  return p;
}

PulsePreset reram_sb() {
  PulsePreset p = named("reram_sb");
  p.gamma_up = p.gamma_down = 1;
  p.w_min = -0.75;
  p.w_max = 1.25;
  p.step = 0.002;
  p.step_d2d = 0.3;
  p.asymmetry_d2d = 0.01;
  p.w_max_d2d = 0.3 / 1.25;
  p.w_min_d2d = 0.3 / 0.75;
  p.c2c = 3.75;
  p.c2c_grows_with_step = false;
  p.write_noise = 56;
  return p;
}

PulsePreset reram_array(const char* name) {
  PulsePreset p = named(name);
  p.gamma_up = p.gamma_down = 1;
  p.step_d2d_is_log_normal = true;
  p.asymmetry_d2d = 0.01;
  p.c2c_grows_with_step = false;
  return p;
}

PulsePreset reram_array_om() {
  PulsePreset p = reram_array("reram_array_om");
  p.step = 0.0949;
  p.step_d2d = 0.7829;
  p.w_max_d2d = 0.3499;
  p.w_min_d2d = 0.5695;
  p.c2c = 0.4158;
  p.write_noise = 1.4113;
  return p;
}

PulsePreset reram_array_hfo2() {
  PulsePreset p = reram_array("reram_array_hfo2");
  p.step = 0.4622;
  p.step_d2d = 0.7125;
  p.w_max_d2d = 0.4295;
  p.w_min_d2d = 0.5990;
  p.c2c = 0.2174;
  p.write_noise = 0.5841;
  return p;
}

PulsePreset pcm() {
  PulsePreset p = named("pcm");
  p.law = PulseLaw::kExponential;
  p.w_min = 0;
  p.w_max = 2;
  p.step = 0.01;
  p.a_up = -27.235;
  p.a_down = -2.235;
  p.gamma_up = p.gamma_down = 2.5;
  p.z_slope = -1;
  p.step_d2d = 0.2;
  p.asymmetry_d2d = 0.05;
  p.w_max_d2d = 0.1;
  p.c2c = 0.6;
  p.c2c_offset = 0.042;
  p.c2c_slope = 0.108;
  return p;
}

PulsePreset linear_step(const char* name, double step, double c2c) {
  PulsePreset p = named(name);
  p.step = step;
  p.c2c = c2c;
  p.slope_is_of_mean = true;
  p.step_d2d = 0.1;
  p.asymmetry_d2d = 0.01;
  p.w_max_d2d = p.w_min_d2d = 0.05;
  return p;
}

PulsePreset ecram_mo() {
  PulsePreset p = linear_step("ecram_mo", 2.8214e-4, 2);
  p.w_min = -0.8286;
  p.w_max = 1.1714;
  p.gamma_up = 0.4152;
  p.gamma_down = 0.7342;
  return p;
}

PulsePreset ecram() {
  PulsePreset p = linear_step("ecram", 0.002, 0.3);
  p.w_min = -0.8276;
  p.w_max = 1.1724;
  p.gamma_up = 0.1153;
  p.gamma_down = 0.5085;
  return p;
}

PulsePreset capacitor() {
  PulsePreset p = linear_step("capacitor", 0.005, 0.3);
  p.gamma_up = p.gamma_down = 0.05;
  p.asymmetry_d2d = 0.06;
  p.w_max_d2d = p.w_min_d2d = 0.07;
  p.c2c_grows_with_step = false;
  return p;
}

PulsePreset constant_step(const char* name, double step, double asymmetry_d2d) {
  PulsePreset p = linear_step(name, step, 0.3);
  p.step_d2d = p.w_max_d2d = p.w_min_d2d = 0.3;
  p.asymmetry_d2d = asymmetry_d2d;
  return p;
}

std::vector<PulsePreset> make_presets() {
  std::vector<PulsePreset> presets;
  for (const BenchmarkRow& row : kBenchmark) presets.push_back(from(row));
  for (const PulsePreset& preset : {reram_es(),
                                    reram_sb(),
                                    reram_array_om(),
                                    reram_array_hfo2(),
                                    pcm(),
                                    ecram_mo(),
                                    ecram(),
                                    capacitor(),
                                    constant_step("gokmen_vlasov", 0.0016, 0.01),
                                    constant_step("idealized", 0.0002, 0)}) {
    presets.push_back(preset);
  }
  return presets;
}

}  // namespace

double curvature_of_label(double label) {
  const double wanted = 0.07 * std::sqrt(2.0) * std::abs(label);
  TORCH_CHECK(wanted < 0.99, "a label of non-linearity is between -10 and 10, not ", label);
  if (wanted < 1e-6) return 0;
  double low = 1e-5;
  double high = 1e4;
  for (int i = 0; i < 200; ++i) {
    const double middle = std::sqrt(low * high);
    (bulge(middle) < wanted ? low : high) = middle;
  }
  return label > 0 ? low : -low;
}

const std::vector<PulsePreset>& pulse_presets() {
  static const std::vector<PulsePreset> presets = make_presets();
  return presets;
}

}  // namespace crossloom
