#include "crossloom/data/idx.h"

#include <cstring>
#include <string>
#include <vector>

#include "crossloom/core/errors.h"
#include "crossloom/core/files.h"

namespace crossloom {
namespace {

constexpr int kUnsignedByte = 0x08;

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& why) {
  throw ConfigError(path.string() + " is not a usable IDX file (" + why +
                    "); replace it by an intact copy");
}

int byte_at(std::string_view contents, std::size_t index) {
  return static_cast<unsigned char>(contents[index]);
}

std::int64_t big_endian_at(std::string_view contents, std::size_t index) {
  std::int64_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = 256 * value + byte_at(contents, index + i);
  return value;
}

}  // namespace

Tensor parse_idx(std::string_view contents,
                 std::int64_t num_dims,
                 const std::filesystem::path& path) {
  const auto header_bytes = static_cast<std::size_t>(4 + 4 * num_dims);
  if (contents.size() < header_bytes) {
    refuse(path,
           "it is cut short: its header alone takes " + std::to_string(header_bytes) +
               " bytes, it has " + std::to_string(contents.size()));
  }
  if (byte_at(contents, 0) != 0 || byte_at(contents, 1) != 0) {
    refuse(path, "wrong magic number: an IDX file starts with two zero bytes");
  }
  if (byte_at(contents, 2) != kUnsignedByte) {
    refuse(path,
           "its element type is " + std::to_string(byte_at(contents, 2)) +
               ", expected 8, unsigned bytes");
  }
  if (byte_at(contents, 3) != num_dims) {
    refuse(path,
           "it has " + std::to_string(byte_at(contents, 3)) + " dimensions, expected " +
               std::to_string(num_dims));
  }
  std::vector<std::int64_t> sizes;
  std::int64_t count = 1;
  for (std::int64_t dim = 0; dim < num_dims; ++dim) {
    const std::int64_t size = big_endian_at(contents, static_cast<std::size_t>(4 + 4 * dim));
    if (size == 0) refuse(path, "its dimension " + std::to_string(dim) + " is empty");
    // The division keeps the product of hostile sizes from overflowing.
    if (size > static_cast<std::int64_t>(kMaxIdxBytes) / count) {
      refuse(path, "it announces more than " + std::to_string(kMaxIdxBytes) + " elements");
    }
    sizes.push_back(size);
    count *= size;
  }
  const auto present = static_cast<std::int64_t>(contents.size() - header_bytes);
  if (present != count) {
    refuse(path,
           std::string(present < count ? "it is cut short" : "bytes follow its end") +
               ": it announces " + std::to_string(count) + " elements and holds " +
               std::to_string(present));
  }
  Tensor tensor = at::empty(sizes, at::kByte);
  std::memcpy(
      tensor.data_ptr<std::uint8_t>(), contents.data() + header_bytes, static_cast<size_t>(count));
  return tensor;
}

Tensor read_idx(const std::filesystem::path& path, std::int64_t num_dims) {
  return parse_idx(read_maybe_gzip(path, kMaxIdxBytes), num_dims, path);
}

Split labelled_images(const Tensor& images,
                      const Tensor& labels,
                      std::int64_t num_classes,
                      const std::filesystem::path& path) {
  TORCH_CHECK(images.dim() == 3 && labels.dim() == 1, "images are [N, H, W], labels are [N]");
  if (images.size(0) != labels.size(0)) {
    throw ConfigError(path.string() + " does not fit its images (" +
                      std::to_string(labels.size(0)) + " labels for " +
                      std::to_string(images.size(0)) +
                      " images); take both files from the same source");
  }
  const auto largest = labels.max().item<std::int64_t>();
  if (largest >= num_classes) {
    throw ConfigError(path.string() + " holds the label " + std::to_string(largest) +
                      " (labels are 0 to " + std::to_string(num_classes - 1) +
                      "); replace it by an intact copy");
  }
  return {images.unsqueeze(1), labels.to(at::kLong)};
}

}  // namespace crossloom
