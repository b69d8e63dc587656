#pragma once

#include <filesystem>
#include <mutex>
#include <optional>
#include <vector>

#include "crossloom/data/examples.h"
#include "crossloom/data/label_csv.h"

namespace crossloom {

/// Height and width that images are brought to, and how they are resized.
struct ImageSize {
  std::int64_t height = 0;  // [pixels]
  std::int64_t width = 0;   // [pixels]
  Interpolation interpolation = Interpolation::kBilinear;
};

/// The JPEG and PNG pictures of a folder, [3, H, W]. Labels are taken from the first that is there
/// of
///
///   <folder>_labels.csv     beside the folder (see `parse_label_csv`)
///   <folder>/labels.csv
///   <folder>/<class>/*      one subfolder per class; their sorted names are the class indices
///
/// A picture is decoded when it is first asked for, and then kept as long as all of them stay below
/// `max_kept_bytes`.
class ImageFolder final : public Examples {
 public:
  /// Throws `ConfigError` when there are no labelled pictures, when a labelled one is missing, and,
  /// where `num_classes` is given, on a label that is not below it or another number of class
  /// folders.
  ImageFolder(std::filesystem::path folder,
              const ImageSize& size,
              std::optional<std::int64_t> num_classes = std::nullopt,
              std::int64_t max_kept_bytes = std::int64_t{256} << 20);

  std::int64_t size() const override { return static_cast<std::int64_t>(files_.size()); }
  Tensor image(std::int64_t i) const override;
  std::int64_t label(std::int64_t i) const override;
  std::string provenance() const override { return provenance_; }

 private:
  void read_table(const std::filesystem::path& table, std::optional<std::int64_t> num_classes);
  void list_class_folders(std::optional<std::int64_t> num_classes);

  std::filesystem::path folder_;
  ImageSize size_;
  std::int64_t max_kept_bytes_;
  std::vector<LabelledFile> files_;
  std::string provenance_;

  mutable std::mutex mutex_;
  mutable std::vector<Tensor> kept_;  // undefined: not decoded yet or not kept
  mutable std::int64_t kept_bytes_ = 0;
};

}  // namespace crossloom
