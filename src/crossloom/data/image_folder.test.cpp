#include "crossloom/data/image_folder.h"

#include <thread>

#include "crossloom/core/errors.h"
#include "crossloom/core/files.h"
#include "crossloom/data/data_testing.h"
#include "crossloom/data/image_file.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

const fs::path kPictures = fs::path(CROSSLOOM_SOURCE_DIR) / "tests" / "pictures";
const ImageSize kSmall{16, 16, Interpolation::kBilinear};
constexpr std::int64_t kSmallBytes = std::int64_t{3} * 16 * 16;

class ImageFolderTest : public EmptyPlaces {
 protected:
  static void put(const std::string& picture, const fs::path& path) {
    fs::create_directories(path.parent_path());
    fs::copy_file(kPictures / picture, path);
  }

  /// Two pictures with a table beside their folder.
  static void make_set() {
    put("rgb_420.jpg", "set/one.jpg");
    put("grey.jpg", "set/two.JPEG");
    write_file("set_labels.csv", "file,label\ntwo.JPEG,4\none.jpg,2\n");
  }

  static std::string refusal(std::optional<std::int64_t> num_classes = std::nullopt) {
    return message_of<ConfigError>([&] { ImageFolder("set", kSmall, num_classes); });
  }

  static bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }
};

TEST_F(ImageFolderTest, FollowsTheTableBesideTheFolder) {
  make_set();
  const ImageFolder images("set/", kSmall);
  ASSERT_EQ(images.size(), 2);
  EXPECT_EQ(images.label(0), 4);
  EXPECT_EQ(images.label(1), 2);
  EXPECT_TRUE(images.image(1).equal(
      fit_to_crop(read_image(kPictures / "rgb_420.jpg"), 16, 16, Interpolation::kBilinear)));
  EXPECT_EQ(images.provenance(),
            "2 pictures with the labels of set_labels.csv, from " + (folder_ / "set").string());
}

TEST_F(ImageFolderTest, FollowsTheTableInsideTheFolder) {
  put("rgb.png", "set/a/one.png");
  write_file("set/labels.csv", "file,label\na/one.png,9\n");
  EXPECT_EQ(ImageFolder("set", kSmall).label(0), 9);
}

TEST_F(ImageFolderTest, ClassFoldersAreNumberedByName) {
  put("rgb.png", "set/dog/2.png");
  put("rgb_420.jpg", "set/dog/1.JPG");
  put("grey.jpg", "set/cat/1.jpeg");
  write_file("set/cat/notes.txt", "not a picture");
  const ImageFolder images("set", kSmall);
  ASSERT_EQ(images.size(), 3);
  EXPECT_EQ(images.label(0), 0);
  EXPECT_EQ(images.label(1), 1);
  EXPECT_TRUE(images.image(1).equal(
      fit_to_crop(read_image(kPictures / "rgb_420.jpg"), 16, 16, Interpolation::kBilinear)));
  EXPECT_EQ(images.provenance(),
            "3 pictures in 2 class folders, from " + (folder_ / "set").string());
}

TEST_F(ImageFolderTest, RefusesAMissingFolderOrOneWithoutLabels) {
  EXPECT_TRUE(contains(refusal(), "cannot use the pictures in set (there is no such folder)"));
  put("rgb.png", "set/one.png");
  EXPECT_TRUE(contains(refusal(), "no table of labels and no subfolder"));
  fs::create_directory("set/cat");
  EXPECT_TRUE(contains(refusal(), "set/cat is empty"));
}

TEST_F(ImageFolderTest, RefusesAMissingPicture) {
  make_set();
  fs::remove("set/one.jpg");
  EXPECT_TRUE(contains(refusal(), "set/one.jpg is not there")) << refusal();
}

TEST_F(ImageFolderTest, RefusesLabelsOutsideTheClasses) {
  make_set();
  EXPECT_TRUE(contains(refusal(4), "holds the label 4 for two.JPEG (labels are 0 to 3)"));
  EXPECT_EQ(ImageFolder("set", kSmall, 5).size(), 2);
}

TEST_F(ImageFolderTest, RefusesPartOfTheClassFoldersOfAKnownSet) {
  put("rgb.png", "set/dog/2.png");
  EXPECT_TRUE(contains(refusal(1000), "has 1 class folders, not 1000")) << refusal(1000);
}

TEST_F(ImageFolderTest, ADamagedPictureIsNamedWhenItIsRead) {
  make_set();
  const std::string bytes = read_file("set/one.jpg");
  write_file("set/one.jpg", bytes.substr(0, 700));
  const ImageFolder images("set", kSmall);
  images.image(0);
  const std::string text = message_of<ConfigError>([&] { images.image(1); });
  EXPECT_TRUE(contains(text, "set/one.jpg is not a usable picture")) << text;
}

TEST_F(ImageFolderTest, KeepsDecodedPicturesBelowTheLimit) {
  make_set();
  const ImageFolder images("set", kSmall, std::nullopt, kSmallBytes);
  const Tensor first = images.image(0);
  images.image(1);
  fs::remove_all("set");
  EXPECT_TRUE(images.image(0).equal(first));
  EXPECT_THROW(images.image(1), ConfigError);
}

TEST_F(ImageFolderTest, MayBeReadFromSeveralThreads) {
  make_set();
  const ImageFolder images("set", kSmall);
  const ImageFolder reference("set", kSmall);
  std::vector<std::thread> threads;
  std::atomic<int> num_equal{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        num_equal += images.image(i % 2).equal(reference.image(i % 2)) ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(num_equal, 80);
}

}  // namespace
}  // namespace crossloom
