#pragma once

#include <optional>
#include <vector>

#include <ATen/ATen.h>

#include "crossloom/core/params.h"
#include "crossloom/device/device_model.h"
#include "crossloom/mapping/digits.h"
#include "crossloom/mapping/geometry.h"

namespace crossloom {

/// What shares one weight at the edge of the conductance window.
enum class ScalePer {
  kTensor,  // all weights of a product
  kColumn,  // the weights of one output; a digital factor per column undoes it
};

/// How a weight with a sign becomes conductances. Each of its slices has
///
///   sign_split      two cells: g_pos carries positive weights, g_neg negative ones, the other
///   rests symmetric       two cells that move by the same amount around the middle of the window
///   offset          one cell, above or below the middle; what a reference column of the crossbar
///                   with cells in the middle reads is subtracted digitally
///   sign_magnitude  one cell of the size of the weight; a switch beside it, set by the sign kept
///                   outside the array, leads its current to the positive or the negative line of
///                   its column, or nowhere when the weight is zero
enum class WeightScheme { kSignSplit, kSymmetric, kOffset, kSignMagnitude };

/// How weights are put into cells: the parameters of a `WeightMapping`.
struct MappingOptions {
  std::vector<std::int64_t> slice_bits;     // of each slice; empty: one slice, not quantised
  std::vector<std::int64_t> slice_weights;  // of a step of each slice; empty: places of a number
  // [S][2^bits] of the cells that are used (`choose_digits`), for slices whose weights leave a
  // choice.
  std::vector<std::vector<LevelError>> level_errors;
  ScalePer scale = ScalePer::kTensor;
  WeightScheme scheme = WeightScheme::kSignSplit;

  void describe(ParamList& params);

  /// Throws `ConfigError` when the slices hold more bits than a weight has, or cannot make all of
  /// its levels.
  void validate() const;

  std::int64_t num_slices() const;

  /// The slices of a weight; none where it is not quantised.
  std::vector<Slice> slices() const;

  /// What each weight takes of a crossbar.
  WeightFootprint footprint() const;
};

/// Weights as conductances, cut into slices.
///
///   w = weight_scale sum_s significance_s signed_s
///   signed_s = g_pos - g_neg | g - g_ref | +-g
///   weight_scale = w_max / span   [1/S]
///
/// the span being the largest of signed_s: that of the window, a half of it (offset), or g_max
/// (sign-magnitude, where the smallest weights that are not zero are g_min / g_max of the largest).
///
/// Without slices signed_s is proportional to the weight. With slices of b_s bits, a step of which
/// counts v_s, |w| / w_max is rounded to a whole number sum_s v_s d_s of N = sum_s v_s (2^b_s - 1)
/// at most, whose digit d_s stands in slice s as the share d_s / (2^b_s - 1) of the span:
///
///   significance_s = v_s (2^b_s - 1) / N,   which add up to one.
///
/// The v_s are the places of a number, 2^(bits below s), or `MappingOptions::slice_weights`.
/// Smaller ones give fewer levels but a choice between digits that make the same one; those with
/// the least expected squared error are taken.
///
/// With an offset column the number holds w as well as its sign: that nearest to
/// w / w_max (N - z), plus z = (N + 1) / 2, which is the level of the reference.
/// Weights beyond +-w_max are clipped.
class WeightMapping {
 public:
  /// `w_max` > 0, [] or one for each output [C]: the weight at the edge of the window.
  WeightMapping(const MappingOptions& options, ConductanceRange range, const Tensor& w_max);

  /// The mapping of the outputs first … first + count - 1.
  WeightMapping of_outputs(std::int64_t first, std::int64_t count) const;

  WeightScheme scheme() const { return options_.scheme; }
  std::int64_t num_slices() const { return static_cast<std::int64_t>(significance_.size()); }

  /// Shares of the slices in a weight.
  const std::vector<double>& significance() const { return significance_; }

  /// Weight per siemens of a slice with significance one: [] or [C].
  Tensor weight_scale() const { return w_max_ / span_; }

  bool has_column_scales() const { return w_max_.dim() == 1; }

  /// The weight scale that all columns share; one where they have their own.
  double common_scale() const { return has_column_scales() ? 1 : weight_scale().item<double>(); }

  /// Distance between neighbouring weights, [] or [C]; zero without slices.
  Tensor weight_step() const;

  /// Target of the cells of reference columns [S]; only with an offset column.
  double reference() const { return reference_; }

  ///   w        [C, ...]        1
  ///   returns  [S, P, C, ...]  S  targets of the P cells of each slice
  Tensor to_conductances(const Tensor& w) const;

  /// Where the switches of each cell lead: +1, -1 or, for a digit of zero, 0.
  ///
  ///   w        [C, ...]     1
  ///   returns  [S, C, ...]  int8
  Tensor to_switches(const Tensor& w) const;

  ///   signed_g  [S, C, ...]  S  what the columns of each slice hold, signs included
  ///   returns   [C, ...]     1
  Tensor to_weights(const Tensor& signed_g) const;

  /// Variance of the weights when the slices have independent errors.
  ///
  ///   variance  [S, C, ...]  S^2  of signed_g
  ///   returns   [C, ...]     1
  Tensor to_weight_variance(const Tensor& variance) const;

 private:
  Tensor shares(const Tensor& w) const;
  Tensor on_lines(const Tensor& share, double at_zero, const std::vector<double>& slopes) const;

  MappingOptions options_;
  ConductanceRange range_;
  Tensor w_max_;
  double span_;           // [S]
  double reference_ = 0;  // [S]
  std::vector<double> significance_;
  std::optional<Digits> digits_;  // only with slices
};

}  // namespace crossloom
