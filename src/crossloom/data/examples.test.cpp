#include "crossloom/data/examples.h"

#include "crossloom/core/errors.h"
#include "crossloom/core/files.h"
#include "crossloom/data/data_testing.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

const fs::path kPictures = fs::path(CROSSLOOM_SOURCE_DIR) / "tests" / "pictures";
const std::vector<std::int64_t> kRgb = {3, 16, 16};
const DataOptions kOnlyReal{{}, false, false};

class OpenExamples : public EmptyPlaces {
 protected:
  static std::unique_ptr<Examples> open(const std::string& source,
                                        Subset subset = Subset::kTest,
                                        const std::vector<std::int64_t>& shape = kRgb) {
    return open_examples(source, subset, shape, kOnlyReal);
  }

  static std::string refusal(const std::string& source,
                             const std::vector<std::int64_t>& shape = kRgb) {
    return message_of<ConfigError>([&] { open(source, Subset::kTest, shape); });
  }

  static bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }

  /// A folder with one picture of class `label`.
  static void make_pictures(const std::string& folder, std::int64_t label) {
    fs::create_directories(folder);
    fs::copy_file(kPictures / "rgb.png", fs::path(folder) / "a.png");
    write_file(folder + "_labels.csv", "file,label\na.png," + std::to_string(label) + "\n");
  }

  const fs::path original_imagenet_ = find_data("imagenet");
};

TEST_F(OpenExamples, RegisteredSetsAreFittedToTheShape) {
  write_file("given/data_batch_1.bin", '\7' + std::string(3072, 'a'));
  write_file("given/test_batch.bin", '\3' + std::string(3072, 'b'));
  const auto test = open("cifar10:given");
  ASSERT_EQ(test->size(), 1);
  EXPECT_EQ(test->label(0), 3);
  EXPECT_TRUE(test->image(0).equal(at::full({3, 16, 16}, 'b', at::kByte)));
  EXPECT_TRUE(contains(test->provenance(), "INCOMPLETE: 1 of 50 000 train images"));
  EXPECT_EQ(open("cifar10:given", Subset::kTrain)->label(0), 7);
}

TEST_F(OpenExamples, DrawnDigitsKeepTheirShape) {
  const auto digits = open("synthetic_digits", Subset::kTest, {1, 28, 28});
  const Dataset dataset = load_dataset("synthetic_digits", {});
  EXPECT_EQ(digits->size(), 10'000);
  EXPECT_TRUE(digits->image(5).equal(dataset.test.images[5]));
  EXPECT_EQ(digits->label(5), dataset.test.labels[5].item<std::int64_t>());
}

TEST_F(OpenExamples, ImageNetIsLookedForInThePlaces) {
  make_pictures("data/imagenet/val", 1);
  make_pictures("data/imagenet/train", 2);
  EXPECT_EQ(open("imagenet")->label(0), 1);
  EXPECT_EQ(open("imagenet", Subset::kTrain)->label(0), 2);
  make_pictures("data/imagenet/train_sample", 3);
  EXPECT_EQ(open("imagenet", Subset::kTrain)->label(0), 3);
  EXPECT_EQ(open("imagenet:data/imagenet/train")->label(0), 2);
}

TEST_F(OpenExamples, AnyFolderOfPicturesMayBeNamed) {
  make_pictures("a:b", 5000);
  EXPECT_EQ(open("images:a:b")->label(0), 5000);
  EXPECT_TRUE(contains(refusal("imagenet:a:b"), "labels are 0 to 999"));
}

TEST_F(OpenExamples, RefusesOtherChannels) {
  make_pictures("set", 0);
  EXPECT_TRUE(
      contains(refusal("images:set", {1, 16, 16}), "they have 3 channels, its input has 1"));
  EXPECT_TRUE(contains(refusal("synthetic_digits"), "they have 1 channels, its input has 3"));
}

TEST_F(OpenExamples, RefusesUnknownNamesAndListsTheKnownOnes) {
  const std::string text = refusal("imagnet");
  EXPECT_TRUE(contains(text, "cannot use the images 'imagnet' (nothing is known")) << text;
  for (const std::string& name : dataset_names()) EXPECT_TRUE(contains(text, name)) << text;
  EXPECT_TRUE(contains(text, "images:FOLDER")) << text;
  EXPECT_TRUE(contains(refusal("images"), "it names no folder"));
  EXPECT_TRUE(contains(refusal("mnist:"), "no folder follows the ':'"));
}

TEST_F(OpenExamples, WithoutImageNetTheErrorListsThePlaces) {
  const std::string text = refusal("imagenet");
  EXPECT_TRUE(contains(text, "no folder imagenet/val in data, ../shared/data, ")) << text;
}

TEST_F(OpenExamples, TheSharedImageNetSampleIsComplete) {
  CROSSLOOM_NEEDS_DATA(original_imagenet_);
  set("CROSSLOOM_DATA", original_imagenet_.parent_path().string());
  const auto test = open("imagenet", Subset::kTest, {3, 224, 224});
  EXPECT_EQ(test->size(), 650);
  EXPECT_EQ(test->label(0), 472);
  EXPECT_EQ(test->image(0).sizes(), (std::vector<std::int64_t>{3, 224, 224}));
  EXPECT_EQ(open("imagenet", Subset::kTrain, {3, 224, 224})->size(), 500);
}

}  // namespace
}  // namespace crossloom
