#include "crossloom/data/image_folder.h"

#include <algorithm>
#include <cctype>

#include "crossloom/core/errors.h"
#include "crossloom/core/files.h"
#include "crossloom/data/image_file.h"
#include "crossloom/data/locate.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLabelsRemedy =
    "); give a table <folder>_labels.csv beside it with the columns file and label, or one "
    "subfolder per class";

fs::path without_trailing_slash(const fs::path& folder) {
  const fs::path path = fs::absolute(folder).lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

bool is_picture(const fs::directory_entry& entry) {
  std::string extension = entry.path().extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char letter) {
    return static_cast<char>(std::tolower(letter));
  });
  return entry.is_regular_file() &&
         (extension == ".jpg" || extension == ".jpeg" || extension == ".png");
}

/// Sorted names in `folder` of the entries that `is_wanted`.
template <class IsWanted>
std::vector<std::string> names_in(const fs::path& folder, const IsWanted& is_wanted) {
  std::vector<std::string> names;
  std::error_code unreadable;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, unreadable)) {
    if (is_wanted(entry)) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

ImageFolder::ImageFolder(fs::path folder,
                         const ImageSize& size,
                         std::optional<std::int64_t> num_classes,
                         std::int64_t max_kept_bytes)
    : folder_(without_trailing_slash(folder)), size_(size), max_kept_bytes_(max_kept_bytes) {
  std::error_code unreadable;
  if (!fs::is_directory(folder_, unreadable)) {
    throw ConfigError("cannot use the pictures in " + folder.string() +
                      " (there is no such folder); correct the path");
  }
  const fs::path beside = folder_.string() + "_labels.csv";
  const fs::path inside = folder_ / "labels.csv";
  if (fs::exists(beside)) {
    read_table(beside, num_classes);
  } else if (fs::exists(inside)) {
    read_table(inside, num_classes);
  } else {
    list_class_folders(num_classes);
  }
  kept_.resize(files_.size());
}

void ImageFolder::read_table(const fs::path& table, std::optional<std::int64_t> num_classes) {
  files_ = parse_label_csv(read_file(table), table);
  for (const LabelledFile& file : files_) {
    std::error_code unreadable;
    if (!fs::is_regular_file(folder_ / file.name, unreadable)) {
      throw ConfigError(table.string() + " does not fit its pictures (" +
                        (folder_ / file.name).string() +
                        " is not there); add the picture or remove its line");
    }
    if (num_classes && file.label >= *num_classes) {
      throw ConfigError(table.string() + " holds the label " + std::to_string(file.label) +
                        " for " + file.name + " (labels are 0 to " +
                        std::to_string(*num_classes - 1) + "); correct it");
    }
  }
  provenance_ = std::to_string(files_.size()) + " pictures with the labels of " +
                table.filename().string() + ", from " + resolved(folder_).string();
}

void ImageFolder::list_class_folders(std::optional<std::int64_t> num_classes) {
  const std::vector<std::string> classes =
      names_in(folder_, [](const fs::directory_entry& entry) { return entry.is_directory(); });
  if (classes.empty()) {
    throw ConfigError("no labels for the pictures in " + folder_.string() +
                      " (there is no table of labels and no subfolder" + kLabelsRemedy);
  }
  if (num_classes && static_cast<std::int64_t>(classes.size()) != *num_classes) {
    throw ConfigError("no labels for the pictures in " + folder_.string() + " (it has " +
                      std::to_string(classes.size()) + " class folders, not " +
                      std::to_string(*num_classes) +
                      ", so that their order is not the class index" + kLabelsRemedy);
  }
  for (std::size_t label = 0; label < classes.size(); ++label) {
    const std::vector<std::string> names = names_in(folder_ / classes[label], &is_picture);
    if (names.empty()) {
      throw ConfigError("the class folder " + (folder_ / classes[label]).string() +
                        " is empty (it holds no .jpg, .jpeg or .png file); add pictures or remove "
                        "the folder");
    }
    for (const std::string& name : names) {
      files_.push_back({classes[label] + "/" + name, static_cast<std::int64_t>(label)});
    }
  }
  provenance_ = std::to_string(files_.size()) + " pictures in " + std::to_string(classes.size()) +
                " class folders, from " + resolved(folder_).string();
}

Tensor ImageFolder::image(std::int64_t i) const {
  const auto index = static_cast<std::size_t>(i);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (kept_.at(index).defined()) return kept_[index];
  }
  Tensor image = fit_to_crop(
      read_image(folder_ / files_[index].name), size_.height, size_.width, size_.interpolation);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!kept_[index].defined() && kept_bytes_ + image.numel() <= max_kept_bytes_) {
    kept_[index] = image;
    kept_bytes_ += image.numel();
  }
  return image;
}

std::int64_t ImageFolder::label(std::int64_t i) const {
  return files_.at(static_cast<std::size_t>(i)).label;
}

}  // namespace crossloom
