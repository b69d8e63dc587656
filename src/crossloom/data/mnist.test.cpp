#include "crossloom/core/errors.h"
#include "crossloom/core/files.h"
#include "crossloom/data/data_testing.h"
#include "crossloom/data/dataset.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

class Mnist : public EmptyPlaces {
 protected:
  /// A folder "given" that holds links to the original files.
  void link_original() const {
    fs::create_directories("given");
    for (const fs::directory_entry& entry : fs::directory_iterator(original_mnist_)) {
      fs::create_symlink(entry.path(), "given" / entry.path().filename());
    }
  }

  static void replace(const fs::path& path, const std::string& bytes) {
    fs::remove(path);  // a link, which would be followed
    write_file(path, bytes);
  }

  static std::string refusal(const DataOptions& options) {
    return message_of<ConfigError>([&] { load_dataset("mnist", options); });
  }
};

const DataOptions kGiven{"given", false, true};
const DataOptions kOnlyReal{{}, false, false};

std::vector<std::int64_t> label_counts(const Tensor& labels) {
  const Tensor counts = at::bincount(labels, {}, 10);
  return {counts.data_ptr<std::int64_t>(), counts.data_ptr<std::int64_t>() + counts.numel()};
}

TEST_F(Mnist, OriginalHasTheKnownSizesSumsAndLabels) {
  CROSSLOOM_NEEDS_ORIGINAL_MNIST();
  set("CROSSLOOM_DATA", original_mnist_.string());
  const Dataset mnist = load_dataset("mnist", kOnlyReal);
  EXPECT_EQ(mnist.train.images.sizes(), (std::vector<std::int64_t>{60000, 1, 28, 28}));
  EXPECT_EQ(mnist.test.images.sizes(), (std::vector<std::int64_t>{10000, 1, 28, 28}));
  EXPECT_EQ(mnist.num_classes, 10);
  EXPECT_FALSE(mnist.is_synthetic);
  EXPECT_EQ(mnist.provenance, "real MNIST, checksums verified, from " + original_mnist_.string());
  // From the unpacked files with Python's gzip module: sum(data[16:]) of the images, and
  // collections.Counter(data[8:]) of the labels.
  EXPECT_EQ(mnist.train.images.sum().item<std::int64_t>(), 1567298545);
  EXPECT_EQ(mnist.test.images.sum().item<std::int64_t>(), 264923200);
  EXPECT_EQ(mnist.train.images[0].sum().item<std::int64_t>(), 27525);
  EXPECT_EQ(mnist.test.images[9999].sum().item<std::int64_t>(), 41833);
  EXPECT_EQ(
      label_counts(mnist.train.labels),
      (std::vector<std::int64_t>{5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949}));
  EXPECT_EQ(label_counts(mnist.test.labels),
            (std::vector<std::int64_t>{980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009}));
}

TEST_F(Mnist, RefusesBitFlipsInPackedFiles) {
  CROSSLOOM_NEEDS_ORIGINAL_MNIST();
  link_original();
  const fs::path path = "given/t10k-labels-idx1-ubyte.gz";
  const std::string intact = read_file(path);
  // In the magic number, the packed data, the checksum and the length.
  for (const std::size_t byte :
       {0UL, 100UL, 1000UL, 4000UL, intact.size() - 6, intact.size() - 1}) {
    std::string flipped = intact;
    flipped[byte] = static_cast<char>(flipped[byte] ^ 4);
    replace(path, flipped);
    EXPECT_EQ(refusal(kGiven).find(path.string()), 0) << byte;
  }
}

TEST_F(Mnist, RefusesBitFlipsInUnpackedFiles) {
  CROSSLOOM_NEEDS_ORIGINAL_MNIST();
  link_original();
  const fs::path path = "given/t10k-labels-idx1-ubyte";
  const std::string intact = read_maybe_gzip(path.string() + ".gz", 10008);
  fs::remove(path.string() + ".gz");
  // In the magic number, the count, the first and the last label.
  for (const std::size_t byte : {2UL, 6UL, 8UL, 10007UL}) {
    std::string flipped = intact;
    flipped[byte] = static_cast<char>(flipped[byte] ^ 1);
    replace(path, flipped);
    EXPECT_EQ(refusal(kGiven).find(path.string()), 0) << byte;
  }
  replace(path, intact);
  EXPECT_FALSE(load_dataset("mnist", kGiven).is_synthetic);
}

TEST_F(Mnist, IncompleteFilesAreNotReplacedBySyntheticOnes) {
  write_file("given/train-images-idx3-ubyte.gz", "");
  const std::string text = refusal(kGiven);
  EXPECT_NE(text.find("train-labels-idx1-ubyte is missing"), std::string::npos) << text;
}

TEST_F(Mnist, AnUnfinishedDownloadIsNotReplacedBySyntheticDigits) {
  write_file("cache/crossloom/mnist/train-images-idx3-ubyte.gz", "");
  EXPECT_NE(refusal({}).find("is incomplete"), std::string::npos);
}

TEST_F(Mnist, SyntheticDigitsStandInWhenOffline) {
  const Dataset digits = load_dataset("mnist", {});
  EXPECT_EQ(digits.name, "mnist");
  EXPECT_TRUE(digits.is_synthetic);
  EXPECT_EQ(digits.provenance.find("SYNTHETIC DIGITS, standing in for MNIST: no MNIST in data, "),
            0)
      << digits.provenance;
  EXPECT_NE(digits.provenance.find("cannot fetch train-images-idx3-ubyte.gz"), std::string::npos);
}

TEST_F(Mnist, WithoutAnySourceTheErrorListsThePlacesAndTheCommand) {
  const std::string text = refusal(kOnlyReal);
  for (const std::string& part : {std::string("no MNIST in data, ../shared/data, "),
                                  (folder_ / "cache" / "crossloom").string(),
                                  std::string("`crossloom data fetch mnist`")}) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  }
}

TEST_F(Mnist, AGivenFolderMustExist) {
  EXPECT_NE(refusal(kGiven).find("cannot use the data folder given"), std::string::npos);
}

TEST_F(Mnist, FashionMnistIsNotTheDigits) {
  CROSSLOOM_NEEDS_ORIGINAL_MNIST();
  link_original();
  const std::string text = message_of<ConfigError>([] { load_dataset("fashion_mnist", kGiven); });
  EXPECT_NE(text.find("it is one of MNIST"), std::string::npos) << text;
}

/// Contents of an IDX file of zeros but for its last byte.
std::string idx_file(const std::vector<std::uint32_t>& sizes, char last) {
  std::string contents = {0, 0, 8, static_cast<char>(sizes.size())};
  std::size_t count = 1;
  for (const std::uint32_t size : sizes) {
    for (const int shift : {24, 16, 8, 0}) contents += static_cast<char>(size >> shift & 0xff);
    count *= size;
  }
  return contents + std::string(count - 1, 0) + last;
}

TEST_F(Mnist, FilesOfFashionMnistMayBeUnpackedOrPackedAgain) {
  fs::create_directories("given");
  write_file("given/train-images-idx3-ubyte", idx_file({60000, 28, 28}, 1));
  write_packed("given/train-labels-idx1-ubyte.gz", idx_file({60000}, 9));
  write_packed("given/t10k-images-idx3-ubyte.gz", idx_file({10000, 28, 28}, 2));
  write_file("given/t10k-labels-idx1-ubyte", idx_file({10000}, 3));
  const Dataset fashion = load_dataset("fashion_mnist", kGiven);
  EXPECT_EQ(fashion.train.images[59999][0][27][27].item<int>(), 1);
  EXPECT_EQ(fashion.train.labels[59999].item<int>(), 9);
  EXPECT_EQ(fashion.test.images[9999][0][27][27].item<int>(), 2);
  EXPECT_EQ(fashion.test.labels[9999].item<int>(), 3);
  EXPECT_EQ(fashion.provenance.find("verified"), std::string::npos) << fashion.provenance;
  write_file("given/t10k-labels-idx1-ubyte", idx_file({9999}, 3));
  const std::string text = message_of<ConfigError>([] { load_dataset("fashion_mnist", kGiven); });
  EXPECT_NE(text.find("other sizes"), std::string::npos) << text;
}

TEST_F(Mnist, FilesMayBePackedAgain) {
  CROSSLOOM_NEEDS_ORIGINAL_MNIST();
  link_original();
  const fs::path path = "given/t10k-labels-idx1-ubyte.gz";
  const std::string contents = read_maybe_gzip(path, 10008);
  fs::remove(path);
  write_packed(path, contents);
  EXPECT_NE(load_dataset("mnist", kGiven).provenance.find("verified"), std::string::npos);
}

TEST_F(Mnist, FashionMnistHasNoStandIn) {
  const std::string text = message_of<ConfigError>([] { load_dataset("fashion_mnist", {}); });
  EXPECT_EQ(text.find("cannot load fashion_mnist (no Fashion-MNIST in data, "), 0) << text;
  EXPECT_NE(text.find("cannot fetch train-images-idx3-ubyte.gz"), std::string::npos) << text;
}

TEST(DatasetNames, AreListedForAnUnknownName) {
  const std::string text = message_of<ConfigError>([] { load_dataset("minst", {}); });
  EXPECT_GE(dataset_names().size(), 2);
  for (const std::string& name : dataset_names()) {
    EXPECT_NE(text.find(name), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace crossloom
