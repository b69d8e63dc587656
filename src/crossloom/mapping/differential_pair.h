#pragma once

#include <ATen/ATen.h>

#include "crossloom/device/device_model.h"

namespace crossloom {

/// Weights as differences of two conductances.
///
///   w = (g_pos - g_neg) weight_scale,   weight_scale = w_max / (g_max - g_min)   [1/S]
///
/// By sign-split: g_pos carries the positive weights, g_neg the negative ones, the unused cell
/// rests at g_min. Weights beyond +-w_max are clipped.
class DifferentialPair {
 public:
  DifferentialPair(ConductanceRange range, double w_max);

  double w_max() const { return w_max_; }

  /// Weight per siemens.
  double weight_scale() const { return w_max_ / (range_.g_max - range_.g_min); }

  ///   w        [...]      1
  ///   returns  [2, ...]   S  targets of g_pos and g_neg
  Tensor to_conductances(const Tensor& w) const;

  ///   g        [2, ...]   S
  ///   returns  [...]      1
  Tensor to_weights(const Tensor& g) const;

 private:
  ConductanceRange range_;
  double w_max_;
};

}  // namespace crossloom
