#include "crossloom/mapping/weight_mapping.h"

#include <algorithm>
#include <numeric>

namespace crossloom {
namespace {

constexpr std::int64_t kMostBits = 16;  // of a weight; 24 are all that a float holds

std::int64_t total_bits(const MappingOptions& options) {
  return std::accumulate(options.slice_bits.begin(), options.slice_bits.end(), std::int64_t{0});
}

/// With the smallest slices first, each step is at most one more than the slices before it hold.
void require_all_levels(const MappingOptions& options) {
  const std::vector<std::int64_t>& weights = options.slice_weights;
  if (weights.empty()) return;
  if (weights.size() != options.slice_bits.size()) {
    throw ConfigError("mapping.slice_weights has " + std::to_string(weights.size()) +
                      " numbers for " + std::to_string(options.slice_bits.size()) +
                      " slices (each slice counts for something); give as many as slice_bits has");
  }
  std::vector<Slice> sorted = options.slices();
  std::sort(sorted.begin(), sorted.end(), [](const Slice& a, const Slice& b) {
    return a.weight < b.weight;
  });
  std::int64_t held = 0;
  for (const Slice& slice : sorted) {
    if (slice.weight > held + 1) {
      throw ConfigError("mapping.slice_weights cannot make the level " + std::to_string(held + 1) +
                        " (smaller slices end at " + std::to_string(held) +
                        "); give a smaller weight than " + std::to_string(slice.weight));
    }
    held += slice.weight * slice.largest();
  }
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
  params.add(
      "slice_weights",
      slice_weights,
      {1, 65535},
      "1",
      "what a step of each slice counts, such as [8, 4, 2, 1]; where cells of several levels "
      "make the same weight, those that err least a day later; [] = places of a number");
  params.add_choice<ScalePer>("scale",
                              scale,
                              {{"tensor", ScalePer::kTensor}, {"column", ScalePer::kColumn}},
                              "weights that share a scale: those of a product, or of an output");
  params.add_choice<WeightScheme>(
      "scheme",
      scheme,
      {{"sign_split", WeightScheme::kSignSplit},
       {"symmetric", WeightScheme::kSymmetric},
       {"offset", WeightScheme::kOffset},
       {"sign_magnitude", WeightScheme::kSignMagnitude}},
      "a pair of cells, one at g_min or both around the middle; one "
      "cell and a reference column; one cell and a switch for its sign");
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
  require_all_levels(*this);
  if (scheme == WeightScheme::kOffset && total_bits(*this) == 1) {
    throw ConfigError(
        "mapping.scheme = offset with one bit (it must hold the sign and the size); "
        "give at least two bits, or none for cells of any value");
  }
}

std::int64_t MappingOptions::num_slices() const {
  return slice_bits.empty() ? 1 : static_cast<std::int64_t>(slice_bits.size());
}

std::vector<Slice> MappingOptions::slices() const {
  std::vector<Slice> slices;
  std::int64_t below = total_bits(*this);
  for (std::size_t s = 0; s < slice_bits.size(); ++s) {
    below -= slice_bits[s];
    const std::int64_t place = std::int64_t{1} << below;
    slices.push_back({slice_bits[s],
                      slice_weights.empty() ? place : slice_weights[s],
                      level_errors.empty() ? std::vector<LevelError>{} : level_errors.at(s)});
  }
  return slices;
}

WeightFootprint MappingOptions::footprint() const {
  const bool is_offset = scheme == WeightScheme::kOffset;
  const bool is_single = is_offset || scheme == WeightScheme::kSignMagnitude;
  return {
      num_slices() * (is_single ? 1 : 2), num_slices() * (is_offset ? 1 : 2), is_offset ? 1 : 0};
}

WeightMapping::WeightMapping(const MappingOptions& options,
                             ConductanceRange range,
                             const Tensor& w_max)
    : options_(options), range_(range), w_max_(w_max), span_(range.g_max - range.g_min) {
  options.validate();
  TORCH_CHECK(w_max.dim() <= 1, "one largest weight, or one per column, not ", w_max.sizes());
  TORCH_CHECK(w_max.gt(0).all().item<bool>(), "the largest weight of a mapping is above zero");
  if (w_max_.dim() == 1) w_max_ = w_max_.to(at::kFloat);
  const bool is_offset = scheme() == WeightScheme::kOffset;
  double middle = 0.5;
  if (options.slice_bits.empty()) {
    significance_ = {1};
  } else {
    const std::vector<Slice> slices = options.slices();
    const std::int64_t largest = largest_number(slices);
    const std::int64_t zero = is_offset ? (largest + 1) / 2 : 0;
    digits_ = Digits{options.slice_bits, largest - zero, zero, {}};
    if (!options.slice_weights.empty()) digits_->codes = codes_of_numbers(slices);
    middle = static_cast<double>(zero) / static_cast<double>(largest);
    for (const Slice& slice : slices) {
      significance_.push_back(static_cast<double>(slice.weight * slice.largest()) /
                              static_cast<double>(largest));
    }
  }
  if (scheme() == WeightScheme::kSignMagnitude) span_ = range.g_max;
  if (is_offset) {
    reference_ = range.g_min + middle * span_;
    span_ *= 1 - middle;
  }
}

WeightMapping WeightMapping::of_outputs(std::int64_t first, std::int64_t count) const {
  WeightMapping part = *this;
  if (has_column_scales()) part.w_max_ = w_max_.narrow(0, first, count);
  return part;
}

Tensor WeightMapping::weight_step() const {
  if (!digits_) return at::zeros_like(w_max_);
  return w_max_ / static_cast<double>(digits_->largest);
}

/// What each slice holds as a share of the span: -1 ... 1; with an offset column of the window: 0
/// ... 1. [C, ...] -> [S, C, ...].
Tensor WeightMapping::shares(const Tensor& w) const {
  const Tensor share = (w / over_columns(w_max_, w.dim())).clamp_(-1, 1);
  if (digits_) return digits_->of(share.to(at::kFloat));
  return (scheme() == WeightScheme::kOffset ? 0.5 * (1 + share) : share).unsqueeze(0);
}

Tensor WeightMapping::to_conductances(const Tensor& w) const {
  const double window = range_.g_max - range_.g_min;
  const Tensor share = scheme() == WeightScheme::kSignMagnitude ? shares(w).abs_() : shares(w);
  switch (scheme()) {
    case WeightScheme::kSymmetric:
      return on_lines(share, range_.g_min + 0.5 * window, {0.5 * window, -0.5 * window});
    case WeightScheme::kOffset:
      return on_lines(share, range_.g_min, {window});
    case WeightScheme::kSignMagnitude:
      return on_lines(share, 0, {range_.g_max});
    case WeightScheme::kSignSplit:
      break;
  }
  return on_lines(share, range_.g_min, {window, -window});
}

/// max(g_min, at_zero + slope share) for the slope of each cell of a weight: [S, C, ...] ->
/// [S, P, C, ...].
Tensor WeightMapping::on_lines(const Tensor& share,
                               double at_zero,
                               const std::vector<double>& slopes) const {
  std::vector<std::int64_t> sizes = share.sizes().vec();
  sizes.insert(sizes.begin() + 1, static_cast<std::int64_t>(slopes.size()));
  Tensor g = at::empty(sizes, share.options());
  const Tensor start = at::scalar_tensor(at_zero, share.options());
  for (std::size_t p = 0; p < slopes.size(); ++p) {
    Tensor of_cell = g.select(1, static_cast<std::int64_t>(p));
    at::add_out(of_cell, start, share, slopes[p]);
  }
  return g.clamp_min_(range_.g_min);
}

Tensor WeightMapping::to_switches(const Tensor& w) const {
  const Tensor share = shares(w);
  // Without slices a weight nearer to zero than to the smallest conductance is zero.
  const double smallest = digits_ ? 0 : 0.5 * range_.g_min / range_.g_max;
  return (share.sign() * (share.abs() > smallest)).to(at::kChar);
}

Tensor WeightMapping::to_weights(const Tensor& signed_g) const {
  Tensor sum = signed_g[0] * significance_[0];
  for (std::int64_t s = 1; s < num_slices(); ++s) {
    sum += signed_g[s] * significance_[static_cast<std::size_t>(s)];
  }
  return sum * over_columns(weight_scale(), sum.dim());
}

Tensor WeightMapping::to_weight_variance(const Tensor& variance) const {
  Tensor sum = at::zeros_like(variance[0]);
  for (std::int64_t s = 0; s < num_slices(); ++s) {
    const double share = significance_[static_cast<std::size_t>(s)];
    sum += variance[s] * (share * share);
  }
  return sum * over_columns(weight_scale().square(), sum.dim());
}

}  // namespace crossloom
