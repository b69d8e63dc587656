#include "crossloom/crossbar/column_conversion.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <ATen/Parallel.h>

#include "crossloom/core/vector_code.h"

namespace crossloom {
namespace {

/// One group as the loops see it.
struct Columns {
  const float* mean;
  std::int64_t mean_stride;  // from image to image
  const float* variance;     // null: no read noise
  std::int64_t variance_stride;
  std::int64_t period;     // columns after which the variance repeats
  float noise_variance;    // [A^2] of the converter
  float per_lsb;           // [1/A]
  float lowest, highest;   // codes
  float factor;            // of a code, or of a current when the converter is exact
  const float* gain;       // of each output; null: one
  const float* offset;     // [lsb] of each output; null: zero
  std::int64_t positions;  // columns of an output
};

/// sum += factor code(mean + sigma z), n columns. `sigma` and `z` are null without noise.
CROSSLOOM_VECTOR
void digitise(const Columns& columns,
              const float* mean,
              const float* sigma,
              const float* z,
              std::int64_t n,
              float* sum) {
  const float per_lsb = columns.per_lsb;
  const float lowest = columns.lowest;
  const float highest = columns.highest;
  const float factor = columns.factor;
  if (z == nullptr) {
    for (std::int64_t i = 0; i < n; ++i) {
      const float code = std::nearbyint(mean[i] * per_lsb);
      sum[i] += factor * (code > highest ? highest : (code < lowest ? lowest : code));
    }
  } else {
    for (std::int64_t i = 0; i < n; ++i) {
      const float code = std::nearbyint((mean[i] + sigma[i] * z[i]) * per_lsb);
      sum[i] += factor * (code > highest ? highest : (code < lowest ? lowest : code));
    }
  }
}

/// The same with converters of their own: `gain` and `offset` of each column.
CROSSLOOM_VECTOR
void digitise_apart(const Columns& columns,
                    const float* mean,
                    const float* sigma,
                    const float* z,
                    const float* gain,
                    const float* offset,
                    std::int64_t n,
                    float* sum) {
  const float per_lsb = columns.per_lsb;
  const float lowest = columns.lowest;
  const float highest = columns.highest;
  const float factor = columns.factor;
  for (std::int64_t i = 0; i < n; ++i) {
    const float current = z == nullptr ? mean[i] : mean[i] + sigma[i] * z[i];
    const float code = std::nearbyint(current * per_lsb * gain[i] + offset[i]);
    sum[i] += factor * (code > highest ? highest : (code < lowest ? lowest : code));
  }
}

/// Values of outputs for the columns begin … begin+n-1: in place where each has one column,
/// otherwise written to `out`.
const float* spread_outputs(const float* of_outputs,
                            std::int64_t positions,
                            std::int64_t begin,
                            std::int64_t n,
                            float* out) {
  if (positions == 1) return of_outputs + begin;
  for (std::int64_t i = 0; i < n;) {
    const std::int64_t output = (begin + i) / positions;
    const std::int64_t end = std::min(n, (output + 1) * positions - begin);
    std::fill(out + i, out + end, of_outputs[output]);
    i = end;
  }
  return out;
}

/// The same with an exact converter: sum += factor (mean + sigma z).
CROSSLOOM_VECTOR
void add_exactly(const Columns& columns,
                 const float* mean,
                 const float* sigma,
                 const float* z,
                 std::int64_t n,
                 float* sum) {
  const float factor = columns.factor;
  for (std::int64_t i = 0; i < n; ++i) {
    sum[i] += factor * (z == nullptr ? mean[i] : mean[i] + sigma[i] * z[i]);
  }
}

/// sigma = sqrt(variance + noise_variance). Rounding in a fast convolution may leave a variance
/// just below zero.
CROSSLOOM_VECTOR
void spread(const float* variance, float noise_variance, std::int64_t n, float* sigma) {
  for (std::int64_t i = 0; i < n; ++i) {
    sigma[i] = std::sqrt((variance[i] > 0 ? variance[i] : 0.0F) + noise_variance);
  }
}

/// Spread of columns begin … begin+n-1 of image b.
void spread_of(
    const Columns& columns, std::int64_t b, std::int64_t begin, std::int64_t n, float* sigma) {
  if (columns.variance == nullptr) {
    std::fill(sigma, sigma + n, std::sqrt(columns.noise_variance));
    return;
  }
  const float* variance = columns.variance + b * columns.variance_stride;
  const std::int64_t start = begin % columns.period;
  const std::int64_t ahead = std::min(columns.period - start, n);
  spread(variance + start, columns.noise_variance, ahead, sigma);
  const std::int64_t wrapped = std::min(columns.period, n) - ahead;
  spread(variance, columns.noise_variance, wrapped, sigma + ahead);
  // One whole period is there: copies of copies fill the rest.
  for (std::int64_t done = ahead + wrapped; done < n;) {
    const std::int64_t more = std::min(done, n - done);
    std::memcpy(sigma + done, sigma, static_cast<std::size_t>(more) * sizeof(float));
    done += more;
  }
}

Columns as_columns(const ColumnGroup& group, const Converter& converter, const Tensor& sum) {
  const Tensor& mean = group.mean;
  const Tensor& variance = group.variance;
  TORCH_CHECK(mean.dim() == 2 && mean.sizes() == sum.sizes() && mean.stride(1) == 1,
              "columns have the shape [B, N] of their sum, ",
              sum.sizes(),
              ", not ",
              mean.sizes());
  TORCH_CHECK(
      !variance.defined() || (variance.dim() == 2 && variance.size(0) == mean.size(0) &&
                              variance.size(1) > 0 && mean.size(1) % variance.size(1) == 0 &&
                              (variance.stride(1) == 1 || variance.size(1) == 1)),
      "variances repeat along their columns");
  TORCH_CHECK(group.gain.defined() == group.offset.defined() &&
                  (!group.gain.defined() ||
                   (group.gain.numel() > 0 && group.gain.sizes() == group.offset.sizes() &&
                    mean.size(1) % group.gain.numel() == 0)),
              "converters have a gain and an offset for each output");
  const Adc& adc = converter.adc;
  const bool is_exact = adc.bits == 0;
  TORCH_CHECK(
      is_exact || group.i_max > 0, "the range of an ADC must be above zero, not ", group.i_max);
  const double highest = adc.highest_code(converter.polarity);
  const double lsb = is_exact ? 1 : group.i_max / highest;
  const double noise = is_exact ? 0 : std::hypot(adc.noise_lsb * lsb, adc.noise_i);
  return {mean.data_ptr<float>(),
          mean.stride(0),
          variance.defined() ? variance.data_ptr<float>() : nullptr,
          variance.defined() ? variance.stride(0) : 0,
          variance.defined() ? variance.size(1) : 1,
          static_cast<float>(noise * noise),
          static_cast<float>(1 / lsb),
          static_cast<float>(adc.lowest_code(converter.polarity)),
          static_cast<float>(highest),
          static_cast<float>(group.factor * lsb),
          group.gain.defined() ? group.gain.data_ptr<float>() : nullptr,
          group.gain.defined() ? group.offset.data_ptr<float>() : nullptr,
          group.gain.defined() ? mean.size(1) / group.gain.numel() : 1};
}

std::vector<Columns> all_columns(const std::vector<ColumnGroup>& groups,
                                 const Converter& converter,
                                 const Tensor& sum) {
  std::vector<Columns> columns;
  for (const ColumnGroup& group : groups) columns.push_back(as_columns(group, converter, sum));
  return columns;
}

bool is_noisy(const Columns& columns) {
  return columns.variance != nullptr || columns.noise_variance > 0;
}

/// Element of the draw that column 0 of group k of image b takes.
std::uint64_t noise_begin(const NoiseAddress& noise, std::int64_t b, std::int64_t k_times_n) {
  const std::int64_t chunk = 256;  // of the generator
  const std::int64_t stride = (noise.image_columns + chunk - 1) / chunk * chunk;
  return static_cast<std::uint64_t>((noise.first_image + b) * stride + noise.first_column +
                                    k_times_n);
}

/// Columns that are worked on at a time: their noise and spread stay in the first cache.
constexpr std::int64_t kPiece = 2048;

/// Columns begin … begin+n-1 of image b, through all groups.
class PieceConversion {
 public:
  PieceConversion(const std::vector<Columns>& groups,
                  const Converter& converter,
                  const NoiseAddress& noise,
                  std::int64_t num_columns)
      : groups_(groups),
        is_exact_(converter.adc.bits == 0),
        noise_(noise),
        num_columns_(num_columns),
        z_(static_cast<std::size_t>(kPiece)),
        sigma_(static_cast<std::size_t>(kPiece)),
        gain_(static_cast<std::size_t>(kPiece)),
        offset_(static_cast<std::size_t>(kPiece)) {}

  void add(std::int64_t b, std::int64_t begin, std::int64_t n, float* sum) {
    const Columns* spread_for = nullptr;
    // Small groups take their noise together, since the generator makes chunks.
    const auto num_groups = static_cast<std::int64_t>(groups_.size());
    const std::int64_t together = n < num_columns_ ? 1 : std::max<std::int64_t>(1, kPiece / n);
    for (std::int64_t k = 0; k < num_groups; ++k) {
      const Columns& columns = groups_[static_cast<std::size_t>(k)];
      const float* mean = columns.mean + b * columns.mean_stride + begin;
      const float* z = nullptr;
      if (is_noisy(columns)) {
        if (k % together == 0) {
          noise_.rng.peek_normal(
              z_.data(),
              noise_begin(noise_, b, k * num_columns_ + begin),
              static_cast<std::uint64_t>(std::min(together, num_groups - k) * n));
        }
        z = z_.data() + k % together * n;
        if (spread_for == nullptr || spread_for->variance != columns.variance ||
            spread_for->noise_variance != columns.noise_variance) {
          spread_of(columns, b, begin, n, sigma_.data());
          spread_for = &columns;
        }
      }
      if (is_exact_) {
        add_exactly(columns, mean, sigma_.data(), z, n, sum);
      } else if (columns.gain != nullptr) {
        const std::int64_t positions = columns.positions;
        digitise_apart(columns,
                       mean,
                       sigma_.data(),
                       z,
                       spread_outputs(columns.gain, positions, begin, n, gain_.data()),
                       spread_outputs(columns.offset, positions, begin, n, offset_.data()),
                       n,
                       sum);
      } else {
        digitise(columns, mean, sigma_.data(), z, n, sum);
      }
    }
  }

 private:
  const std::vector<Columns>& groups_;
  bool is_exact_;
  const NoiseAddress& noise_;
  std::int64_t num_columns_;
  std::vector<float> z_;
  std::vector<float> sigma_;
  std::vector<float> gain_;
  std::vector<float> offset_;
};

}  // namespace

void add_converted(const std::vector<ColumnGroup>& groups,
                   const Converter& converter,
                   const NoiseAddress& noise,
                   Before before,
                   Tensor& sum) {
  TORCH_CHECK(sum.dim() == 2 && sum.is_contiguous(), "sums have the shape [B, N]");
  if (!sum.is_cpu()) return add_converted_by_tensors(groups, converter, noise, before, sum);
  const std::vector<Columns> columns = all_columns(groups, converter, sum);
  const std::int64_t n = sum.size(1);
  const std::int64_t pieces = (n + kPiece - 1) / kPiece;
  const std::int64_t grain = std::max<std::int64_t>(
      1,
      8192 / std::max<std::int64_t>(
                 1, std::min(n, kPiece) * static_cast<std::int64_t>(columns.size())));
  float* const sum_data = sum.data_ptr<float>();
  at::parallel_for(0, sum.size(0) * pieces, grain, [&](std::int64_t first, std::int64_t last) {
    PieceConversion conversion(columns, converter, noise, n);
    for (std::int64_t i = first; i < last; ++i) {
      const std::int64_t begin = i % pieces * kPiece;
      const std::int64_t count = std::min(kPiece, n - begin);
      float* const piece = sum_data + i / pieces * n + begin;
      if (before == Before::kForgotten) std::fill(piece, piece + count, 0.0F);
      conversion.add(i / pieces, begin, count, piece);
    }
  });
}

void add_converted_by_tensors(const std::vector<ColumnGroup>& groups,
                              const Converter& converter,
                              const NoiseAddress& noise,
                              Before before,
                              Tensor& sum) {
  const std::int64_t n = sum.size(1);
  if (before == Before::kForgotten) sum.zero_();
  for (std::size_t k = 0; k < groups.size(); ++k) {
    const ColumnGroup& group = groups[k];
    const Columns columns = as_columns(group, converter, sum);
    Tensor current = group.mean;
    if (is_noisy(columns)) {
      Tensor z = at::empty(sum.sizes(), at::kFloat);
      for (std::int64_t b = 0; b < z.size(0); ++b) {
        noise.rng.peek_normal(z[b].data_ptr<float>(),
                              noise_begin(noise, b, static_cast<std::int64_t>(k) * n),
                              static_cast<std::uint64_t>(n));
      }
      Tensor variance = at::full({1, 1}, columns.noise_variance, sum.options());
      if (group.variance.defined()) variance = group.variance.clamp_min(0) + variance;
      current = current + variance.sqrt().repeat({1, n / variance.size(1)}) * z.to(sum.device());
    }
    if (converter.adc.bits == 0) {
      sum += columns.factor * current;
      continue;
    }
    Tensor level = current * columns.per_lsb;
    if (group.gain.defined()) {
      const auto spread_out = [&](const Tensor& of_outputs) {
        return of_outputs.to(sum.device()).repeat_interleave(columns.positions);
      };
      level = level * spread_out(group.gain) + spread_out(group.offset);
    }
    sum += columns.factor * level.round().clamp(columns.lowest, columns.highest);
  }
}

void add_converted_reference(const std::vector<ColumnGroup>& groups,
                             const Converter& converter,
                             const NoiseAddress& noise,
                             Tensor& sum) {
  const std::int64_t num_columns = sum.size(1);
  for (std::size_t k = 0; k < groups.size(); ++k) {
    const ColumnGroup& group = groups[k];
    const Columns columns = as_columns(group, converter, group.mean);
    const double lsb = 1 / static_cast<double>(columns.per_lsb);
    for (std::int64_t b = 0; b < sum.size(0); ++b) {
      for (std::int64_t n = 0; n < num_columns; ++n) {
        double variance = columns.noise_variance;
        if (group.variance.defined()) {
          variance += group.variance[b][n % group.variance.size(1)].item<double>();
        }
        float z = 0;
        noise.rng.peek_normal(
            &z, noise_begin(noise, b, static_cast<std::int64_t>(k) * num_columns + n), 1);
        double current = group.mean[b][n].item<double>() + std::sqrt(variance) * z;
        if (converter.adc.bits > 0) {
          const std::int64_t output = n / columns.positions;
          const double gain = columns.gain == nullptr ? 1 : columns.gain[output];
          const double offset = columns.gain == nullptr ? 0 : columns.offset[output];
          const double code = std::nearbyint(gain * current / lsb + offset);
          current = lsb * std::min<double>(std::max<double>(code, columns.lowest), columns.highest);
        }
        sum.data_ptr<double>()[b * num_columns + n] += group.factor * current;
      }
    }
  }
}

}  // namespace crossloom
