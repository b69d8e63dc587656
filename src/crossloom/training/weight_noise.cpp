#include "crossloom/training/weight_noise.h"

#include <cmath>

namespace crossloom {
namespace {

/// Error of the outer levels over sigma, so that devices of all ratios compare.
double outer_factor(double ratio) {
  return 1 / std::sqrt(0.4 * ratio * ratio + 0.6);
}

Tensor largest(const Tensor& weight) {
  return weight.abs().max();
}

}  // namespace

void WeightNoise::describe(ParamList& params) {
  params.add_choice<Model>(
      "model",
      model,
      {{"paper", Model::kPaper}, {"physical", Model::kPhysical}},
      "paper: one Gaussian per weight; physical: quantised, sliced, each device errs by its level");
  params.add("sigma",
             sigma,
             {0, 10},
             "1",
             "error of one device, as a fraction of its range; 0 = exact weights");
  params.add_choice<DeviceType>("device",
                                device,
                                {{"rram1", DeviceType::kRram1},
                                 {"fefet2", DeviceType::kFefet2},
                                 {"rram4", DeviceType::kRram4},
                                 {"fefet6", DeviceType::kFefet6}},
                                "how much more the inner levels err than the outer ones: the "
                                "number in the name");
  params.add("weight_bits", weight_bits, {1, 16}, "1", "bits of a weight");
  params.add("device_bits", device_bits, {1, 8}, "1", "bits of one device; divides weight_bits");
  params.add("pair",
             has_pair,
             "physical: the devices of the other sign err too, as in a differential pair");
}

void WeightNoise::validate() const {
  if (weight_bits % device_bits != 0) {
    throw ConfigError("weights of " + std::to_string(weight_bits) + " bits on devices of " +
                      std::to_string(device_bits) +
                      " bits (the devices would hold more than the weight); let "
                      "noise.device_bits divide noise.weight_bits");
  }
}

double WeightNoise::inner_ratio() const {
  switch (device) {
    case DeviceType::kFefet2:
      return 2;
    case DeviceType::kRram4:
      return 4;
    case DeviceType::kFefet6:
      return 6;
    default:
      return 1;
  }
}

double WeightNoise::factor() const {
  double sum = 0;
  double squares = 0;
  for (std::int64_t bit = 0; bit < weight_bits; bit += device_bits) {
    const double weight = std::pow(2.0, static_cast<double>(bit));
    sum += weight;
    squares += weight * weight;
  }
  return std::sqrt(squares) / sum;
}

Tensor WeightNoise::stored(const Tensor& weight) const {
  if (model == Model::kPaper) return weight.detach();
  const Tensor w = weight.detach();
  const Tensor step = largest(w).clamp_min(1e-30) / (std::pow(2.0, weight_bits) - 1);
  return (w / step).round() * step;
}

Tensor WeightNoise::error(const Tensor& weight, Rng& rng) const {
  const at::NoGradGuard no_grad;
  const double ratio = inner_ratio();
  const double outer = outer_factor(ratio);
  const Tensor w_max = largest(weight);
  Tensor noise = rng.normal(weight.sizes());
  if (model == Model::kPaper) {
    noise.mul_(w_max * (factor() * outer));
    if (ratio == 1) return noise;
    const Tensor size = weight.abs() / w_max.clamp_min(1e-30);
    return noise.mul_(at::where((size > 0.25) & (size < 0.75), ratio, 1.0));
  }
  const double top = std::pow(2.0, device_bits) - 1;
  const double full = std::pow(2.0, weight_bits) - 1;
  Tensor code = (weight.abs() * (full / w_max.clamp_min(1e-30))).round();
  Tensor variance = at::zeros_like(code);
  for (std::int64_t bit = 0; bit < weight_bits; bit += device_bits) {
    const Tensor rest = (code / (top + 1)).floor();
    const Tensor digit = code - rest * (top + 1);
    const Tensor r = at::where((digit > 0.5) & (digit < top - 0.5), ratio, 1.0);
    const double slice = std::pow(4.0, static_cast<double>(bit));
    variance.add_(r.square() + (has_pair ? 1.0 : 0.0), slice);
    code = rest;
  }
  return noise.mul_(variance.sqrt_()).mul_(w_max * (outer * top / full));
}

Tensor WeightNoise::on_chip(const Tensor& weight, double device_sigma, Rng& rng) const {
  if (device_sigma == 0 && model == Model::kPaper) return weight;
  Tensor change =
      device_sigma == 0 ? at::zeros_like(weight.detach()) : error(weight, rng).mul_(device_sigma);
  if (model == Model::kPhysical) change.add_(stored(weight) - weight.detach());
  return weight + change;
}

}  // namespace crossloom
