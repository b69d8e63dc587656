#include "crossloom/device/device_model.h"

namespace crossloom {
namespace {

/// A cell that takes any value in its range exactly and keeps it.
class Ideal final : public DeviceModel {
 public:
  void describe(ParamList& params) override {
    params.add("g_min", g_min_, {0, 1}, "S", "smallest programmable conductance (assumption)");
    params.add("g_max", g_max_, {1e-12, 1}, "S", "largest programmable conductance (assumption)");
    params.add("num_levels",
               num_levels_,
               {0, 65536},
               "1",
               "levels the cell is used with; 0 = any value in the range");
  }

  ConductanceRange range() const override { return {g_min_, g_max_}; }

  std::int64_t num_levels() const override { return num_levels_; }

  Tensor program(const Tensor& g_target, Latents& /*latent*/, Rng& /*rng*/) const override {
    return g_target.clamp(g_min_, g_max_);
  }

 private:
  double g_min_ = 1e-6;
  double g_max_ = 100e-6;
  std::int64_t num_levels_ = 0;
};

const RegisteredDevice<Ideal> registered{"ideal"};

}  // namespace
}  // namespace crossloom
