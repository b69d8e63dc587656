#include "crossloom/device/device_model.h"

namespace crossloom {

void DeviceModel::describe_environment(ParamList& params) {
  params.add("temperature",
             temperature_,
             {200, 600},
             "K",
             "where the chip is kept and read; laws that know of it say so");
}

Tensor DeviceModel::pristine(at::IntArrayRef sizes, Rng& /*rng*/) const {
  return at::full({1}, range().g_min, at::kFloat).expand(sizes);
}

Latents DeviceModel::born_with(at::IntArrayRef /*sizes*/, Rng& /*rng*/) const {
  return {};
}

Latents DeviceModel::drawn_at_write(at::IntArrayRef /*sizes*/, Rng& /*rng*/) const {
  return {};
}

Tensor DeviceModel::pulse(const Tensor& /*g*/,
                          const Tensor& /*num_pulses*/,
                          Latents& /*latent*/,
                          Rng& /*rng*/) const {
  return {};
}

Tensor DeviceModel::age(const Tensor& /*g_target*/,
                        const Tensor& g_written,
                        const Tensor& /*elapsed*/,
                        const Latents& /*latent*/) const {
  return g_written.clone();
}

Tensor DeviceModel::read_sigma(const Tensor& g, const Tensor& /*elapsed*/) const {
  return at::zeros_like(g);
}

}  // namespace crossloom
