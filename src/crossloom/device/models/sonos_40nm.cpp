#include <algorithm>
#include <array>

#include "crossloom/device/device_model.h"

namespace crossloom {
namespace {

constexpr double kNano = 1e-9;           // [A] the fits are in nanoamperes
constexpr double kReadVoltage = 0.1;     // [V] 1600 nA are 16 uS
constexpr double kDay = 86400;           // [s]
constexpr double kLargestFitted = 1400;  // [nA] up to which the printed coefficients hold

/// What was measured at one time: the mean shift of the current, a polynomial in nA (lowest power
/// first), and its spread A (1 - exp(-I / B)).
struct Snapshot {
  std::array<double, 11> shift;
  double a, b;  // [nA]
};

/// After 0, 1, … 5 days.
constexpr std::array<Snapshot, 6> kDays = {{
    {{}, 19.88665, 176.3115},
    {{6.83650e-01,
      6.51250e-03,
      -4.03163e-04,
      3.37944e-06,
      -1.87435e-08,
      5.88902e-11,
      -1.07685e-13,
      1.17751e-16,
      -7.60016e-20,
      2.67255e-23,
      -3.94954e-27},
     25.59102,
     186.85544},
    {{6.60925e-01,
      8.60627e-03,
      -1.72936e-04,
      7.44096e-07,
      -5.94866e-09,
      2.36734e-11,
      -4.83740e-14,
      5.56072e-17,
      -3.65397e-20,
      1.28405e-23,
      -1.87450e-27},
     28.72753,
     193.56834},
    {{1.15821e00,
      1.96116e-02,
      -4.70807e-04,
      3.67510e-06,
      -2.08786e-08,
      6.59752e-11,
      -1.19499e-13,
      1.28435e-16,
      -8.11574e-20,
      2.78802e-23,
      -4.02057e-27},
     31.04318,
     198.90332},
    {{8.72216e-01,
      1.70926e-02,
      -2.23370e-04,
      1.57526e-06,
      -1.32779e-08,
      5.08256e-11,
      -1.01251e-13,
      1.14633e-16,
      -7.46124e-20,
      2.60559e-23,
      -3.78724e-27},
     33.76214,
     204.77023},
    {{1.15294e00,
      1.03149e-02,
      -6.05199e-05,
      1.76086e-08,
      -6.46690e-09,
      3.39044e-11,
      -7.53872e-14,
      8.98185e-17,
      -6.00346e-20,
      2.12615e-23,
      -3.11099e-27},
     34.57909,
     207.34309},
}};

/// A (1 - exp(-I / B)); all in nA
Tensor saturating(double a, double b, const Tensor& current) {
  return a * (1 - (-current / b).exp());
}

/// Mean shift and spread [nA] of the current `i` [nA, float64] some days after the write.
struct Drift {
  Tensor shift, spread;
};

Drift drift_at(const Snapshot& day, const Tensor& i) {
  const Tensor x = i.clamp(0, kLargestFitted);
  Tensor shift = at::zeros_like(x);
  for (std::size_t k = day.shift.size(); k-- > 0;) shift = shift * x + day.shift[k];
  return {shift, saturating(day.a, day.b, i)};
}

/// Charge-trapping (SONOS) memory in 40 nm, read below threshold: currents up to 1600 nA, taken as
/// conductances at 0.1 V.
///
///   written  i = i_t + A_0 (1 - exp(-i_t / B_0)) N(0,1)
///   age      i(t) = i + shift(i_t, t) + sqrt(max(sigma(i_t, t)^2 - sigma(i_t, 0)^2, 0)) xi
///   read     sigma = 12.58 nA (1 - exp(-i / 215.4 nA))
///
/// shift is a polynomial of tenth degree in i_t, sigma = A (1 - exp(-i_t / B)); both were measured
/// after 0, 1, … 5 days and are taken as linear in time between. xi is one deviate per cell and
/// write. Above 1400 nA, where the five printed digits no longer carry the polynomial, the shift is
/// that of 1400 nA (assumption). The nearly exponential dependence of the current on the gate
/// voltage, the write pulses and temperature are not modelled.
/// Source: V. Agrawal et al., "Subthreshold operation of SONOS analog memory to enable accurate
/// low-power neural network inference", IEDM 2022, ieeexplore.ieee.org/document/10019564; Fig. 10
/// and 11 as fitted in CrossSim, `SONOS.py`.
class Sonos40nm final : public DeviceModel {
 public:
  void describe(ParamList& params) override {
    params.add("g_min", g_min_, {0, 15e-6}, "S", "smallest programmable conductance");
    params.add("g_max", g_max_, {1e-6, 16e-6}, "S", "largest programmable conductance: 16 uS");
    params.add("programming_noise_scale",
               programming_noise_scale_,
               {0, 10},
               "1",
               "multiplies the spread after the write and its growth; 0 = off");
    params.add("drift_scale", drift_scale_, {0, 10}, "1", "multiplies the mean shift; 0 = off");
  }

  ConductanceRange range() const override { return {g_min_, g_max_}; }

  Latents drawn_at_write(at::IntArrayRef sizes, Rng& rng) const override {
    return {{"relaxation", rng.normal(sizes)}};
  }

  Tensor program(const Tensor& g_target, Latents& /*latent*/, Rng& rng) const override {
    const Tensor sigma = saturating(kDays[0].a, kDays[0].b, g_target / kUnit) * kUnit;
    const Tensor error = programming_noise_scale_ * sigma * rng.normal(g_target.sizes());
    return (g_target + error).clamp_min(0);
  }

  Tensor age(const Tensor& g_target,
             const Tensor& g_written,
             const Tensor& elapsed,
             const Latents& latent) const override {
    const Tensor i = (g_target / kUnit).to(at::kDouble);
    const Tensor days = elapsed / kDay;
    Tensor shift = at::zeros({1}, at::kDouble);
    Tensor spread = at::zeros({1}, at::kDouble);
    for (std::size_t day = 0; day < kDays.size(); ++day) {
      const Tensor weight = (1 - (days - static_cast<double>(day)).abs()).clamp_min(0);
      if (weight.numel() == 1 && weight.item<double>() == 0) continue;
      const Drift drift = drift_at(kDays[day], i);
      shift = shift + weight * drift.shift;
      spread = spread + weight * drift.spread;
    }
    const Tensor at_write = saturating(kDays[0].a, kDays[0].b, i);
    const Tensor growth =
        programming_noise_scale_ * (spread.square() - at_write.square()).clamp_min(0).sqrt();
    const Tensor moved = drift_scale_ * shift + growth * latent.at("relaxation");
    return (g_written + (kUnit * moved).to(at::kFloat)).clamp_min(0);
  }

  double max_elapsed() const override { return 5 * kDay; }

  Tensor read_sigma(const Tensor& g, const Tensor& /*elapsed*/) const override {
    return saturating(12.58037, 215.36557, g / kUnit) * kUnit;
  }

 private:
  static constexpr double kUnit = kNano / kReadVoltage;  // [S] of one nanoampere

  double g_min_ = 0;
  double g_max_ = 16e-6;
  double programming_noise_scale_ = 1;
  double drift_scale_ = 1;
};

const RegisteredDevice<Sonos40nm> registered{"sonos_40nm"};

}  // namespace
}  // namespace crossloom
