#include <cmath>

#include "crossloom/device/device_model.h"

namespace crossloom {
namespace {

constexpr double kMicro = 1e-6;  // [S] the fits are in microsiemens
constexpr double kSecond = 1;    // earliest time of the fits [s]

/// Where write–verify stops: how far from the target, relative to it, a cell is accepted.
enum class Acceptance { kTight, kWide };

/// sigma = slope g + offset  [uS] of cells accepted within 0.2 % and within 2 % of the target.
struct LinearSpread {
  double slope, offset;
};
constexpr LinearSpread kTightSpread = {0.00106879, 0.00081107};
constexpr LinearSpread kWideSpread = {0.01129027, 0.01121854};

/// Conductive-metal-oxide / HfOx ReRAM: a narrow write, then a mean shift and a spread that grow
/// with the logarithm of time, alike in all states.
///
///   written  g = g_t + (slope g_t + offset) N(0,1)
///   age      g(t) = g - 0.0890 ln t + (0.0420 ln t + 0.4118) xi         t >= 1 s, g in uS
///   read     sigma = 0.02773 log10(g) sqrt(ln((t + t_r) / (2 t_r)))     g in uS, t_r = 1 us
///
/// xi is one deviate per cell and write. The drift was fitted to cells of 50 uS at times from 1 s;
/// before, it is brought up linearly from nothing (assumption). Below 1 uS the read noise is zero.
/// Source: D. F. Falcone et al., on-chip training and inference with CMO/HfOx ReRAM, 2025,
/// arXiv:2502.04524; coefficients as in IBM's aihwkit, `inference/noise/reram.py` (the code, all in
/// uS).
class CmoHfoxFalcone2025 final : public DeviceModel {
 public:
  void describe(ParamList& params) override {
    params.add("g_min", g_min_, {1e-6, 89e-6}, "S", "smallest programmable conductance: 8 uS");
    params.add("g_max", g_max_, {2e-6, 90e-6}, "S", "largest programmable conductance: 90 uS");
    params.add_choice<Acceptance>("acceptance",
                                  acceptance_,
                                  {{"0.2%", Acceptance::kTight}, {"2%", Acceptance::kWide}},
                                  "distance from the target at which write–verify accepts a cell");
    params.add("programming_noise_scale",
               programming_noise_scale_,
               {0, 10},
               "1",
               "multiplies the spread of a write; 0 = off");
    params.add("drift_scale",
               drift_scale_,
               {0, 10},
               "1",
               "multiplies the mean shift and the spread of the drift; 0 = off");
    params.add("t_read", t_read_, {1e-9, 1e-3}, "s", "duration of a read: 1 us");
  }

  ConductanceRange range() const override { return {g_min_, g_max_}; }

  Latents drawn_at_write(at::IntArrayRef sizes, Rng& rng) const override {
    return {{"relaxation", rng.normal(sizes)}};
  }

  Tensor program(const Tensor& g_target, Latents& /*latent*/, Rng& rng) const override {
    const auto [slope, offset] = acceptance_ == Acceptance::kTight ? kTightSpread : kWideSpread;
    const Tensor sigma = programming_noise_scale_ * (slope * g_target + offset * kMicro);
    return (g_target + sigma * rng.normal(g_target.sizes())).clamp_min(0);
  }

  Tensor age(const Tensor& /*g_target*/,
             const Tensor& g_written,
             const Tensor& elapsed,
             const Latents& latent) const override {
    const Tensor log_time = elapsed.clamp_min(kSecond).log();
    const Tensor onset = (elapsed / kSecond).clamp_max(1);
    const double unit = drift_scale_ * kMicro;
    const Tensor shift = (-0.0890 * unit * log_time).to(at::kFloat);
    const Tensor spread = (unit * onset * (0.0420 * log_time + 0.4118)).to(at::kFloat);
    return (g_written + shift + spread * latent.at("relaxation")).clamp_min(0);
  }

  Tensor read_sigma(const Tensor& g, const Tensor& elapsed) const override {
    const Tensor t = elapsed.clamp_min(kSecond);
    const Tensor growth = ((t + t_read_) / (2 * t_read_)).log().sqrt().to(at::kFloat);
    return 0.02773 * kMicro * (g / kMicro).clamp_min(1).log10() * growth;
  }

 private:
  double g_min_ = 8e-6;
  double g_max_ = 90e-6;
  Acceptance acceptance_ = Acceptance::kTight;
  double programming_noise_scale_ = 1;
  double drift_scale_ = 1;
  double t_read_ = 1e-6;
};

const RegisteredDevice<CmoHfoxFalcone2025> registered{"cmo_hfox_falcone2025"};

}  // namespace
}  // namespace crossloom
