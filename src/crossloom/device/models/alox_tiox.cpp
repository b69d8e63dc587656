#include <cmath>

#include "crossloom/device/device_model.h"

namespace crossloom {
namespace {

constexpr double kBoltzmann = 1.380649e-23;  // [J/K], exact by definition
constexpr double kZeroCelsius = 273.15;      // [K], exact by definition
constexpr double kRoom = 300;                // [K] of the conductances that are written

/// i = A_1 v + A_3 v^3 of a cell of the state G [S], at T degrees Celsius:
///   A_1 = a_0 + a_1 G + a_2 T                      spread p_0 + p_1 G + p_2 T + p_3 G^2
///   A_3 = b_0 G + b_1 G^2 + b_2 T^-1.33
constexpr double kA0 = -2.58e-6;  // [S]
constexpr double kA1 = 0.977;     // [1]
constexpr double kA2 = 1.166e-7;  // [S/degC]
constexpr double kP0 = -1.07e-6;  // [S]
constexpr double kP1 = 0.25;      // [1]
constexpr double kP2 = 2.20e-8;   // [S/degC]
constexpr double kP3 = -1300;     // [1/S]
constexpr double kB0 = 1.18;      // [1/V^2]
constexpr double kB1 = 6596;      // [1/(S V^2)]
constexpr double kB2 = 1.605e-3;  // [degC^1.33 S/V^2]

/// The state G of a cell whose small-signal conductance A_1 is `g` at `celsius`.
Tensor state_of(const Tensor& g, double celsius) {
  return (g - (kA0 + kA2 * celsius)) / kA1;
}

/// Al2O3/TiO2-x memristors of a passive crossbar: a cubic I–V whose terms depend on temperature.
///
///   I–V      i = A_1 v + A_3 v^3;  g of a cell is its A_1 at 300 K
///   written  g = g_t + sigma_1(G_t) xi,           xi stays with the cell for its life
///   heat     A_1 grows by 0.1166 uS per kelvin above 300 K; A_3 falls as T^-1.33, T in degC
///   read     sigma = sqrt(4 k T f g) / v_read      (thermal noise of the bandwidth f)
///
/// The states are those of 3.16 to 316 uS, voltages up to 0.4 V. Temperatures are in degrees
/// Celsius, as the source labels its units (the program that ships the constants passes kelvin).
/// The spread of A_3, and the SET and RESET pulses (eight bins of twenty coefficients) are not
/// modelled: a write leaves the spread from device to device. Retention is not given.
/// Source: H. Nili et al., "Comprehensive compact phenomenological modeling of integrated
/// metal-oxide memristors", IEEE Trans. Nanotechnology 2020, ieeexplore.ieee.org/document/9047174;
/// as in github.com/caixunshiren/pytorch-metal-oxide-memristor-crossbar, `memristor/params.yaml`.
class AloxTiox final : public DeviceModel {
 public:
  void describe(ParamList& params) override {
    params.add("g_min", g_min_, {3.66e-6, 300e-6}, "S", "A_1 of the smallest state, 3.16 uS");
    params.add("g_max", g_max_, {4e-6, 309.4e-6}, "S", "A_1 of the largest state, 316 uS");
    params.add("variation_scale",
               variation_scale_,
               {0, 10},
               "1",
               "multiplies the spread from device to device; 0 = off");
    params.add("bandwidth", bandwidth_, {0, 1e10}, "Hz", "of a read, for its thermal noise");
    params.add("v_noise", v_noise_, {0.01, 0.4}, "V", "voltage of a read (assumption: 0.2 V)");
  }

  ConductanceRange range() const override { return {g_min_, g_max_}; }

  Latents born_with(at::IntArrayRef sizes, Rng& rng) const override {
    return {{"variation", rng.normal(sizes)}};
  }

  std::vector<std::string> written_with() const override { return {"variation"}; }

  Tensor program(const Tensor& g_target, Latents& latent, Rng& /*rng*/) const override {
    const double celsius = kRoom - kZeroCelsius;
    const Tensor state = state_of(g_target, celsius);
    const Tensor sigma = (kP0 + kP2 * celsius + kP1 * state + kP3 * state.square()).clamp_min(0);
    return (g_target + variation_scale_ * sigma * latent.at("variation")).clamp_min(0);
  }

  Tensor read_sigma(const Tensor& g, const Tensor& /*elapsed*/) const override {
    const double power = 4 * kBoltzmann * temperature() * bandwidth_;  // [W]
    return (power * g).sqrt() / v_noise_;
  }

  IvLaw iv_law() const override {
    const double celsius = temperature() - kZeroCelsius;
    TORCH_CHECK(celsius > 0, "the I–V of alox_tiox is known above 0 degrees Celsius");
    const double warming = kA2 * (temperature() - kRoom);
    IvLaw law = linear_law();
    law[0].strength = [warming](const Tensor& g) { return (g + warming).clamp_min(0); };
    law.push_back({[](const Tensor& v) { return v.pow(3); },
                   [](const Tensor& v) { return 3 * v.square(); },
                   [celsius](const Tensor& g) {
                     const Tensor state = state_of(g, kRoom - kZeroCelsius).clamp_min(0);
                     return kB0 * state + kB1 * state.square() + kB2 * std::pow(celsius, -1.33);
                   }});
    return law;
  }

 private:
  double g_min_ = 3.66e-6;
  double g_max_ = 309e-6;
  double variation_scale_ = 1;
  double bandwidth_ = 1e8;
  double v_noise_ = 0.2;
};

const RegisteredDevice<AloxTiox> registered{"alox_tiox"};

}  // namespace
}  // namespace crossloom
