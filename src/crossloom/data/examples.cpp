#include "crossloom/data/examples.h"

#include <algorithm>

#include <ATen/Parallel.h>

#include "crossloom/core/errors.h"
#include "crossloom/data/image_folder.h"
#include "crossloom/data/locate.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kImageNetClasses = 1000;

/// Images that are in memory.
class SplitExamples final : public Examples {
 public:
  SplitExamples(Split split, std::string provenance, const ImageSize& size)
      : split_(std::move(split)), provenance_(std::move(provenance)), size_(size) {}

  std::int64_t size() const override { return split_.images.size(0); }
  Tensor image(std::int64_t i) const override {
    return fit_to_crop(split_.images[i], size_.height, size_.width, size_.interpolation);
  }
  std::int64_t label(std::int64_t i) const override {
    return split_.labels[i].item<std::int64_t>();
  }
  std::string provenance() const override { return provenance_; }

 private:
  Split split_;
  std::string provenance_;
  ImageSize size_;
};

[[noreturn]] void refuse_source(const std::string& source, const std::string& why) {
  std::string names;
  for (const std::string& name : dataset_names()) names += name + ", ";
  throw ConfigError("cannot use the images '" + source + "' (" + why + "); give one of " + names +
                    "imagenet, each with :FOLDER or without, or images:FOLDER");
}

/// NAME[:FOLDER] in parts.
struct Source {
  std::string name;
  std::string folder;

  explicit Source(const std::string& source) {
    const std::size_t colon = std::min(source.find(':'), source.size());
    name = source.substr(0, colon);
    folder = source.substr(std::min(colon + 1, source.size()));
    if (colon < source.size() && folder.empty()) {
      refuse_source(source, "no folder follows the ':'");
    }
  }
};

/// The data set of its name, looked for in its folder first.
Dataset load(const Source& source, DataOptions options) {
  if (!source.folder.empty()) options.data_dir = source.folder;
  return load_dataset(source.name, options);
}

void check_channels(std::int64_t present, std::int64_t wanted, const std::string& source) {
  if (present == wanted) return;
  throw ConfigError("the images '" + source + "' do not fit the network (they have " +
                    std::to_string(present) + " channels, its input has " + std::to_string(wanted) +
                    "); choose other images or another network");
}

/// The first of `names` that is a folder in one of the places.
fs::path find_folder(const std::vector<std::string>& names, const DataOptions& options) {
  const std::vector<fs::path> places = search_places(options.data_dir);
  for (const fs::path& place : places) {
    for (const std::string& name : names) {
      std::error_code unreadable;
      if (fs::is_directory(place / name, unreadable)) return place / name;
    }
  }
  throw ConfigError("cannot find imagenet (no folder " + names.front() + " in " + joined(places) +
                    "); give its folder as imagenet:FOLDER");
}

fs::path imagenet_folder(Subset subset, const std::string& folder, const DataOptions& options) {
  if (!folder.empty()) return folder;
  return subset == Subset::kTest
             ? find_folder({"imagenet/val"}, options)
             : find_folder({"imagenet/train_sample", "imagenet/train"}, options);
}

/// All images, decoded by all threads.
Split read_all(const Examples& examples) {
  std::vector<Tensor> images(static_cast<std::size_t>(examples.size()));
  std::vector<std::int64_t> labels(images.size());
  at::parallel_for(0, examples.size(), 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      images[static_cast<std::size_t>(i)] = examples.image(i);
      labels[static_cast<std::size_t>(i)] = examples.label(i);
    }
  });
  return {at::stack(images), at::tensor(labels, at::kLong)};
}

}  // namespace

std::unique_ptr<Examples> examples_of(const Split& split, const std::string& provenance) {
  const ImageSize size{split.images.size(2), split.images.size(3), Interpolation::kBilinear};
  return std::make_unique<SplitExamples>(split, provenance, size);
}

std::unique_ptr<Examples> open_examples(const std::string& source,
                                        Subset subset,
                                        at::IntArrayRef shape,
                                        const DataOptions& options,
                                        Interpolation interpolation) {
  TORCH_CHECK(shape.size() == 3, "the shape of an image is [C, H, W]");
  const ImageSize size{shape[1], shape[2], interpolation};
  const Source parts(source);
  const std::string& name = parts.name;
  const std::string& folder = parts.folder;

  if (name == "images" || name == "imagenet") {
    check_channels(3, shape[0], source);
    if (name == "imagenet") {
      return std::make_unique<ImageFolder>(
          imagenet_folder(subset, folder, options), size, kImageNetClasses);
    }
    if (folder.empty()) refuse_source(source, "it names no folder");
    return std::make_unique<ImageFolder>(folder, size);
  }
  if (!is_dataset(name)) refuse_source(source, "nothing is known under this name");
  const Dataset dataset = load(parts, options);
  const Split& split = subset == Subset::kTrain ? dataset.train : dataset.test;
  check_channels(split.images.size(1), shape[0], source);
  return std::make_unique<SplitExamples>(split, dataset.provenance, size);
}

bool is_dataset(const std::string& source) {
  const std::string name = source.substr(0, source.find(':'));
  const std::vector<std::string> known = dataset_names();
  return name == "imagenet" || std::find(known.begin(), known.end(), name) != known.end();
}

Dataset open_dataset(const std::string& source, at::IntArrayRef shape, const DataOptions& options) {
  const Source parts(source);
  if (parts.name != "imagenet") return load(parts, options);
  Dataset dataset;
  dataset.name = parts.name;
  dataset.num_classes = kImageNetClasses;
  const auto read = [&](Subset subset, Split& split) {
    const std::unique_ptr<Examples> examples = open_examples(source, subset, shape, options);
    split = read_all(*examples);
    dataset.provenance +=
        (dataset.provenance.empty() ? "" : "; tested on ") + examples->provenance();
  };
  read(Subset::kTrain, dataset.train);
  read(Subset::kTest, dataset.test);
  return dataset;
}

}  // namespace crossloom
