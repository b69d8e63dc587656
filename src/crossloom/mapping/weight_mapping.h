#pragma once

#include <vector>

#include <ATen/ATen.h>

#include "crossloom/core/params.h"
#include "crossloom/device/device_model.h"

namespace crossloom {

/// What shares one weight at the edge of the conductance window.
enum class ScalePer {
  kTensor,  // all weights of a product
  kColumn,  // the weights of one output; a digital factor per column undoes it
};

/// How a sign becomes two conductances.
enum class PairScheme {
  kSignSplit,  // g_pos carries the positive weights, g_neg the negative ones; the other is at g_min
  kSymmetric,  // both cells move by the same amount around the middle of the window
};

/// How weights are put into cells: the parameters of a `WeightMapping`.
struct MappingOptions {
  std::vector<std::int64_t> slice_bits;  // most significant first; empty: one slice, not quantised
  ScalePer scale = ScalePer::kTensor;
  PairScheme pair = PairScheme::kSignSplit;

  void describe(ParamList& params);

  /// Throws `ConfigError` when the slices hold more bits than a weight has.
  void validate() const;

  std::int64_t num_slices() const;
};

/// Weights as differences of conductances, cut into slices.
///
///   w = weight_scale sum_s significance_s (g_pos - g_neg)_s
///   weight_scale = w_max / (g_max - g_min)   [1/S]
///
/// Without slices the difference is proportional to the weight. With slices of b_s bits, n in all,
/// |w| / w_max is rounded to a whole number of n bits, whose digit d_s, b_s bits long, stands in
/// slice s as the share d_s / (2^b_s - 1) of the window:
///
///   significance_s = 2^(bits below s) (2^b_s - 1) / (2^n - 1),   which add up to one.
///
/// Weights beyond +-w_max are clipped.
class WeightMapping {
 public:
  /// `w_max` > 0, [] or one for each output [C]: the weight at the edge of the window.
  WeightMapping(const MappingOptions& options, ConductanceRange range, const Tensor& w_max);

  std::int64_t num_slices() const { return static_cast<std::int64_t>(significance_.size()); }

  /// Shares of the slices in a weight.
  const std::vector<double>& significance() const { return significance_; }

  /// Weight per siemens of a slice with significance one: [] or [C].
  Tensor weight_scale() const { return w_max_ / (range_.g_max - range_.g_min); }

  bool has_column_scales() const { return w_max_.dim() == 1; }

  /// The weight scale that all columns share; one where they have their own.
  double common_scale() const { return has_column_scales() ? 1 : weight_scale().item<double>(); }

  /// Distance between neighbouring weights, [] or [C]; zero without slices.
  Tensor weight_step() const;

  ///   w        [C, ...]        1
  ///   returns  [S, 2, C, ...]  S  targets of g_pos and g_neg
  Tensor to_conductances(const Tensor& w) const;

  ///   g        [S, 2, C, ...]  S
  ///   returns  [C, ...]        1
  Tensor to_weights(const Tensor& g) const;

  /// Variance of the weights when the cells have independent errors.
  ///
  ///   variance  [S, 2, C, ...]  S^2
  ///   returns   [C, ...]        1
  Tensor to_weight_variance(const Tensor& variance) const;

 private:
  Tensor digits(const Tensor& share) const;

  MappingOptions options_;
  ConductanceRange range_;
  Tensor w_max_;
  std::vector<double> significance_;
};

}  // namespace crossloom
