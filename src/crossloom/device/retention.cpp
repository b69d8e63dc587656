#include "crossloom/device/retention.h"

#include <cmath>

namespace crossloom {
namespace {

constexpr double kBoltzmann = 8.617333262e-5;  // [eV/K], CODATA 2018
constexpr double kRoom = 298;                  // [K] of the thermal fits
constexpr double kBroken = 1 / 26e6;           // [S] a cell of Cu:MoOx/GdOx after t*

/// t* = p_0 exp(298 p_2 / T), then R grows as (t / t*)^(298 p_3 p_2 / T).
struct ThermalFit {
  double p0;  // [s]
  double p2;
  double p3;
};

ThermalFit fit_of(Retention::Material material) {
  switch (material) {
    case Retention::Material::kTiHfoxTin:
      return {1.541e-13, 63.43, 0.04};
    case Retention::Material::kTiHfaloTin:
      return {4.764e-17, 76.47, 0.014};
    default:
      return {1.029e-9, 46.01, 0};
  }
}

}  // namespace

void Retention::describe(ParamList& params) {
  params.add_choice<Law>("retention",
                         law_,
                         {{"none", Law::kNone}, {"power", Law::kPower}, {"thermal", Law::kThermal}},
                         "generic decay on top of that of the model");
  params.add("retention_exponent",
             exponent_,
             {0, 1},
             "1",
             "of the power law g (t/t_0)^(+-v) (assumption: 0.01)");
  params.add("retention_t_0", t_0_, {1e-9, 1e9}, "s", "time from which the power law holds");
  params.add_choice<Direction>(
      "retention_direction",
      direction_,
      {{"random", Direction::kRandom}, {"up", Direction::kUp}, {"down", Direction::kDown}},
      "where the power law takes a cell; random: up, down or nowhere, one third each");
  params.add_choice<Material>("retention_material",
                              material_,
                              {{"ti_hfox_tin", Material::kTiHfoxTin},
                               {"ti_hfalo_tin", Material::kTiHfaloTin},
                               {"cu_moox_gdox", Material::kCuMooxGdox}},
                              "stack whose thermal law is taken");
  params.add("activation_energy",
             activation_energy_,
             {0, 5},
             "eV",
             "by which heat makes a cell age faster, but for the thermal law, which has its own; "
             "0 = off, 1.2 to 1.6 for HfOx");
  params.add("reference_temperature",
             reference_temperature_,
             {200, 600},
             "K",
             "at which the model's ageing was measured");
  params.add("read_disturb",
             read_disturb_,
             {0, 1},
             "1",
             "share of the way to g_max that a read takes a cell; 0 = off");
  params.add("read_rate", read_rate_, {0, 1e12}, "Hz", "reads of a cell while it is in service");
}

double Retention::acceleration(double temperature) const {
  if (activation_energy_ == 0) return 1;
  return std::exp(activation_energy_ / kBoltzmann * (1 / reference_temperature_ - 1 / temperature));
}

double Retention::onset(double temperature) const {
  const ThermalFit fit = fit_of(material_);
  return fit.p0 * std::exp(kRoom * fit.p2 / temperature);
}

void Retention::make(Latents& latent, at::IntArrayRef sizes, Rng& rng) const {
  if (law_ != Law::kPower || direction_ != Direction::kRandom) return;
  latent["retention_direction"] = (3 * rng.uniform(sizes)).floor().clamp_max(2) - 1;
}

Tensor Retention::apply(const Tensor& g,
                        const Tensor& elapsed,
                        const Latents& latent,
                        double g_max,
                        double temperature) const {
  Tensor left = g;
  if (law_ == Law::kPower) left = left * power_factor(elapsed, latent, temperature);
  if (law_ == Law::kThermal) left = thermal(left, elapsed, temperature);
  if (read_disturb_ * read_rate_ > 0) {
    const Tensor way_left =
        (elapsed * (read_rate_ * std::log1p(-std::min(read_disturb_, 1 - 1e-12)))).exp();
    left = left + (g_max - left).clamp_min(0) * (1 - way_left).to(at::kFloat);
  }
  return left;
}

Tensor Retention::power_factor(const Tensor& elapsed,
                               const Latents& latent,
                               double temperature) const {
  const Tensor log_time = (elapsed * (acceleration(temperature) / t_0_)).clamp_min(1).log();
  const double v = direction_ == Direction::kDown ? -exponent_ : exponent_;
  const Tensor power = (v * log_time).to(at::kFloat);
  return direction_ == Direction::kRandom ? (power * latent.at("retention_direction")).exp()
                                          : power.exp();
}

Tensor Retention::thermal(const Tensor& g, const Tensor& elapsed, double temperature) const {
  const Tensor ratio = elapsed / onset(temperature);
  if (material_ == Material::kCuMooxGdox) {
    return at::where(ratio.ge(1), g.clamp_max(kBroken), g);
  }
  const ThermalFit fit = fit_of(material_);
  const double power = kRoom * fit.p3 * fit.p2 / temperature;
  return g * (-power * ratio.clamp_min(1).log()).exp().to(at::kFloat);
}

}  // namespace crossloom
