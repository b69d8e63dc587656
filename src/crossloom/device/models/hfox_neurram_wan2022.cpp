#include <cmath>

#include "crossloom/device/device_model.h"
#include "crossloom/device/growing_spread.h"

namespace crossloom {
namespace {

constexpr double kSecond = 1;
constexpr double kDay = 86400;

/// Coefficients of sigma(r) = sum_k c_k r^k [S], r = g_target / g_max, for g_max = 40 uS.
using Polynomial = std::array<double, 5>;
constexpr Polynomial kAfterSecond = {0.348e-6, 16.03e-6, -43.853e-6, 45.393e-6, -16.815e-6};
constexpr Polynomial kAfterDay = {0.701e-6, 22.086e-6, -50.773e-6, 47.095e-6, -16.458e-6};
constexpr Polynomial kAfterTwoDays = {0.782e-6, 20.274e-6, -43.507e-6, 37.062e-6, -11.934e-6};

/// Filamentary HfOx of the NeuRRAM chip, written by write–verify: the spread left after 1 s, and
/// its growth by relaxation.
///
///   written    g = g_t + sigma_1s(r) xi_1                               r = g_t / g_max
///   age        g(t) = g + sqrt(max(sigma(r, t)^2 - sigma_1s(r)^2, 0)) xi_2
///   sigma(r,t) linear in ln t between the fits at 1 s, 1 day and 2 days; as at 1 s before
///   read       g = g + read_noise N(0,1)
///
/// xi_2 is one deviate per cell and write, so a cell moves along one path whose spread is the
/// measured one at each of the three times. The mean shift is zero in the fit. Measured up to two
/// days, beyond which the spread had stopped growing.
/// Source: W. Wan et al., "A compute-in-memory chip based on resistive random-access memory",
/// Nature 2022, doi:10.1038/s41586-022-04992-8; polynomials as fitted in IBM's aihwkit,
/// `inference/noise/reram.py` (ReRamWan2022NoiseModel).
class HfoxNeurramWan2022 final : public DeviceModel {
 public:
  void describe(ParamList& params) override {
    params.add("g_min", g_min_, {0, 20e-6}, "S", "smallest programmable conductance");
    params.add(
        "g_max", g_max_, {20e-6, 40e-6}, "S", "largest programmable conductance; fitted at 40 uS");
    params.add("programming_noise_scale",
               programming_noise_scale_,
               {0, 10},
               "1",
               "multiplies the spread after 1 s and its growth; 0 = off");
    params.add(
        "read_noise", read_noise_, {0, 4e-6}, "S", "spread of a read (assumption: 1 % of g_max)");
  }

  ConductanceRange range() const override { return {g_min_, g_max_}; }

  Latents drawn_at_write(at::IntArrayRef sizes, Rng& rng) const override {
    return {{"relaxation", rng.normal(sizes)}};
  }

  Tensor program(const Tensor& g_target, Latents& /*latent*/, Rng& rng) const override {
    return spread().written(g_target, rng.normal(g_target.sizes()));
  }

  Tensor age(const Tensor& g_target,
             const Tensor& g_written,
             const Tensor& elapsed,
             const Latents& latent) const override {
    const Tensor log_time = elapsed.clamp_min(kSecond).log_();
    const double day = std::log(kDay);
    const Tensor x =
        (log_time / day).clamp_(0, 1) + ((log_time - day) / std::log(2.0)).clamp_(0, 1);
    return spread().relaxed(g_target, g_written, x.to(at::kFloat), latent.at("relaxation"));
  }

  double max_elapsed() const override { return 2 * kDay; }

  Tensor read_sigma(const Tensor& g, const Tensor& /*elapsed*/) const override {
    return at::full_like(g, read_noise_);
  }

 private:
  GrowingSpread spread() const {
    return {{kAfterSecond, kAfterDay, kAfterTwoDays}, programming_noise_scale_, g_max_};
  }

  double g_min_ = 1e-6;
  double g_max_ = 40e-6;
  double programming_noise_scale_ = 1;
  double read_noise_ = 0.4e-6;
};

const RegisteredDevice<HfoxNeurramWan2022> registered{"hfox_neurram_wan2022"};

}  // namespace
}  // namespace crossloom
