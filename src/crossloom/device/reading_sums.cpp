#include "crossloom/device/reading_sums.h"

namespace crossloom {
namespace {

constexpr int kMostRounds = 100;
constexpr double kTolerance = 1e-5;  // of the spread, change of the means from round to round
constexpr double kRidge = 1e-9;  // of the mean variance, so that equal readings can be solved for

/// Indices of the set bits, and of the others below `size`.
struct Split {
  Tensor read;
  Tensor missing;
};

Split split_of(std::uint64_t pattern, std::int64_t size) {
  std::vector<std::int64_t> read, missing;
  for (std::int64_t k = 0; k < size; ++k) {
    (pattern >> k & 1 ? read : missing).push_back(k);
  }
  return {at::tensor(read, at::kLong), at::tensor(missing, at::kLong)};
}

Tensor part(const Tensor& matrix, const Tensor& rows, const Tensor& cols) {
  return matrix.index_select(1, rows).index_select(2, cols);
}

/// u v^T of each group: [B, K, K].
Tensor pairs(const Tensor& u, const Tensor& v) {
  return u.unsqueeze(2) * v.unsqueeze(1);
}

}  // namespace

ReadingSums ReadingSums::of(const Tensor& readings, const Tensor& group, std::int64_t num_groups) {
  TORCH_CHECK(readings.dim() == 2 && group.numel() == readings.size(0) && readings.size(1) <= 62,
              "readings of shape ",
              readings.sizes(),
              " do not fit groups of shape ",
              group.sizes());
  ReadingSums sums;
  sums.num_groups_ = num_groups;
  sums.num_times_ = readings.size(1);
  const Tensor is_read = readings.isnan().logical_not();
  const Tensor bits = at::pow(2, at::arange(sums.num_times_, at::kLong)).to(at::kLong);
  const Tensor pattern = (is_read.to(at::kLong) * bits).sum(1);
  const Tensor unique = std::get<0>(at::_unique(pattern));
  for (std::int64_t i = 0; i < unique.numel(); ++i) {
    const std::int64_t code = unique[i].item<std::int64_t>();
    const Tensor chosen = pattern.eq(code).nonzero().squeeze(1);
    const Tensor x = readings.index_select(0, chosen).nan_to_num(0);
    const Tensor of_group = group.index_select(0, chosen);
    const auto add_up = [&](const Tensor& values) {
      std::vector<std::int64_t> sizes = values.sizes().vec();
      sizes[0] = num_groups;
      return at::zeros(sizes, at::kDouble).index_add(0, of_group, values);
    };
    sums.by_pattern_[static_cast<std::uint64_t>(code)] = {
        add_up(at::ones({chosen.numel()}, at::kDouble)),
        add_up(x),
        add_up(x.unsqueeze(2) * x.unsqueeze(1))};
  }
  return sums;
}

ReadingSums ReadingSums::operator+(const ReadingSums& other) const {
  ReadingSums both = *this;
  for (const auto& [pattern, sums] : other.by_pattern_) {
    const auto found = both.by_pattern_.find(pattern);
    if (found == both.by_pattern_.end()) {
      both.by_pattern_[pattern] = sums;
    } else {
      found->second = {found->second.count + sums.count,
                       found->second.sum + sums.sum,
                       found->second.product + sums.product};
    }
  }
  return both;
}

ReadingSums ReadingSums::without_time(std::int64_t index) const {
  ReadingSums rest;
  rest.num_groups_ = num_groups_;
  rest.num_times_ = num_times_ - 1;
  std::vector<std::int64_t> kept;
  for (std::int64_t k = 0; k < num_times_; ++k) {
    if (k != index) kept.push_back(k);
  }
  const Tensor keep = at::tensor(kept, at::kLong);
  for (const auto& [pattern, sums] : by_pattern_) {
    std::uint64_t code = 0;
    for (std::size_t k = 0; k < kept.size(); ++k) code |= (pattern >> kept[k] & 1) << k;
    ReadingSums one;
    one.by_pattern_[code] = {
        sums.count, sums.sum.index_select(1, keep), part(sums.product, keep, keep)};
    rest = rest + one;
  }
  return rest;
}

/// What cells of one pattern are expected to have read at all times: a x + b, where x is what was
/// read of them, 0 elsewhere; and the covariance of what was not.
struct ReadingSums::Expected {
  Tensor a;          // [B, K, K]
  Tensor b;          // [B, K]
  Tensor left_over;  // [B, K, K]
};

ReadingSums::Expected ReadingSums::expected(std::uint64_t pattern,
                                            const ReadingMoments& moments) const {
  const Split split = split_of(pattern, num_times_);
  const Tensor is_read = at::zeros({num_times_}, at::kDouble).index_fill(0, split.read, 1);
  const Tensor none = at::zeros_like(moments.covariance);
  if (split.missing.numel() == 0) {
    return {none + at::diag(is_read), at::zeros_like(moments.mean), none};
  }
  const Tensor variance = moments.covariance.diagonal(0, 1, 2);
  const Tensor ridge = at::diag_embed(at::zeros_like(variance) + kRidge * variance.mean() + 1e-300);
  const Tensor known = part(moments.covariance + ridge, split.read, split.read);
  const Tensor across = part(moments.covariance, split.read, split.missing);
  const Tensor slopes = (split.read.numel() > 0 ? at::linalg_solve(known, across) : across)
                            .transpose(1, 2)
                            .contiguous();  // [B, missing, read]
  const Tensor rest =
      part(moments.covariance, split.missing, split.missing) - slopes.matmul(across);
  const auto rows = at::zeros({num_groups_, split.missing.numel(), num_times_}, at::kDouble);
  const Tensor a = (none + at::diag(is_read))
                       .index_copy(1, split.missing, rows.index_copy(2, split.read, slopes));
  const Tensor left_over =
      none.index_copy(1, split.missing, rows.index_copy(2, split.missing, rest));
  const Tensor read_mean = (moments.mean * is_read).unsqueeze(2);
  return {a, moments.mean - a.matmul(read_mean).squeeze(2), left_over};
}

/// Moments as if the readings of each time were those of all cells, and independent.
ReadingMoments ReadingSums::without_covariance() const {
  ReadingMoments moments;
  moments.count = at::zeros({num_groups_}, at::kDouble);
  moments.num_read = at::zeros({num_groups_, num_times_}, at::kDouble);
  Tensor sum = at::zeros({num_groups_, num_times_}, at::kDouble);
  Tensor square = at::zeros_like(sum);
  for (const auto& [pattern, sums] : by_pattern_) {
    const Tensor is_read =
        at::zeros({num_times_}, at::kDouble).index_fill(0, split_of(pattern, num_times_).read, 1);
    moments.count = moments.count + sums.count;
    moments.num_read = moments.num_read + at::outer(sums.count, is_read);
    sum = sum + sums.sum;
    square = square + sums.product.diagonal(0, 1, 2);
  }
  const Tensor num_read = moments.num_read.clamp_min(1);
  moments.mean = sum / num_read;
  moments.covariance = at::diag_embed((square / num_read - moments.mean.square()).clamp_min(0));
  return moments;
}

ReadingMoments ReadingSums::moments() const {
  return moments(without_covariance());
}

ReadingMoments ReadingSums::moments(const ReadingMoments& start) const {
  ReadingMoments moments = without_covariance();
  moments.mean = start.mean;
  moments.covariance = start.covariance;
  const Tensor count = moments.count.clamp_min(1);
  for (int round = 0; round < kMostRounds; ++round) {
    Tensor first = at::zeros_like(moments.mean);
    Tensor second = at::zeros_like(moments.covariance);
    for (const auto& [pattern, sums] : by_pattern_) {
      const auto [a, b, left_over] = expected(pattern, moments);
      const Tensor n = sums.count.view({-1, 1});
      const Tensor ax = a.matmul(sums.sum.unsqueeze(2)).squeeze(2);
      const Tensor cross = pairs(ax, b);
      first = first + ax + n * b;
      second = second + a.matmul(sums.product).matmul(a.transpose(1, 2)) + cross +
               cross.transpose(1, 2) + n.unsqueeze(2) * (pairs(b, b) + left_over);
    }
    const Tensor mean = first / count.unsqueeze(1);
    const Tensor step = (mean - moments.mean).square().sum();
    moments.mean = mean;
    moments.covariance = second / count.view({-1, 1, 1}) - pairs(mean, mean);
    const Tensor scale = moments.covariance.diagonal(0, 1, 2).sum();
    if (round > 0 && (step <= kTolerance * kTolerance * scale).item<bool>()) break;
  }
  return moments;
}

}  // namespace crossloom
