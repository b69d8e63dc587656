#include "crossloom/crossbar/column_conversion.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <ATen/Parallel.h>

#include "crossloom/core/vector_code.h"

namespace crossloom {
namespace {

/// The converters of one row tile.
struct TileAdc {
  float lsb;              // [A]
  float lowest, highest;  // codes
  float noise_variance;   // [A^2]
  bool is_exact;
};

/// code of mean + sqrt(variance + noise_variance) z, for n columns. `variance` and `z` may be null.
CROSSLOOM_VECTOR
void digitise(const float* mean,
              const float* variance,
              const float* z,
              std::int64_t n,
              const TileAdc& adc,
              float* codes) {
  const float per_lsb = 1.0F / adc.lsb;
  const float lowest = adc.lowest;
  const float highest = adc.highest;
  const float noise = adc.noise_variance;
  if (z == nullptr) {
    for (std::int64_t i = 0; i < n; ++i) {
      const float code = std::nearbyint(mean[i] * per_lsb);
      codes[i] = code > highest ? highest : (code < lowest ? lowest : code);
    }
  } else if (variance == nullptr) {
    const float sigma = std::sqrt(noise);
    for (std::int64_t i = 0; i < n; ++i) {
      const float code = std::nearbyint((mean[i] + sigma * z[i]) * per_lsb);
      codes[i] = code > highest ? highest : (code < lowest ? lowest : code);
    }
  } else {
    for (std::int64_t i = 0; i < n; ++i) {
      const float sigma = std::sqrt(variance[i] + noise);
      const float code = std::nearbyint((mean[i] + sigma * z[i]) * per_lsb);
      codes[i] = code > highest ? highest : (code < lowest ? lowest : code);
    }
  }
}

/// Currents as they are, in units of `lsb` = 1 A.
CROSSLOOM_VECTOR
void read_exactly(
    const float* mean, const float* variance, const float* z, std::int64_t n, float* currents) {
  for (std::int64_t i = 0; i < n; ++i) {
    currents[i] = mean[i] + (z == nullptr ? 0.0F : std::sqrt(variance[i]) * z[i]);
  }
}

/// y += (pos - neg) lsb.
CROSSLOOM_VECTOR
void accumulate(const float* pos, const float* neg, std::int64_t n, float lsb, float* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] += (pos[i] - neg[i]) * lsb;
}

std::vector<TileAdc> tile_adcs(const ColumnConversion& conversion) {
  const Tensor i_max = conversion.i_max.to(at::kDouble).contiguous();
  std::vector<TileAdc> adcs;
  for (std::int64_t t = 0; t < i_max.numel(); ++t) {
    const double full_scale = i_max.data_ptr<double>()[t];
    const bool is_exact = conversion.adc.bits == 0;
    TORCH_CHECK(
        is_exact || full_scale > 0, "the range of an ADC must be above zero, not ", full_scale);
    const double highest = conversion.adc.highest_code(conversion.polarity);
    const double lsb = is_exact ? 1 : full_scale / highest;
    const double noise = is_exact ? 0 : conversion.adc.noise_lsb * lsb;
    adcs.push_back({static_cast<float>(lsb),
                    static_cast<float>(conversion.adc.lowest_code(conversion.polarity)),
                    static_cast<float>(highest),
                    static_cast<float>(noise * noise),
                    is_exact});
  }
  return adcs;
}

/// Noise of an image begins at a multiple of one chunk of the generator.
std::uint64_t noise_stride(std::int64_t columns) {
  return static_cast<std::uint64_t>((columns + 255) / 256 * 256);
}

struct Shape {
  std::int64_t images, tiles, half;  // half: columns of one sign and tile, C L

  explicit Shape(const Tensor& currents)
      : images(currents.size(0)),
        tiles(currents.size(1)),
        half(currents.size(3) * currents.size(4)) {
    TORCH_CHECK(currents.dim() == 5 && currents.size(2) == 2,
                "column currents have the shape [B, T, 2, C, L], not ",
                currents.sizes());
  }

  std::int64_t columns() const { return tiles * 2 * half; }
};

}  // namespace

Tensor convert_columns(const ColumnCurrents& currents,
                       const ColumnConversion& conversion,
                       const Rng& rng) {
  const Shape shape(currents.mean);
  const std::vector<TileAdc> adcs = tile_adcs(conversion);
  TORCH_CHECK(static_cast<std::int64_t>(adcs.size()) == shape.tiles, "one ADC range per row tile");
  const Tensor mean = currents.mean.contiguous();
  const Tensor variance = currents.variance.defined() ? currents.variance.contiguous() : Tensor();
  const bool is_noisy =
      variance.defined() || (conversion.adc.bits > 0 && conversion.adc.noise_lsb > 0);
  Tensor y = at::zeros({shape.images, mean.size(3), mean.size(4)}, mean.options());
  const float* const mean_data = mean.data_ptr<float>();
  const float* const variance_data = variance.defined() ? variance.data_ptr<float>() : nullptr;
  float* const y_data = y.data_ptr<float>();
  const std::int64_t grain = std::max<std::int64_t>(1, 8192 / shape.columns());
  at::parallel_for(0, shape.images, grain, [&](std::int64_t first, std::int64_t last) {
    std::vector<float> codes(static_cast<std::size_t>(2 * shape.half));
    std::vector<float> noise(static_cast<std::size_t>(is_noisy ? shape.columns() : 0));
    for (std::int64_t b = first; b < last; ++b) {
      if (is_noisy) {
        rng.peek_normal(
            noise.data(),
            static_cast<std::uint64_t>(conversion.first_image + b) * noise_stride(shape.columns()),
            noise.size());
      }
      for (std::int64_t t = 0; t < shape.tiles; ++t) {
        const std::int64_t at = t * 2 * shape.half;
        const TileAdc& adc = adcs[static_cast<std::size_t>(t)];
        const float* tile_mean = mean_data + b * shape.columns() + at;
        const float* tile_variance =
            variance_data == nullptr ? nullptr : variance_data + b * shape.columns() + at;
        const float* z = is_noisy ? noise.data() + at : nullptr;
        if (adc.is_exact) {
          read_exactly(tile_mean, tile_variance, z, 2 * shape.half, codes.data());
        } else {
          digitise(tile_mean, tile_variance, z, 2 * shape.half, adc, codes.data());
        }
        accumulate(
            codes.data(), codes.data() + shape.half, shape.half, adc.lsb, y_data + b * shape.half);
      }
    }
  });
  return y;
}

Tensor convert_columns_reference(const ColumnCurrents& currents,
                                 const ColumnConversion& conversion,
                                 const Rng& rng) {
  const Shape shape(currents.mean);
  const std::vector<TileAdc> adcs = tile_adcs(conversion);
  const Tensor mean = currents.mean.to(at::kDouble).contiguous();
  const Tensor variance = currents.variance.defined()
                              ? currents.variance.to(at::kDouble).contiguous()
                              : at::zeros_like(mean);
  Tensor y = at::zeros({shape.images, mean.size(3), mean.size(4)}, at::kDouble);
  for (std::int64_t b = 0; b < shape.images; ++b) {
    for (std::int64_t k = 0; k < shape.columns(); ++k) {
      const std::int64_t t = k / (2 * shape.half);
      const bool is_negative = k / shape.half % 2 == 1;
      const TileAdc& adc = adcs[static_cast<std::size_t>(t)];
      float z = 0;
      rng.peek_normal(
          &z,
          static_cast<std::uint64_t>(conversion.first_image + b) * noise_stride(shape.columns()) +
              static_cast<std::uint64_t>(k),
          1);
      const std::int64_t i = b * shape.columns() + k;
      double current = mean.data_ptr<double>()[i] +
                       std::sqrt(variance.data_ptr<double>()[i] + adc.noise_variance) * z;
      if (!adc.is_exact) {
        current = adc.lsb *
                  std::min<double>(std::max<double>(std::nearbyint(current / adc.lsb), adc.lowest),
                                   adc.highest);
      }
      y.data_ptr<double>()[b * shape.half + k % shape.half] += is_negative ? -current : current;
    }
  }
  return y;
}

}  // namespace crossloom
