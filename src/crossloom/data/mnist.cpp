#include <array>

#include "crossloom/core/errors.h"
#include "crossloom/core/files.h"
#include "crossloom/data/dataset_source.h"
#include "crossloom/data/idx.h"
#include "crossloom/data/locate.h"
#include "crossloom/data/synthetic_digits.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

struct MnistFile {
  const char* name;  // without ".gz"
  std::int64_t num_packed_bytes;
  const char* packed_sha256;
  const char* sha256;  // of the unpacked contents; nullptr: not known, only packed files pass
};

struct MnistSet {
  std::string name;
  std::string title;
  std::vector<std::string> subfolders;
  std::vector<std::string> homes;
  std::array<MnistFile, 4> files;  // images and labels for training, images and labels for the test
  bool has_stand_in = false;       // drawn digits may take its place
};

/// 60 000 images for training, 10 000 for the test, 28x28 grey levels, 10 classes.
///
/// Only the original contents pass: a damaged file may be a well-formed one.
class MnistFamily : public DatasetSource {
 public:
  explicit MnistFamily(MnistSet set) : set_(std::move(set)) {}
  Dataset load(const DataOptions& options) const override;
  RemoteFiles remote() const override;

 private:
  std::vector<std::string> file_names() const;
  Tensor read_original(const fs::path& path, const MnistFile& file, std::int64_t num_dims) const;
  Split read_split(const std::vector<fs::path>& paths, std::size_t first) const;
  Dataset read_all(const FoundFiles& found) const;

  MnistSet set_;
};

/// Handwritten digits. Sizes and checksums are those of the original files (MD5 f68b3c2d…,
/// d53e105e…, 9fb629c4…, ec29112d…).
/// Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to
/// document recognition", Proc. IEEE 86(11), 1998, doi:10.1109/5.726791.
class Mnist final : public MnistFamily {
 public:
  Mnist()
      : MnistFamily({"mnist",
                     "MNIST",
                     {"mnist"},
                     {"https://ossci-datasets.s3.amazonaws.com/mnist/",
                      "https://storage.googleapis.com/cvdf-datasets/mnist/"},
                     {{{"train-images-idx3-ubyte",
                        9912422,
                        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"},
                       {"train-labels-idx1-ubyte",
                        28881,
                        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"},
                       {"t10k-images-idx3-ubyte",
                        1648877,
                        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"},
                       {"t10k-labels-idx1-ubyte",
                        4542,
                        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"}}},
                     true}) {}
};

/// Pictures of clothes in the files and sizes of MNIST. The checksums are those of the packed
/// files (MD5 8d4fb7e6…, 25c81989…, bef4ecab…, bb300cfd… in the authors' repository).
/// Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking
/// machine learning algorithms", 2017, arXiv:1708.07747.
class FashionMnist final : public MnistFamily {
 public:
  FashionMnist()
      : MnistFamily({"fashion_mnist",
                     "Fashion-MNIST",
                     {"fashion_mnist", "fashion-mnist"},
                     {"https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
                      "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"},
                     {{{"train-images-idx3-ubyte",
                        26421880,
                        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                        nullptr},
                       {"train-labels-idx1-ubyte",
                        29515,
                        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                        nullptr},
                       {"t10k-images-idx3-ubyte",
                        4422102,
                        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                        nullptr},
                       {"t10k-labels-idx1-ubyte",
                        5148,
                        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                        nullptr}}},
                     false}) {}
};

std::vector<std::string> MnistFamily::file_names() const {
  std::vector<std::string> names;
  names.reserve(set_.files.size());
  for (const MnistFile& file : set_.files) names.emplace_back(file.name);
  return names;
}

Tensor MnistFamily::read_original(const fs::path& path,
                                  const MnistFile& file,
                                  std::int64_t num_dims) const {
  const std::string contents = read_maybe_gzip(path, kMaxIdxBytes);
  Tensor tensor = parse_idx(contents, num_dims, path);  // first, since its messages say more
  const bool is_original = file.sha256 != nullptr ? sha256(contents) == file.sha256
                                                  : sha256(read_file(path)) == file.packed_sha256;
  if (!is_original) {
    throw ConfigError(path.string() + " is damaged or not a " +
                      (file.sha256 != nullptr ? "" : "packed (.gz) ") + "file of " + set_.title +
                      " (its checksum differs from the original's); remove it and run `crossloom "
                      "data fetch " +
                      set_.name + "`");
  }
  return tensor;
}

Split MnistFamily::read_split(const std::vector<fs::path>& paths, std::size_t first) const {
  const Tensor images = read_original(paths[first], set_.files[first], 3);
  const Tensor labels = read_original(paths[first + 1], set_.files[first + 1], 1);
  return labelled_images(images, labels, 10, paths[first + 1]);
}

Dataset MnistFamily::read_all(const FoundFiles& found) const {
  if (!found.is_complete()) {
    throw ConfigError(
        set_.title + " in " + found.folder.string() + " is incomplete (" + found.missing.front() +
        " is missing); remove what is there or run `crossloom data fetch " + set_.name + "`");
  }
  return {set_.name,
          "real " + set_.title + ", checksums verified, from " + resolved(found.folder).string(),
          false,
          10,
          read_split(found.paths, 0),
          read_split(found.paths, 2)};
}

Dataset MnistFamily::load(const DataOptions& options) const {
  const std::vector<fs::path> places = search_places(options.data_dir);
  const fs::path cache = cache_dir();
  FoundFiles found = locate_files(places, set_.subfolders, file_names());
  const bool is_unfinished_fetch = !found.is_complete() && found.folder == cache / set_.name;
  if (!found.folder.empty() && !is_unfinished_fetch) return read_all(found);

  std::string why = "no " + set_.title + " in " + joined(places);
  if (options.may_download && !cache.empty()) {
    try {
      fetch_files(remote(), cache / set_.name);
      return read_all(locate_files({cache}, {set_.name}, file_names()));
    } catch (const IoError& failure) {
      why += std::string("; ") + failure.what();
    }
  }
  if (is_unfinished_fetch) return read_all(found);
  if (options.may_generate && set_.has_stand_in) {
    return synthetic_digits_dataset(set_.name, "standing in for " + set_.title + ": " + why);
  }
  throw ConfigError("cannot load " + set_.name + " (" + why + "); run `crossloom data fetch " +
                    set_.name + "`, give its folder" +
                    (set_.has_stand_in ? ", or allow synthetic digits" : ""));
}

RemoteFiles MnistFamily::remote() const {
  RemoteFiles remote;
  remote.homes = set_.homes;
  for (const MnistFile& file : set_.files) {
    remote.files.push_back(
        {std::string(file.name) + ".gz", file.num_packed_bytes, file.packed_sha256});
  }
  return remote;
}

const RegisteredDataset<Mnist> registered_mnist{"mnist"};
const RegisteredDataset<FashionMnist> registered_fashion_mnist{"fashion_mnist"};

}  // namespace
}  // namespace crossloom
