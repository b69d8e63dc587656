#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include <ATen/ATen.h>

#include "crossloom/data/dataset.h"

namespace crossloom {

/// Bytes beyond which an unpacked IDX file is refused.
constexpr std::size_t kMaxIdxBytes = std::size_t{1} << 30;

/// The tensor in the contents of an IDX file of unsigned bytes with `num_dims` dimensions. `path`
/// is for the messages. Throws `ConfigError` unless the header fits and exactly the announced
/// number of bytes follows.
/// Source: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database", section "File formats".
Tensor parse_idx(std::string_view contents,
                 std::int64_t num_dims,
                 const std::filesystem::path& path);

/// The same from the file at `path`, packed with gzip or not.
Tensor read_idx(const std::filesystem::path& path, std::int64_t num_dims);

/// Images and their labels as a split with one channel. Throws `ConfigError` naming `path`, the
/// file of the labels, when the counts differ or a label is not below `num_classes`.
///
///   images  [N, H, W]  uint8
///   labels  [N]        uint8
Split labelled_images(const Tensor& images,
                      const Tensor& labels,
                      std::int64_t num_classes,
                      const std::filesystem::path& path);

}  // namespace crossloom
