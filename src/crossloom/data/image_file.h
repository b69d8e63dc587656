#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include <ATen/ATen.h>

namespace crossloom {

using at::Tensor;

/// Pixels beyond which a picture is refused.
constexpr std::int64_t kMaxPixels = std::int64_t{1} << 26;

/// The picture in the contents of a JPEG or PNG file, told by their first bytes.
///
///   returns  [3, H, W]  uint8  red, green, blue; grey pictures have three equal planes
///
/// The grey levels are those that PIL and torchvision give: JPEG by libjpeg-turbo with its defaults
/// (accurate integer DCT, smooth upsampling of colour), CMYK inverted as Adobe does and then
/// converted without a colour profile; PNG without its transparency, 16 bits rounded to 8. A turn
/// noted in the EXIF data is not made. `path` is for the messages. Throws `ConfigError` when the
/// picture is of another kind, cut short, damaged or of more than `max_pixels`.
Tensor decode_image(std::string_view contents,
                    const std::filesystem::path& path,
                    std::int64_t max_pixels = kMaxPixels);

/// The same from the file at `path`.
Tensor read_image(const std::filesystem::path& path);

}  // namespace crossloom
