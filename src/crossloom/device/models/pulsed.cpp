#include <algorithm>
#include <cmath>

#include "crossloom/device/models/pulse_presets.h"

namespace crossloom {
namespace {

constexpr double kAsPreset = -1;

std::vector<std::pair<std::string, std::size_t>> preset_choices() {
  std::vector<std::pair<std::string, std::size_t>> choices;
  for (const PulsePreset& preset : pulse_presets())
    choices.emplace_back(preset.name, choices.size());
  return choices;
}

/// u(x) = (1 - exp(-k x)) / (1 - exp(-k)) and its inverse on [0, 1].
Tensor curve(const Tensor& x, double k) {
  return k == 0 ? x : (-k * x).expm1() / std::expm1(-k);
}

Tensor inverse_curve(const Tensor& u, double k) {
  return k == 0 ? u : (u * std::expm1(-k)).log1p() / -k;
}

/// A cell that is programmed by blind pulses and answers each by its own law.
///
///   linear       dw = step (1 + d beta) (1 - gamma_d w / w_d)         w_d: the bound ahead
///   exponential  dw = step (1 + d beta) max(1 - a_d exp(d gamma_d z), 0)
///                z = 2 z_slope w / (w_max - w_min) + z_offset
///   curve        G(p) = B (1 - exp(-p / A)) + g_min, up and down each along its own; p is where
///   the
///                cell stands on it, one pulse is one step of p
///
/// d is +1 for SET and -1 for RESET, w the conductance in the weights of the preset. The first two
/// laws go pulse by pulse, each with its own spread; the curve takes n pulses at once with sqrt(n)
/// times the spread. Step, asymmetry and bounds of a cell are its own for life. A train of pulses
/// leaves `write_noise` on what is seen, not on what the next pulse starts from. A write–verified
/// cell ends within half a mean step of its target (assumption).
///
/// Presets in weights (reram_*, pcm, ecram*, capacitor, gokmen_vlasov, idealized) are those of
/// IBM's aihwkit, `simulator/presets/devices.py`, with the source of each there; their conductances
/// are an assumption (1 to 50 uS). The others are the synapse benchmark of MLP+NeuroSim V3.0.
/// Retention and read noise are not part of either; leakage of the capacitor, and the refresh of
/// pcm, which only goes up, are not modelled.
class Pulsed final : public DeviceModel {
 public:
  void describe(ParamList& params) override {
    params.add_choice<std::size_t>(
        "preset", preset_, preset_choices(), "device whose answer to pulses is taken");
    const Bounds own = {kAsPreset, 1e3};
    params.add(
        "g_min", g_min_, {kAsPreset, 1}, "S", "smallest conductance; -1 = as the preset has it");
    params.add(
        "g_max", g_max_, {kAsPreset, 1}, "S", "largest conductance; -1 = as the preset has it");
    params.add("step",
               step_,
               {kAsPreset, 1},
               "1",
               "mean step of a pulse, of g_max - g_min; -1 = as the preset has it");
    params.add("c2c",
               c2c_,
               own,
               "1",
               "spread of a step, in steps (curves: of g_max - g_min); "
               "-1 = as the preset has it");
    params.add(
        "write_noise",
        write_noise_,
        own,
        "1",
        "spread of what is seen after a train of pulses, in steps; -1 = as the preset has it");
    params.add("d2d_scale",
               d2d_scale_,
               {0, 10},
               "1",
               "multiplies the spreads of step, asymmetry and bounds from cell to cell; 0 = off");
  }

  ConductanceRange range() const override {
    return {g_min_ >= 0 ? g_min_ : preset().g_min, g_max_ >= 0 ? g_max_ : preset().g_max};
  }

  std::int64_t num_levels() const override {
    return 1 + std::llround((preset().w_max - preset().w_min) / step());
  }

  PulseEnergy pulse_energy() const override { return preset().energy; }

  Latents born_with(at::IntArrayRef sizes, Rng& rng) const override {
    Latents own;
    for (const auto& [name, spread] : spreads()) own[name] = spread * rng.normal(sizes);
    if (write_noise() > 0) own["write_noise"] = at::zeros(sizes, at::kFloat);
    return own;
  }

  std::vector<std::string> written_with() const override {
    std::vector<std::string> names;
    for (const auto& item : spreads()) names.push_back(item.first);
    if (write_noise() > 0) names.push_back("write_noise");
    return names;
  }

  Tensor program(const Tensor& g_target, Latents& latent, Rng& rng) const override {
    const Tensor error = step() * (rng.uniform(g_target.sizes()) - 0.5);
    if (write_noise() > 0) latent["write_noise"] = at::zeros_like(g_target);
    return to_conductance(within_bounds(to_weight(g_target) + error, latent));
  }

  Tensor pulse(const Tensor& g,
               const Tensor& num_pulses,
               Latents& latent,
               Rng& rng) const override {
    Tensor w = to_weight(g);
    if (write_noise() > 0) w = w - latent.at("write_noise");
    w = preset().law == PulseLaw::kCurve ? along_curve(w, num_pulses, latent, rng)
                                         : pulse_by_pulse(w, num_pulses, latent, rng);
    if (write_noise() > 0) {
      const Tensor noise = write_noise() * step() * rng.normal(w.sizes());
      latent["write_noise"] = at::where(num_pulses.ne(0), noise, latent.at("write_noise"));
      w = w + latent.at("write_noise");
    }
    return to_conductance(w).clamp_min(0);
  }

 private:
  const PulsePreset& preset() const { return pulse_presets()[preset_]; }
  double step() const {
    return step_ > 0 ? step_ * (preset().w_max - preset().w_min) : preset().step;
  }
  double c2c() const { return c2c_ >= 0 ? c2c_ : preset().c2c; }
  double write_noise() const { return write_noise_ >= 0 ? write_noise_ : preset().write_noise; }

  double weight_per_siemens() const {
    return (preset().w_max - preset().w_min) / (range().g_max - range().g_min);
  }
  Tensor to_weight(const Tensor& g) const {
    return preset().w_min + (g - range().g_min) * weight_per_siemens();
  }
  Tensor to_conductance(const Tensor& w) const {
    return range().g_min + (w - preset().w_min) / weight_per_siemens();
  }

  /// What spreads from cell to cell, and by how much.
  std::map<std::string, double> spreads() const {
    const PulsePreset& p = preset();
    std::map<std::string, double> spreads = {{"step", p.step_d2d},
                                             {"asymmetry", p.asymmetry_d2d},
                                             {"w_max", p.w_max_d2d},
                                             {"w_min", p.w_min_d2d}};
    for (auto item = spreads.begin(); item != spreads.end();) {
      item->second *= d2d_scale_;
      item = item->second > 0 ? std::next(item) : spreads.erase(item);
    }
    return spreads;
  }

  /// A cell's own deviation, or 0 where all cells are alike.
  static Tensor own(const Latents& latent, const char* name) {
    const auto found = latent.find(name);
    return found == latent.end() ? at::zeros({1}) : found->second;
  }

  /// Its step, relative to the mean one.
  Tensor own_step(const Latents& latent) const {
    const Tensor deviation = own(latent, "step");
    if (!preset().step_d2d_is_log_normal) return (1 + deviation).clamp_min(0);
    const double sigma = d2d_scale_ * preset().step_d2d;
    return (deviation - sigma * sigma / 2).exp();  // the mean stays 1
  }

  Tensor upper(const Latents& latent) const {
    return preset().w_max * (1 + own(latent, "w_max")).clamp_min(0);
  }
  Tensor lower(const Latents& latent) const {
    return preset().w_min * (1 + own(latent, "w_min")).clamp_min(0);
  }
  Tensor within_bounds(const Tensor& w, const Latents& latent) const {
    return at::min(at::max(w, lower(latent)), upper(latent));
  }

  Tensor along_curve(const Tensor& w,
                     const Tensor& num_pulses,
                     const Latents& latent,
                     Rng& rng) const {
    const Tensor moved = num_pulses * step() * own_step(latent);
    const auto move = [&](double label) {
      const double k = curvature_of_label(label);
      return curve((inverse_curve(w.clamp(0, 1), k) + moved).clamp(0, 1), k);
    };
    const Tensor u = at::where(num_pulses.gt(0), move(preset().nl_up), move(preset().nl_down));
    const Tensor spread = c2c() * num_pulses.abs().sqrt() * rng.normal(w.sizes());
    return (u + spread).clamp(0, 1);
  }

  /// Mean step, without its sign, of a pulse in the direction of `is_up`.
  Tensor mean_step(const Tensor& w, const Tensor& is_up, const Latents& latent) const {
    const PulsePreset& p = preset();
    const Tensor beta = p.asymmetry + own(latent, "asymmetry");
    const Tensor scale = step() * own_step(latent) * at::where(is_up, 1 + beta, 1 - beta);
    const Tensor w_max = upper(latent);
    const Tensor w_min = lower(latent);
    if (p.law == PulseLaw::kLinear) {
      const Tensor above = p.slope_is_of_mean ? at::full({1}, p.w_max) : w_max.clamp_min(1e-6);
      const Tensor below = p.slope_is_of_mean ? at::full({1}, p.w_min) : w_min.clamp_max(-1e-6);
      const Tensor up = 1 - p.gamma_up * w / above;
      const Tensor down = 1 - p.gamma_down * w / below;
      return scale * at::where(is_up, up, down).clamp_min(0);
    }
    const Tensor z = 2 * p.z_slope * w / (w_max - w_min).clamp_min(1e-6) + p.z_offset;
    const Tensor up = 1 - p.a_up * (p.gamma_up * z).exp();
    const Tensor down = 1 - p.a_down * (-p.gamma_down * z).exp();
    return scale * at::where(is_up, up, down).clamp_min(0);
  }

  Tensor pulse_by_pulse(const Tensor& start,
                        const Tensor& num_pulses,
                        const Latents& latent,
                        Rng& rng) const {
    const PulsePreset& p = preset();
    const Tensor is_up = num_pulses.gt(0);
    const Tensor sign = num_pulses.sign();
    const auto longest = num_pulses.abs().max().item<std::int64_t>();
    Tensor w = start;
    for (std::int64_t k = 0; k < longest; ++k) {
      const Tensor mean = mean_step(w, is_up, latent);
      const Tensor base = p.c2c_grows_with_step ? mean + p.c2c_offset + p.c2c_slope * w.abs()
                                                : step() * own_step(latent);
      const Tensor change = sign * mean + c2c() * base * rng.normal(w.sizes());
      const Tensor is_pulsed = num_pulses.abs().gt(static_cast<double>(k));
      w = at::where(is_pulsed, within_bounds(w + change, latent), w);
    }
    return w;
  }

  std::size_t preset_ = 2;  // taox_hfox
  double g_min_ = kAsPreset;
  double g_max_ = kAsPreset;
  double step_ = kAsPreset;
  double c2c_ = kAsPreset;
  double write_noise_ = kAsPreset;
  double d2d_scale_ = 1;
};

const RegisteredDevice<Pulsed> registered{"pulsed"};

}  // namespace
}  // namespace crossloom
