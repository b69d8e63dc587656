#pragma once

#include "crossloom/crossbar/hardware.h"

namespace crossloom {

/// The error of a stored weight some time after it was written, by its first two moments.
///
///   w' = w + w_max (mean(u) + sigma(u) N(0,1)),   u = w / w_max
///
/// Measured on simulated cells (`WeightCells`) of the hardware: programming, ageing, read noise,
/// faults, spread between cells, quantisation, slices and pairs are in it as the simulator has
/// them. Weights are independent here; what they share on a chip (reference columns, the factor of
/// a die) is in their spread. Whoever trains for a chip learns with these errors.
class WeightErrorLaw {
 public:
  /// Writes `kCells` weights of each level of the mapping, or without slices of 129 levels, and
  /// reads them `elapsed` [s] later. The moments of a level have standard errors of
  /// sigma / sqrt(kCells) and sigma / sqrt(2 kCells).
  WeightErrorLaw(const Hardware& hardware, double elapsed, const Rng& rng);

  static constexpr std::int64_t kCells = 1024;

  /// Moments of the error of the weights of the size |u| <= 1, without gradients.
  ///
  ///   u        [...]  1  weights in units of w_max; beyond +-1 as at it
  ///   returns  [...]  1  in units of w_max
  Tensor mean(const Tensor& u) const;
  Tensor sigma(const Tensor& u) const;

  /// mean^2 + sigma^2 as a smooth curve, with gradients: the least-squares polynomial of sixth
  /// degree in u and |u|. Digits of slices make the table itself jump from level to level.
  Tensor square(const Tensor& u) const;

  /// What term k >= 1 of the current law sees of a weight: strength_k of its cells, added up as
  /// their conductances are, the mean as a curve of the same form. With gradients.
  Tensor term(std::size_t k, const Tensor& u) const;

  /// The nearest weight that the mapping can store; gradients go straight through.
  Tensor stored(const Tensor& u) const;

 private:
  Tensor place(const Tensor& u) const;

  Tensor mean_;                             // [levels]  of u from -1 to 1
  Tensor sigma_;                            // [levels]
  double step_ = 0;                         // between neighbouring levels; 0: any weight
  std::vector<double> square_;              // coefficients of the curve
  std::vector<std::vector<double>> terms_;  // of the current law behind the first
};

}  // namespace crossloom
