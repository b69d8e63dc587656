#include <algorithm>
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
  const char* sha256;  // of the unpacked contents; nullptr: not known
};

const std::array<MnistFile, 4> kDigits = {
    {{"train-images-idx3-ubyte",
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
      "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"}}};

struct MnistSet {
  std::string name;
  std::string title;
  std::vector<std::string> subfolders;
  std::vector<std::string> homes;
  std::array<MnistFile, 4> files;  // images and labels for training, images and labels for the test
  bool has_stand_in = false;       // drawn digits may take its place
};

/// 60 000 images for training, 10 000 for the test, 28x28 grey levels, 10 classes; packed, unpacked
/// or packed again.
///
/// Only the original contents pass, since a damaged file may be a well-formed one. Where only the
/// checksum of the original packed file is known, another file passes by its form and sizes, and
/// `Dataset::provenance` says so.
class MnistFamily : public DatasetSource {
 public:
  explicit MnistFamily(MnistSet set) : set_(std::move(set)) {}
  Dataset load(const DataOptions& options) const override;
  RemoteFiles remote() const override;

 private:
  std::vector<std::string> file_names() const;
  Tensor read_file_of_set(const fs::path& path, std::size_t index, bool& is_original) const;
  [[noreturn]] void refuse(const fs::path& path, const std::string& why) const;
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
                     kDigits,
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

void MnistFamily::refuse(const fs::path& path, const std::string& why) const {
  throw ConfigError(path.string() + " is damaged or not a file of " + set_.title + " (" + why +
                    "); remove it and run `crossloom data fetch " + set_.name + "`");
}

/// File `index`. `is_original` turns false when its checksum is not known.
Tensor MnistFamily::read_file_of_set(const fs::path& path,
                                     std::size_t index,
                                     bool& is_original) const {
  const MnistFile& file = set_.files[index];
  const bool has_images = index % 2 == 0;
  const std::string contents = read_maybe_gzip(path, kMaxIdxBytes);
  Tensor tensor = parse_idx(contents, has_images ? 3 : 1, path);  // first: its messages say more
  const std::string checksum = sha256(contents);
  if (file.sha256 != nullptr) {
    if (checksum != file.sha256) refuse(path, "its checksum differs from the original's");
    return tensor;
  }
  if (sha256(read_file(path)) == file.packed_sha256) return tensor;
  is_original = false;
  if (std::any_of(kDigits.begin(), kDigits.end(), [&](const MnistFile& digits) {
        return checksum == digits.sha256;
      })) {
    refuse(path, "it is one of MNIST, the digits");
  }
  const std::int64_t count = index < 2 ? 60000 : 10000;
  const std::vector<std::int64_t> expected =
      has_images ? std::vector<std::int64_t>{count, 28, 28} : std::vector<std::int64_t>{count};
  if (tensor.sizes() != expected) refuse(path, "it has other sizes than the original");
  return tensor;
}

Dataset MnistFamily::read_all(const FoundFiles& found) const {
  if (!found.is_complete()) {
    throw ConfigError(
        set_.title + " in " + found.folder.string() + " is incomplete (" + found.missing.front() +
        " is missing); remove what is there or run `crossloom data fetch " + set_.name + "`");
  }
  bool is_original = true;
  std::array<Tensor, 4> parts;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    parts[i] = read_file_of_set(found.paths[i], i, is_original);
  }
  return {set_.name,
          "real " + set_.title + ", " +
              (is_original ? "checksums verified" : "not all of it in the original packed files") +
              ", from " + resolved(found.folder).string(),
          false,
          10,
          labelled_images(parts[0], parts[1], 10, found.paths[1]),
          labelled_images(parts[2], parts[3], 10, found.paths[3])};
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
