#pragma once

#include <cstdint>

#include <ATen/ATen.h>

namespace crossloom {

using at::Tensor;

/// How grey levels between pixels are had.
enum class Interpolation { kBilinear, kBicubic };

/// `image` [C, H, W] uint8 scaled to [C, height, width].
///
/// Each pixel is a weighted mean of those within the reach of the filter (triangle; cubic with
/// a = -0.5), which grows with the scale when the image shrinks, so that nothing is aliased. Width
/// first, then height, each rounded to 8 bits: the results of PIL's `Image.resize`, which
/// torchvision uses, to within one grey level.
/// Source: R. G. Keys, "Cubic convolution interpolation for digital image processing", IEEE Trans.
/// ASSP 29(6), 1981, doi:10.1109/TASSP.1981.1163711; Pillow 9.4, src/libImaging/Resample.c.
Tensor resize_image(const Tensor& image,
                    std::int64_t height,
                    std::int64_t width,
                    Interpolation interpolation);

/// The middle [C, height, width] of `image` [C, H, W], which is at least as large. Of an odd
/// margin the smaller half is above and to the left.
Tensor centre_crop(const Tensor& image, std::int64_t height, std::int64_t width);

/// `image` [C, H, W] brought to [C, height, width]: resized where needed, keeping its aspect, then
/// cropped in the middle.
///
/// With s the number of times that the crop fits into the image along its scarcer side:
///
///   s > 8/7      shrunk to s = 8/7 (256 pixels on the shorter side for a crop of 224)
///   s < 1        enlarged to s = 1
///   otherwise    not resized
Tensor fit_to_crop(const Tensor& image,
                   std::int64_t height,
                   std::int64_t width,
                   Interpolation interpolation);

}  // namespace crossloom
