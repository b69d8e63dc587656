#pragma once

#include "crossloom/core/params.h"
#include "crossloom/device/device_model.h"

namespace crossloom {

/// Laws of retention that go with any device, on top of what its model says: a generic decay, the
/// acceleration of time by heat, and the disturbance by reads. All off by default.
class Retention {
 public:
  /// Which generic decay.
  enum class Law { kNone, kPower, kThermal };
  /// Where the power law goes.
  enum class Direction { kRandom, kUp, kDown };
  /// Whose thermal law.
  enum class Material { kTiHfoxTin, kTiHfaloTin, kCuMooxGdox };

  void describe(ParamList& params);

  /// By how much faster a cell ages at `temperature` [K] than at the reference:
  ///   exp(E_a / k (1 / T_ref - 1 / T))
  double acceleration(double temperature) const;

  /// Adds to `latent` what cells are born with.
  void make(Latents& latent, at::IntArrayRef sizes, Rng& rng) const;

  bool is_on() const { return law_ != Law::kNone || read_disturb_ * read_rate_ > 0; }

  /// Time [s] after which a cell starts to lose its conductance at `temperature` [K], thermal law:
  ///   t* = p_0 exp(298 p_2 / T)
  double onset(double temperature) const;

  /// What is left of `g` [S] after `elapsed` [s] at `temperature` [K]. Identity at 0.
  ///
  ///   power     g (t / t_0)^(d v),             t >= t_0; d in {-1, 0, 1} belongs to the cell
  ///   thermal   g (t / t*)^-(298 p_3 p_2 / T), t >= t*;  Cu:MoOx/GdOx drops to 1 / 26 MOhm at t*
  ///   reads     g_max - (g_max - g) (1 - disturb)^(rate t)
  ///
  /// Source of the power law: NeuroSim; of the thermal one: fits of C. Lammie et al. (2021) to
  /// published retention of Ti/HfOx/TiN in its low-resistance state, Ti/HfAlO/TiN, Cu:MoOx/GdOx.
  Tensor apply(const Tensor& g,
               const Tensor& elapsed,
               const Latents& latent,
               double g_max,
               double temperature) const;

 private:
  Tensor power_factor(const Tensor& elapsed, const Latents& latent, double temperature) const;
  Tensor thermal(const Tensor& g, const Tensor& elapsed, double temperature) const;

  Law law_ = Law::kNone;
  double exponent_ = 0.01;
  double t_0_ = 1;  // [s]
  Direction direction_ = Direction::kRandom;
  Material material_ = Material::kTiHfoxTin;
  double activation_energy_ = 0;        // [eV]
  double reference_temperature_ = 300;  // [K]
  double read_disturb_ = 0;
  double read_rate_ = 0;  // [1/s]
};

}  // namespace crossloom
