#pragma once

#include <vector>

#include <ATen/ATen.h>

#include "crossloom/circuit/range.h"

namespace crossloom {

/// Learns the full scale r of a converter: the one with the least squared error of what it
/// converts, each value weighed by what its error does to the output of the product.
///
///   minimise over r  sum_n weight_n (Q_r(x_n) - x_n)^2
///   Q_r(x) = step clip(round(x / step), lowest, highest),  step = r / highest
///
/// A line search over full scales evenly spaced in their logarithm, from twice the largest size of
/// the first batch down to a 32nd of it, 9 % apart; errors of further batches add up. The error of
/// a product is the sum of those of its converters, whose roundings are independent, so that each
/// can be searched on its own; that errors of clipping are not, is neglected, and so is read noise,
/// which adds the same to all candidates as long as few values are clipped.
class RangeSearch {
 public:
  /// Largest and smallest code of the converter, `highest` > 0.
  RangeSearch(double highest, double lowest) : highest_(highest), lowest_(lowest) {}

  /// Takes at most 2^16 of the values, spread evenly.
  ///
  ///   values   [B, N]
  ///   weights  [N]     undefined: all alike
  void add(const Tensor& values, const Tensor& weights = {});

  /// The best full scale so far; 0 before any value but zero was seen.
  double best() const;

 private:
  double highest_;
  double lowest_;
  std::vector<double> candidates_;
  std::vector<double> errors_;  // of each candidate
};

}  // namespace crossloom
