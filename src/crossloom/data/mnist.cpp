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
  const char* sha256;
};

/// Images and labels for training, images and labels for the test. Sizes and checksums are those
/// of the original files (MD5 f68b3c2d…, d53e105e…, 9fb629c4…, ec29112d…).
constexpr std::array<MnistFile, 4> kFiles = {{
    {"train-images-idx3-ubyte",
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
     "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"},
}};

/// Handwritten digits: 60 000 for training, 10 000 for the test, 28x28 grey levels, 10 classes.
///
/// Only the original contents pass, packed or not: a damaged file may be a well-formed one.
/// Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to
/// document recognition", Proc. IEEE 86(11), 1998, doi:10.1109/5.726791.
class Mnist final : public DatasetSource {
 public:
  Dataset load(const DataOptions& options) const override;
  RemoteFiles remote() const override;
};

std::vector<std::string> file_names() {
  std::vector<std::string> names;
  names.reserve(kFiles.size());
  for (const MnistFile& file : kFiles) names.emplace_back(file.name);
  return names;
}

std::string joined(const std::vector<fs::path>& paths) {
  std::string text;
  for (const fs::path& path : paths) text += (text.empty() ? "" : ", ") + path.string();
  return text;
}

Tensor read_original(const fs::path& path, const MnistFile& file, std::int64_t num_dims) {
  const std::string contents = read_maybe_gzip(path, kMaxIdxBytes);
  Tensor tensor = parse_idx(contents, num_dims, path);  // first, since its messages say more
  if (sha256(contents) != file.sha256) {
    throw ConfigError(path.string() +
                      " is damaged or not a file of MNIST (its checksum differs from the "
                      "original's); remove it and run `crossloom data fetch mnist`");
  }
  return tensor;
}

Split read_split(const std::vector<fs::path>& paths, std::size_t first) {
  const Tensor images = read_original(paths[first], kFiles[first], 3);
  const Tensor labels = read_original(paths[first + 1], kFiles[first + 1], 1);
  return labelled_images(images, labels, 10, paths[first + 1]);
}

Dataset read_all(const FoundFiles& found) {
  if (!found.is_complete()) {
    throw ConfigError("MNIST in " + found.folder.string() + " is incomplete (" +
                      found.missing.front() +
                      " is missing); remove what is there or run `crossloom data fetch mnist`");
  }
  std::error_code gone;
  const fs::path folder = fs::weakly_canonical(found.folder, gone);
  return {"mnist",
          "real MNIST, checksums verified, from " + (gone ? found.folder : folder).string(),
          false,
          10,
          read_split(found.paths, 0),
          read_split(found.paths, 2)};
}

Dataset Mnist::load(const DataOptions& options) const {
  const std::vector<fs::path> places = search_places(options.data_dir);
  const fs::path cache = cache_dir();
  FoundFiles found = locate_files(places, "mnist", file_names());
  const bool is_unfinished_fetch = !found.is_complete() && found.folder == cache / "mnist";
  if (!found.folder.empty() && !is_unfinished_fetch) return read_all(found);

  std::string why = "no MNIST in " + joined(places);
  if (options.may_download && !cache.empty()) {
    try {
      fetch_files(remote(), cache / "mnist");
      return read_all(locate_files({cache}, "mnist", file_names()));
    } catch (const IoError& failure) {
      why += std::string("; ") + failure.what();
    }
  }
  if (is_unfinished_fetch) return read_all(found);
  if (options.may_generate) {
    return synthetic_digits_dataset("mnist", "standing in for MNIST: " + why);
  }
  throw ConfigError("cannot load mnist (" + why +
                    "); run `crossloom data fetch mnist`, give its folder, or allow synthetic "
                    "digits");
}

RemoteFiles Mnist::remote() const {
  RemoteFiles remote;
  remote.homes = {"https://ossci-datasets.s3.amazonaws.com/mnist/",
                  "https://storage.googleapis.com/cvdf-datasets/mnist/"};
  for (const MnistFile& file : kFiles) {
    remote.files.push_back(
        {std::string(file.name) + ".gz", file.num_packed_bytes, file.packed_sha256});
  }
  return remote;
}

const RegisteredDataset<Mnist> registered{"mnist"};

}  // namespace
}  // namespace crossloom
