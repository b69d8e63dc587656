#pragma once

#include <ATen/ATen.h>

#include "crossloom/core/params.h"
#include "crossloom/core/random.h"

namespace crossloom {

using at::Tensor;

/// What programming a weight on a few multi-level devices does to it, as one Gaussian number for
/// each weight: the price of one noise tensor and no further product.
///
/// A weight of M bits stands on M / K devices of K bits, whose slices i = 0 … M/K-1 weigh 2^(i K).
/// Each device errs by sigma, a fraction of its range; what is independent adds up to one Gaussian:
///
///   paper     w + sigma f max|w| m(w) N(0,1),   f = sqrt(sum_i 4^(i K)) / sum_i 2^(i K)
///   physical  q + sigma c max|w| N(0,1) sqrt(sum_i 4^(i K) r(d_i)^2),   c = (2^K - 1) / (2^M - 1)
///
/// `paper` is what the published code does: w is not quantised, f = 0.7776 for M = 8, K = 2, and
/// devices whose inner levels err more than the outer ones enter by the size of the weight,
///   m = s / sqrt(0.4 s^2 + 0.6) where 0.25 < |w| / max|w| < 0.75,  else 1 / sqrt(0.4 s^2 + 0.6).
/// The 0.4 presumes that this share of the weights is within the band; of a bell of weights less
/// is, so that the "worse" devices are milder there. `physical` quantises |w| to M bits (q), cuts
/// it into digits d_i and lets each err by its own level: r = s for inner levels, else 1, with the
/// same normalisation. With s = 1 both have the same spread. A differential pair adds the error of
/// the devices of the other sign, which stand at level 0.
///
/// max|w| is that of the whole tensor. Gradients go straight through to w; none go into max|w|.
/// Source: Y. Qin et al., arXiv:2305.14561, and its code, src/generate_noise.py (`paper`);
/// `physical` is ours.
struct WeightNoise {
  enum class Model { kPaper, kPhysical };
  /// Ratio s of the errors of inner and outer levels: 1, 2, 4, 6.
  enum class DeviceType { kRram1, kFefet2, kRram4, kFefet6 };

  Model model = Model::kPaper;
  double sigma = 0;  // of one device, as a fraction of its range
  DeviceType device = DeviceType::kRram1;
  std::int64_t weight_bits = 8;
  std::int64_t device_bits = 2;
  bool has_pair = false;

  void describe(ParamList& params);

  /// Throws `ConfigError` when the weight cannot be cut into devices.
  void validate() const;

  /// What is stored of `weight` by devices that do not err.
  Tensor stored(const Tensor& weight) const;

  /// The error of a weight at sigma = 1; `stored` + sigma `error` is on the chip.
  Tensor error(const Tensor& weight, Rng& rng) const;

  /// `weight` as it is on a chip of devices with an error of `device_sigma`; gradients go straight
  /// to `weight`.
  Tensor on_chip(const Tensor& weight, double device_sigma, Rng& rng) const;

  /// Ratio s of the device.
  double inner_ratio() const;

  /// Spread of all weights over sigma max|w| for `paper` and s = 1.
  double factor() const;
};

}  // namespace crossloom
