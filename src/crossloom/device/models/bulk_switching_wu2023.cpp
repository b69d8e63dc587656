#include "crossloom/device/device_model.h"

namespace crossloom {
namespace {

/// Bulk-switching bilayer ReRAM in 65 nm CMOS, written by write–verify with at most two trials.
///
///   programming  g = g_t + programming_offset + programming_noise N(0,1)
///   read         g = g + read_noise N(0,1)
///   pristine     g uniform in [g_min, g_pristine_max]   (the cells are born conducting)
///
/// The defaults are those of the chip that learned MNIST: a window of 0.82–3.29 uA at 0.1 V with
/// 2-bit granularity, errors from Fig. 5d and 5g. The paper's simulations use 1–7 uA with 16
/// levels, programming noise of half a level and read noise of 0.3 level: g_min = "10 uS", g_max =
/// "70 uS", num_levels = 16, programming_noise = "2 uS", read_noise = "1.2 uS", programming_offset
/// = 0. Retention: medians creep up slightly within a day; no law is given, none is modelled.
/// Source: Y. Wu et al., "Bulk-switching memristor-based compute-in-memory module for deep neural
/// network training", Advanced Materials 2023, doi:10.1002/adma.202305465; arXiv:2305.14547.
class BulkSwitchingWu2023 final : public DeviceModel {
 public:
  void describe(ParamList& params) override {
    params.add("g_min", g_min_, {1e-7, 1e-4}, "S", "0.82 uA at 0.1 V");
    params.add("g_max", g_max_, {1e-7, 1e-4}, "S", "3.29 uA at 0.1 V");
    params.add("num_levels", num_levels_, {2, 256}, "1", "4 on the chip, 16 in the simulations");
    params.add("programming_noise",
               programming_noise_,
               {0, 1e-4},
               "S",
               "spread of a write: 0.291 uA at 0.1 V, Fig. 5g (digitised)");
    params.add(
        "programming_offset",
        programming_offset_,
        {-1e-4, 1e-4},
        "S",
        "mean error of a write: the chip's was 0.97 uS, Fig. 5g (digitised); cancels in pairs");
    params.add("read_noise",
               read_noise_,
               {0, 1e-4},
               "S",
               "spread of a read: 0.158 uA at 0.1 V, Fig. 5d (digitised)");
    params.add("g_pristine_max",
               g_pristine_max_,
               {1e-7, 1e-4},
               "S",
               "largest conductance of a cell never written: 2 uA at 0.1 V");
  }

  ConductanceRange range() const override { return {g_min_, g_max_}; }

  std::int64_t num_levels() const override { return num_levels_; }

  Tensor pristine(at::IntArrayRef sizes, Rng& rng) const override {
    return g_min_ + (std::max(g_pristine_max_, g_min_) - g_min_) * rng.uniform(sizes);
  }

  Tensor program(const Tensor& g_target, Latents& /*latent*/, Rng& rng) const override {
    const Tensor error = programming_offset_ + programming_noise_ * rng.normal(g_target.sizes());
    return (g_target + error).clamp_min(0);
  }

  Tensor read_sigma(const Tensor& g, const Tensor& /*elapsed*/) const override {
    return at::full_like(g, read_noise_);
  }

 private:
  double g_min_ = 8.2e-6;
  double g_max_ = 32.9e-6;
  std::int64_t num_levels_ = 4;
  double programming_noise_ = 2.91e-6;
  double programming_offset_ = 0;
  double read_noise_ = 1.58e-6;
  double g_pristine_max_ = 20e-6;
};

const RegisteredDevice<BulkSwitchingWu2023> registered{"bulk_switching_wu2023"};

}  // namespace
}  // namespace crossloom
