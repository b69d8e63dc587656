#include <cmath>

#include "crossloom/device/device_model.h"

namespace crossloom {
namespace {

/// Phase-change memory cell: statistical fit to measured mushroom-type devices.
///
///   programming  g = g_t + sigma(r) N(0,1)                               r = g_t / g_max
///   drift        g(t) = g (1 + t/t_0)^-nu,  nu = mean_nu(r) + sigma_nu(r) xi
///   read         sigma = g q(r) sqrt(ln((t + t_r) / (2 t_r))),           t at least t_0
///
///   sigma    = 0.26348 + 1.9650 r - 1.1731 r^2   [uS, for g_max = 25 uS]
///   mean_nu  = clip(-0.0155 ln r + 0.0244, 0.049, 0.1)
///   sigma_nu = clip(-0.0125 ln r - 0.0059, 0.008, 0.045)
///   q        = min(0.0088 r^-0.65, 0.2)
///
/// xi belongs to the cell for its life. The fits hold up to 25 uS, the largest conductance
/// measured. Source: S. R. Nandakumar et al., "Phase-change memory models for deep learning
/// training and inference", ICECS 2019, doi:10.1109/ICECS46596.2019.8964852; spread of nu as in
/// IBM's aihwkit, `inference/noise/pcm.py`.
class PcmNandakumar2019 final : public DeviceModel {
 public:
  void describe(ParamList& params) override {
    params.add("g_max",
               g_max_,
               {1e-6, 25e-6},
               "S",
               "largest programmable conductance; fitted up to 25 uS");
    params.add("t_0", t_0_, {1e-3, 1e6}, "s", "time of the first read after programming");
    params.add("t_read", t_read_, {1e-9, 1e-3}, "s", "duration of a read: 250 ns");
    params.add("programming_noise_scale",
               programming_noise_scale_,
               {0, 10},
               "1",
               "multiplies the programming noise; 0 = off");
    params.add("drift_scale", drift_scale_, {0, 10}, "1", "multiplies the drift exponent; 0 = off");
  }

  ConductanceRange range() const override { return {0, g_max_}; }

  Latents born_with(at::IntArrayRef sizes, Rng& rng) const override {
    return {{"drift_nu", rng.normal(sizes)}};
  }

  Tensor program(const Tensor& g_target, Latents& /*latent*/, Rng& rng) const override {
    const Tensor r = g_target / g_max_;
    const double unit = g_max_ / 25;  // [S] one microsiemens of the measured 25 uS range
    const Tensor sigma = unit * (0.26348 + 1.9650 * r - 1.1731 * r.square());
    return (g_target + programming_noise_scale_ * sigma * rng.normal(r.sizes())).clamp_min(0);
  }

  Tensor age(const Tensor& g_target,
             const Tensor& g_written,
             const Tensor& elapsed,
             const Latents& latent) const override {
    const Tensor log_r = (g_target / g_max_).clamp_min(1e-6).log();
    const Tensor mean_nu = (-0.0155 * log_r + 0.0244).clamp(0.049, 0.1);
    const Tensor sigma_nu = (-0.0125 * log_r - 0.0059).clamp(0.008, 0.045);
    const Tensor nu = (mean_nu + sigma_nu * latent.at("drift_nu")).clamp_min(0);
    const Tensor log_time = at::log1p(elapsed / t_0_).to(at::kFloat);
    return g_written * at::exp(-drift_scale_ * nu * log_time);
  }

  Tensor read_sigma(const Tensor& g, const Tensor& elapsed) const override {
    const Tensor q = (0.0088 / (g / g_max_).clamp_min(1e-6).pow(0.65)).clamp_max(0.2);
    const Tensor t = elapsed.clamp_min(t_0_);
    return g * q * ((t + t_read_) / (2 * t_read_)).log().sqrt().to(at::kFloat);
  }

 private:
  double g_max_ = 25e-6;
  double t_0_ = 20;
  double t_read_ = 250e-9;
  double programming_noise_scale_ = 1;
  double drift_scale_ = 1;
};

const RegisteredDevice<PcmNandakumar2019> registered{"pcm_nandakumar2019"};

}  // namespace
}  // namespace crossloom
