#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "crossloom/data/dataset.h"

namespace crossloom {

/// Layout of one kind of CIFAR records: label bytes, of which the last is the class, then 32x32
/// bytes of red, of green and of blue, row by row.
/// Source: A. Krizhevsky, https://www.cs.toronto.edu/~kriz/cifar.html, "binary version".
struct CifarFormat {
  std::int64_t num_label_bytes = 1;  // CIFAR-100: coarse label, fine label
  std::int64_t num_classes = 10;
};

/// Bytes beyond which an unpacked CIFAR file is refused.
constexpr std::size_t kMaxCifarBytes = std::size_t{1} << 30;

/// The images [N, 3, 32, 32] and labels in the contents of a CIFAR file. `path` is for the
/// messages. Throws `ConfigError` unless they are one or more whole records with labels below
/// `num_classes`.
Split parse_cifar(std::string_view contents,
                  const CifarFormat& format,
                  const std::filesystem::path& path);

}  // namespace crossloom
