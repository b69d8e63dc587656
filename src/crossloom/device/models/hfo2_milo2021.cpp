#include <array>

#include "crossloom/device/device_model.h"

namespace crossloom {
namespace {

constexpr double kLargestVoltage = 0.5;  // [V] up to which the I–V was fitted

/// sum_k c_k x^k with the highest power first, of x = log10(g / S).
template <std::size_t N>
Tensor polynomial_of_log(const std::array<double, N>& coefficients, const Tensor& g) {
  const Tensor x = g.to(at::kDouble).clamp_min(1e-9).log10();
  Tensor sum = at::full_like(x, coefficients[0]);
  for (std::size_t k = 1; k < N; ++k) sum = sum * x + coefficients[k];
  return sum.to(g.scalar_type());
}

/// [A/V^2] and [A/V^3]
constexpr std::array<double, 4> kEven = {1.388e-4, 1.541e-3, 5.711e-3, 7.063e-3};
constexpr std::array<double, 3> kOdd = {8.871e-5, 6.7919e-4, 1.2968e-3};

Tensor square_of(const Tensor& v) {
  if (v.numel() > 0 && v.abs().max().item<double>() > kLargestVoltage * (1 + 1e-6)) {
    throw ConfigError(
        "a cell of hfo2_milo2021 is read at more than 0.5 V (its I–V was measured up "
        "to 0.5 V); lower dac.v_read");
  }
  return v.square();
}

/// HfO2 1T1R array of 4 kb, levels written by program–verify.
///
///   written  g = g_t + (4.782 - 0.009107 g_t) N(0,1)          [uS]
///   I–V      i = g v + c_2(g) v^2 + c_3(g) v^3,                |v| <= 0.5 V
///
/// c_2 and c_3 are a cubic and a quadratic of log10 g. The even term makes the current depend on
/// polarity: at 62.5 uS i / (g v) is 0.85 at +0.5 V. The fits are exact at the measured levels,
/// 62.5 to 110 uS, and extended to 50–225 uS. Retention and read noise were not given and are not
/// modelled.
/// Source: V. Milo et al., "Accurate program/verify schemes of resistive switching memory (RRAM)
/// for in-memory neural network circuits", IEEE TED 2021; as fitted
/// in CrossSim, `RRAM_Milo.py`.
class Hfo2Milo2021 final : public DeviceModel {
 public:
  void describe(ParamList& params) override {
    params.add("g_min", g_min_, {50e-6, 224e-6}, "S", "smallest programmable conductance: 50 uS");
    params.add("g_max", g_max_, {51e-6, 225e-6}, "S", "largest programmable conductance: 225 uS");
    params.add("programming_noise_scale",
               programming_noise_scale_,
               {0, 10},
               "1",
               "multiplies the spread of a write; 0 = off");
  }

  ConductanceRange range() const override { return {g_min_, g_max_}; }

  Tensor program(const Tensor& g_target, Latents& /*latent*/, Rng& rng) const override {
    const Tensor sigma = (4.782e-6 - 0.009107 * g_target).clamp_min(0);
    const Tensor error = programming_noise_scale_ * sigma * rng.normal(g_target.sizes());
    return (g_target + error).clamp_min(0);
  }

  IvLaw iv_law() const override {
    IvLaw law = linear_law();
    law.push_back({square_of,
                   [](const Tensor& v) { return 2 * v; },
                   [](const Tensor& g) { return polynomial_of_log(kEven, g); }});
    law.push_back({[](const Tensor& v) { return v.pow(3); },
                   [](const Tensor& v) { return 3 * v.square(); },
                   [](const Tensor& g) { return polynomial_of_log(kOdd, g); }});
    return law;
  }

 private:
  double g_min_ = 50e-6;
  double g_max_ = 225e-6;
  double programming_noise_scale_ = 1;
};

const RegisteredDevice<Hfo2Milo2021> registered{"hfo2_milo2021"};

}  // namespace
}  // namespace crossloom
