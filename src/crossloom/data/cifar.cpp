#include "crossloom/data/cifar.h"

#include <cstring>

#include "crossloom/core/errors.h"
#include "crossloom/core/files.h"
#include "crossloom/data/dataset_source.h"
#include "crossloom/data/locate.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kNumPixelBytes = 3 * 32 * 32;

/// The files of one part of a set, and how many images all of them hold.
struct CifarPart {
  std::vector<std::string> names;
  std::int64_t num_images = 0;
};

struct CifarSet {
  std::string name;
  std::string title;
  std::vector<std::string> subfolders;
  CifarPart train;
  CifarPart test;
  std::string partial_test;  // used when `test` is not there; "": none
  CifarFormat format;
};

/// 60 000 photographs, 32x32 pixels.
///
/// Part of the files is accepted, and the provenance then says how many images there are. No
/// checksums: the author publishes those of the archive alone.
/// Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
class Cifar : public DatasetSource {
 public:
  explicit Cifar(CifarSet set) : set_(std::move(set)) {}
  Dataset load(const DataOptions& options) const override;

 private:
  Split read(const std::vector<fs::path>& paths) const;
  std::vector<fs::path> test_paths(const fs::path& folder) const;
  std::string coverage(const Split& train, const Split& test) const;

  CifarSet set_;
};

class Cifar10 final : public Cifar {
 public:
  Cifar10()
      : Cifar({"cifar10",
               "CIFAR-10",
               {"cifar-10-batches-bin", "cifar10"},
               {{"data_batch_1.bin",
                 "data_batch_2.bin",
                 "data_batch_3.bin",
                 "data_batch_4.bin",
                 "data_batch_5.bin"},
                50'000},
               {{"test_batch.bin"}, 10'000},
               "test_batch_first1000.bin",
               {1, 10}}) {}
};

class Cifar100 final : public Cifar {
 public:
  Cifar100()
      : Cifar({"cifar100",
               "CIFAR-100",
               {"cifar-100-binary", "cifar100"},
               {{"train.bin"}, 50'000},
               {{"test.bin"}, 10'000},
               "",
               {2, 100}}) {}
};

std::string with_spaces(std::int64_t count) {
  std::string text = std::to_string(count);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3) {
    text.insert(static_cast<std::size_t>(at), " ");
  }
  return text;
}

std::string share(const Split& split, const CifarPart& part, const std::string& images) {
  return with_spaces(split.labels.size(0)) + " of " + with_spaces(part.num_images) + images;
}

std::vector<fs::path> paths_in(const fs::path& folder, const std::vector<std::string>& names) {
  return locate_files({folder}, {}, names).paths;
}

std::vector<fs::path> Cifar::test_paths(const fs::path& folder) const {
  std::vector<fs::path> paths = paths_in(folder, set_.test.names);
  if (paths.empty() && !set_.partial_test.empty()) paths = paths_in(folder, {set_.partial_test});
  return paths;
}

Split Cifar::read(const std::vector<fs::path>& paths) const {
  std::vector<Tensor> images;
  std::vector<Tensor> labels;
  for (const fs::path& path : paths) {
    const Split part = parse_cifar(read_maybe_gzip(path, kMaxCifarBytes), set_.format, path);
    images.push_back(part.images);
    labels.push_back(part.labels);
  }
  return {at::cat(images), at::cat(labels)};
}

std::string Cifar::coverage(const Split& train, const Split& test) const {
  const bool is_complete =
      train.labels.size(0) == set_.train.num_images && test.labels.size(0) == set_.test.num_images;
  return is_complete ? "complete"
                     : "INCOMPLETE: " + share(train, set_.train, " train images, ") +
                           share(test, set_.test, " test images");
}

Dataset Cifar::load(const DataOptions& options) const {
  std::vector<std::string> names = set_.train.names;
  names.insert(names.end(), set_.test.names.begin(), set_.test.names.end());
  if (!set_.partial_test.empty()) names.push_back(set_.partial_test);
  const std::vector<fs::path> places = search_places(options.data_dir);
  const fs::path folder = locate_files(places, set_.subfolders, names).folder;
  if (folder.empty()) {
    throw ConfigError("cannot load " + set_.name + " (no " + set_.title + " in " + joined(places) +
                      "); unpack its binary version from https://www.cs.toronto.edu/~kriz/"
                      "cifar.html into ./data, or give its folder");
  }
  const std::vector<fs::path> train_files = paths_in(folder, set_.train.names);
  const std::vector<fs::path> test_files = test_paths(folder);
  if (train_files.empty() || test_files.empty()) {
    throw ConfigError(set_.title + " in " + folder.string() + " is incomplete (no file of " +
                      (train_files.empty() ? "training" : "test") + " images, such as " +
                      (train_files.empty() ? set_.train : set_.test).names.front() +
                      "); add it from the binary version of the set");
  }
  const Split train = read(train_files);
  const Split test = read(test_files);
  return {
      set_.name,
      "real " + set_.title + ", " + coverage(train, test) + ", from " + resolved(folder).string(),
      false,
      set_.format.num_classes,
      train,
      test};
}

const RegisteredDataset<Cifar10> registered_10{"cifar10"};
const RegisteredDataset<Cifar100> registered_100{"cifar100"};

[[noreturn]] void refuse(const fs::path& path, const std::string& why) {
  throw ConfigError(path.string() + " is not a usable CIFAR file (" + why +
                    "); replace it by an intact copy of the binary version");
}

}  // namespace

Split parse_cifar(std::string_view contents, const CifarFormat& format, const fs::path& path) {
  const std::int64_t record_bytes = format.num_label_bytes + kNumPixelBytes;
  const auto num_bytes = static_cast<std::int64_t>(contents.size());
  if (num_bytes == 0 || num_bytes % record_bytes != 0) {
    refuse(path,
           "it has " + std::to_string(num_bytes) + " bytes, not whole records of " +
               std::to_string(record_bytes) + ": it is cut short or of another kind");
  }
  const std::int64_t count = num_bytes / record_bytes;
  Split split{at::empty({count, 3, 32, 32}, at::kByte), at::empty({count}, at::kLong)};
  for (std::int64_t i = 0; i < count; ++i) {
    const char* const pixels = contents.data() + i * record_bytes + format.num_label_bytes;
    const auto label = static_cast<unsigned char>(pixels[-1]);
    if (label >= format.num_classes) {
      refuse(path,
             "record " + std::to_string(i) + " has the label " + std::to_string(label) +
                 ", labels are 0 to " + std::to_string(format.num_classes - 1));
    }
    split.labels.data_ptr<std::int64_t>()[i] = label;
    std::memcpy(split.images.data_ptr<std::uint8_t>() + i * kNumPixelBytes,
                pixels,
                static_cast<std::size_t>(kNumPixelBytes));
  }
  return split;
}

}  // namespace crossloom
