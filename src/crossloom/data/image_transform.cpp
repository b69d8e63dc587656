#include "crossloom/data/image_transform.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace crossloom {
namespace {

constexpr int kWeightBits = 22;  // of the fraction: 8 for a grey level, 2 for sign and overshoot

struct Filter {
  double reach;                     // [pixels], at scale 1
  double (*weight)(double offset);  // offset in [pixels]
};

double triangle(double offset) {
  return std::max(0.0, 1.0 - std::abs(offset));
}

double cubic(double offset) {
  constexpr double a = -0.5;
  const double x = std::abs(offset);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

Filter filter_of(Interpolation interpolation) {
  return interpolation == Interpolation::kBilinear ? Filter{1, &triangle} : Filter{2, &cubic};
}

/// The pixels that one pixel of the result is the weighted sum of.
struct Window {
  std::int64_t first = 0;
  std::vector<std::int32_t> weights;  // sum close to 1, in units of 2^-kWeightBits
};

/// One window for each of `to` pixels along a line of `from` pixels.
std::vector<Window> windows(std::int64_t from, std::int64_t to, const Filter& filter) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double widening = std::max(scale, 1.0);
  const double reach = filter.reach * widening;
  std::vector<Window> result(static_cast<std::size_t>(to));
  for (std::int64_t i = 0; i < to; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    const auto first = std::max<std::int64_t>(0, static_cast<std::int64_t>(centre - reach + 0.5));
    const auto end = std::min(from, static_cast<std::int64_t>(centre + reach + 0.5));
    std::vector<double> weights;
    double total = 0;
    for (std::int64_t x = first; x < end; ++x) {
      weights.push_back(filter.weight((static_cast<double>(x) - centre + 0.5) * (1 / widening)));
      total += weights.back();
    }
    Window& window = result[static_cast<std::size_t>(i)];
    window.first = first;
    for (const double weight : weights) {
      const double units = weight / total * (1 << kWeightBits);
      window.weights.push_back(static_cast<std::int32_t>(units + (units < 0 ? -0.5 : 0.5)));
    }
  }
  return result;
}

/// The weighted sum of pixels that are `stride` bytes apart, rounded.
std::uint8_t mean(const std::uint8_t* pixels, std::int64_t stride, const Window& window) {
  pixels += window.first * stride;
  std::int32_t sum = 1 << (kWeightBits - 1);
  for (const std::int32_t weight : window.weights) {
    sum += weight * *pixels;
    pixels += stride;
  }
  return static_cast<std::uint8_t>(std::clamp(sum >> kWeightBits, 0, 255));
}

/// [C, H, W] to [C, H, width].
Tensor resize_rows(const Tensor& image, std::int64_t width, const Filter& filter) {
  const std::vector<Window> columns = windows(image.size(2), width, filter);
  Tensor result = at::empty({image.size(0), image.size(1), width}, at::kByte);
  const auto* from = image.data_ptr<std::uint8_t>();
  auto* to = result.data_ptr<std::uint8_t>();
  for (std::int64_t row = 0; row < image.size(0) * image.size(1); ++row, from += image.size(2)) {
    for (const Window& column : columns) *to++ = mean(from, 1, column);
  }
  return result;
}

/// [C, H, W] to [C, height, W].
Tensor resize_columns(const Tensor& image, std::int64_t height, const Filter& filter) {
  const std::vector<Window> rows = windows(image.size(1), height, filter);
  const std::int64_t width = image.size(2);
  Tensor result = at::empty({image.size(0), height, width}, at::kByte);
  auto* to = result.data_ptr<std::uint8_t>();
  for (std::int64_t c = 0; c < image.size(0); ++c) {
    const auto* const plane = image.data_ptr<std::uint8_t>() + c * image.size(1) * width;
    for (const Window& row : rows) {
      for (std::int64_t x = 0; x < width; ++x) *to++ = mean(plane + x, width, row);
    }
  }
  return result;
}

void check_image(const Tensor& image, std::int64_t height, std::int64_t width) {
  TORCH_CHECK(image.dim() == 3 && image.scalar_type() == at::kByte && image.numel() > 0,
              "an image is [C, H, W] of uint8");
  TORCH_CHECK(height > 0 && width > 0, "an image has at least one pixel");
}

}  // namespace

Tensor resize_image(const Tensor& image,
                    std::int64_t height,
                    std::int64_t width,
                    Interpolation interpolation) {
  check_image(image, height, width);
  const Filter filter = filter_of(interpolation);
  Tensor result = image.contiguous();
  if (width != image.size(2)) result = resize_rows(result, width, filter);
  if (height != image.size(1)) result = resize_columns(result, height, filter);
  return result;
}

Tensor centre_crop(const Tensor& image, std::int64_t height, std::int64_t width) {
  check_image(image, height, width);
  TORCH_CHECK(image.size(1) >= height && image.size(2) >= width, "the crop exceeds the image");
  return image.narrow(1, (image.size(1) - height) / 2, height)
      .narrow(2, (image.size(2) - width) / 2, width)
      .contiguous();
}

Tensor fit_to_crop(const Tensor& image,
                   std::int64_t height,
                   std::int64_t width,
                   Interpolation interpolation) {
  check_image(image, height, width);
  const std::int64_t h = image.size(1);
  const std::int64_t w = image.size(2);
  const bool height_is_scarce = h * width <= w * height;
  const std::int64_t scarce = height_is_scarce ? h : w;
  const std::int64_t crop = height_is_scarce ? height : width;
  std::int64_t target = scarce;
  if (7 * scarce > 8 * crop) target = std::lround(static_cast<double>(8 * crop) / 7);
  if (scarce < crop) target = crop;
  if (target == scarce) return centre_crop(image, height, width);
  const std::int64_t other =
      std::max(height_is_scarce ? width : height, (height_is_scarce ? w : h) * target / scarce);
  const Tensor resized = height_is_scarce ? resize_image(image, target, other, interpolation)
                                          : resize_image(image, other, target, interpolation);
  return centre_crop(resized, height, width);
}

}  // namespace crossloom
