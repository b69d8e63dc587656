#include "crossloom/mapping/weight_mapping.h"

#include <numeric>

namespace crossloom {
namespace {

constexpr std::int64_t kMostBits = 16;  // of a weight; 24 are all that a float holds

std::int64_t levels(std::int64_t bits) {
  return (std::int64_t{1} << bits) - 1;
}

std::int64_t total_bits(const MappingOptions& options) {
  return std::accumulate(options.slice_bits.begin(), options.slice_bits.end(), std::int64_t{0});
}

/// `per_column`, [] or [C], against a tensor [C, ...] of `dim` dimensions.
Tensor over_columns(const Tensor& per_column, std::int64_t dim) {
  if (per_column.dim() == 0) return per_column;
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(dim), 1);
  sizes[0] = per_column.size(0);
  return per_column.view(sizes);
}

}  // namespace

void MappingOptions::describe(ParamList& params) {
  params.add("slice_bits",
             slice_bits,
             {1, 8},
             "bit",
             "bits of each cell of a weight, most significant first; [] = one cell, any value");
  params.add_choice<ScalePer>("scale",
                              scale,
                              {{"tensor", ScalePer::kTensor}, {"column", ScalePer::kColumn}},
                              "weights that share a scale: those of a product, or of an output");
  params.add_choice<PairScheme>(
      "pair",
      pair,
      {{"sign_split", PairScheme::kSignSplit}, {"symmetric", PairScheme::kSymmetric}},
      "sign_split: one cell of a pair rests at g_min; symmetric: both move around the middle");
}

void MappingOptions::validate() const {
  for (const std::int64_t bits : slice_bits) {
    if (bits < 1) {
      throw ConfigError("mapping.slice_bits has a slice of " + std::to_string(bits) +
                        " bits (it holds nothing); give at least 1 bit a slice");
    }
  }
  if (total_bits(*this) > kMostBits) {
    throw ConfigError("mapping.slice_bits adds up to " + std::to_string(total_bits(*this)) +
                      " bits (weights are rounded to " + std::to_string(kMostBits) +
                      " at most); give fewer or smaller slices");
  }
}

std::int64_t MappingOptions::num_slices() const {
  return slice_bits.empty() ? 1 : static_cast<std::int64_t>(slice_bits.size());
}

WeightMapping::WeightMapping(const MappingOptions& options,
                             ConductanceRange range,
                             const Tensor& w_max)
    : options_(options), range_(range), w_max_(w_max) {
  options.validate();
  TORCH_CHECK(w_max.dim() <= 1, "one largest weight, or one per column, not ", w_max.sizes());
  TORCH_CHECK(w_max.gt(0).all().item<bool>(), "the largest weight of a mapping is above zero");
  if (w_max_.dim() == 1) w_max_ = w_max_.to(at::kFloat);
  if (options.slice_bits.empty()) significance_ = {1};
  std::int64_t below = total_bits(options);
  for (const std::int64_t bits : options.slice_bits) {
    below -= bits;
    const std::int64_t largest = levels(bits) << below;
    significance_.push_back(static_cast<double>(largest) /
                            static_cast<double>(levels(total_bits(options))));
  }
}

Tensor WeightMapping::weight_step() const {
  if (options_.slice_bits.empty()) return at::zeros_like(w_max_);
  return w_max_ / static_cast<double>(levels(total_bits(options_)));
}

/// Shares of the window in each slice, with the sign of the weight: [C, ...] -> [S, C, ...].
Tensor WeightMapping::digits(const Tensor& share) const {
  if (options_.slice_bits.empty()) return share.unsqueeze(0);
  std::int64_t below = total_bits(options_);
  const Tensor code =
      (share.abs().to(at::kDouble) * static_cast<double>(levels(below))).round().to(at::kLong);
  std::vector<Tensor> slices;
  for (const std::int64_t bits : options_.slice_bits) {
    below -= bits;
    const Tensor digit = code.bitwise_right_shift(below).bitwise_and(levels(bits));
    slices.push_back(digit.to(at::kFloat) / static_cast<double>(levels(bits)) * share.sign());
  }
  return at::stack(slices);
}

Tensor WeightMapping::to_conductances(const Tensor& w) const {
  const Tensor edge = over_columns(w_max_, w.dim());
  const Tensor share = digits((w / edge).clamp(-1, 1));
  const double window = range_.g_max - range_.g_min;
  if (options_.pair == PairScheme::kSymmetric) {
    return range_.g_min + 0.5 * window * at::stack({1 + share, 1 - share}, 1);
  }
  return range_.g_min + window * at::stack({share.clamp_min(0), (-share).clamp_min(0)}, 1);
}

Tensor WeightMapping::to_weights(const Tensor& g) const {
  const Tensor difference = g.select(1, 0) - g.select(1, 1);
  Tensor sum = difference[0] * significance_[0];
  for (std::int64_t s = 1; s < num_slices(); ++s) {
    sum += difference[s] * significance_[static_cast<std::size_t>(s)];
  }
  return sum * over_columns(weight_scale(), sum.dim());
}

Tensor WeightMapping::to_weight_variance(const Tensor& variance) const {
  const Tensor pair = variance.sum(1);
  Tensor sum = at::zeros_like(pair[0]);
  for (std::int64_t s = 0; s < num_slices(); ++s) {
    const double share = significance_[static_cast<std::size_t>(s)];
    sum += pair[s] * (share * share);
  }
  return sum * over_columns(weight_scale().square(), sum.dim());
}

}  // namespace crossloom
