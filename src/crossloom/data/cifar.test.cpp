#include "crossloom/data/cifar.h"

#include "crossloom/core/errors.h"
#include "crossloom/core/files.h"
#include "crossloom/data/data_testing.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

/// A record whose pixels are all `pixel`.
std::string record(const std::string& labels, char pixel) {
  return labels + std::string(3072, pixel);
}

const std::string kThreeRecords =
    record("\1", '\x10') + record("\2", '\x20') + record("\x09", '\x30');
const DataOptions kGiven{"given", false, false};

class Cifar : public EmptyPlaces {
 protected:
  static std::string refusal(const std::string& name = "cifar10") {
    return message_of<ConfigError>([&] { load_dataset(name, kGiven); });
  }

  static bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }

  const fs::path original_ = find_data("cifar10");
};

TEST_F(Cifar, RecordsAreALabelAndThreePlanes) {
  std::string bytes = record("\3", '\0');
  bytes[1] = '\1';                  // red, first pixel
  bytes[1 + 1024 + 32] = '\2';      // green, second row
  bytes[1 + 2048 + 1023] = '\xff';  // blue, last pixel
  const Split split = parse_cifar(bytes, {1, 10}, "file");
  EXPECT_EQ(split.labels.item<std::int64_t>(), 3);
  EXPECT_EQ(split.images.sizes(), (std::vector<std::int64_t>{1, 3, 32, 32}));
  EXPECT_EQ(split.images[0][0][0][0].item<int>(), 1);
  EXPECT_EQ(split.images[0][1][1][0].item<int>(), 2);
  EXPECT_EQ(split.images[0][2][31][31].item<int>(), 255);
  EXPECT_EQ(split.images.sum().item<int>(), 258);
}

TEST_F(Cifar, TheFineLabelOfCifar100IsTheClass) {
  write_file("given/cifar100/train.bin", record("\5\x63", 'a'));
  write_file("given/cifar100/test.bin", record("\5\7", 'a'));
  const Dataset cifar = load_dataset("cifar100", kGiven);
  EXPECT_EQ(cifar.num_classes, 100);
  EXPECT_EQ(cifar.train.labels.item<std::int64_t>(), 99);
  EXPECT_EQ(cifar.test.labels.item<std::int64_t>(), 7);
}

TEST_F(Cifar, AnIncompleteSetSaysSo) {
  write_file("given/cifar-10-batches-bin/data_batch_2.bin", kThreeRecords);
  write_file("given/cifar-10-batches-bin/data_batch_5.bin", kThreeRecords);
  write_file("given/cifar-10-batches-bin/test_batch.bin", kThreeRecords);
  write_file("given/cifar-10-batches-bin/test_batch_first1000.bin", "not read");
  const Dataset cifar = load_dataset("cifar10", kGiven);
  EXPECT_EQ(cifar.train.images.size(0), 6);
  EXPECT_EQ(cifar.test.images.size(0), 3);
  EXPECT_EQ(cifar.provenance,
            "real CIFAR-10, INCOMPLETE: 6 of 50 000 train images, 3 of 10 000 test images, from " +
                fs::canonical("given/cifar-10-batches-bin").string());
}

TEST_F(Cifar, RefusesATruncatedFile) {
  write_file("given/data_batch_1.bin", kThreeRecords.substr(0, 9000));
  write_file("given/test_batch.bin", kThreeRecords);
  const std::string text = refusal();
  EXPECT_EQ(text.find("given/data_batch_1.bin is not a usable CIFAR file (it has 9000 bytes"), 0)
      << text;
  EXPECT_TRUE(contains(text, "not whole records of 3073")) << text;
  write_file("given/data_batch_1.bin", "");
  EXPECT_TRUE(contains(refusal(), "it has 0 bytes"));
}

TEST_F(Cifar, RefusesALabelWithoutAClass) {
  write_file("given/data_batch_1.bin", kThreeRecords + record("\x0a", 'a'));
  write_file("given/test_batch.bin", kThreeRecords);
  EXPECT_TRUE(contains(refusal(), "record 3 has the label 10, labels are 0 to 9"));
}

TEST_F(Cifar, RefusesASetWithoutTestOrTrainingImages) {
  write_file("given/data_batch_1.bin", kThreeRecords);
  EXPECT_TRUE(contains(refusal(), "no file of test images, such as test_batch.bin"));
  fs::remove("given/data_batch_1.bin");
  write_file("given/test_batch.bin", kThreeRecords);
  EXPECT_TRUE(contains(refusal(), "no file of training images, such as data_batch_1.bin"));
}

TEST_F(Cifar, WithoutFilesTheErrorListsThePlacesAndTheSource) {
  fs::create_directory("given");
  for (const std::string name : {"cifar10", "cifar100"}) {
    const std::string text = refusal(name);
    EXPECT_EQ(text.find("cannot load " + name + " (no CIFAR-10"), 0) << text;
    EXPECT_TRUE(contains(text, "in given, data, ../shared/data, ")) << text;
    EXPECT_TRUE(contains(text, "https://www.cs.toronto.edu/~kriz/cifar.html")) << text;
  }
}

TEST_F(Cifar, TheSharedPartHasTheKnownImages) {
  CROSSLOOM_NEEDS_DATA(original_);
  const Dataset cifar = load_dataset("cifar10", {original_, false, false});
  EXPECT_EQ(cifar.provenance,
            "real CIFAR-10, INCOMPLETE: 20 000 of 50 000 train images, 1 000 of 10 000 test "
            "images, from " +
                original_.string());
  // The first labels of the test set: cat, ship, ship, airplane, frog.
  const std::vector<std::int64_t> labels = {3, 8, 8, 0, 6};
  EXPECT_TRUE(cifar.test.labels.slice(0, 0, 5).equal(at::tensor(labels)));
  // From the files with Python: sum of all pixel bytes.
  EXPECT_EQ(cifar.test.images.sum().item<std::int64_t>(), 374560331);
}

}  // namespace
}  // namespace crossloom
