#include "crossloom/data/image_file.h"

#include "crossloom/core/errors.h"
#include "crossloom/core/files.h"
#include "crossloom/core/tensor_files.h"
#include "crossloom/data/data_testing.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

const fs::path kPictures = fs::path(CROSSLOOM_SOURCE_DIR) / "tests" / "pictures";

std::string refusal(const std::string& contents) {
  const std::string text = message_of<ConfigError>([&] { decode_image(contents, "some.jpg"); });
  EXPECT_EQ(text.find("some.jpg is not a usable picture ("), 0) << text;
  EXPECT_NE(text.find("; replace it by an intact JPEG or PNG file"), std::string::npos) << text;
  return text;
}

class PictureOfPil : public testing::TestWithParam<const char*> {};

TEST_P(PictureOfPil, IsDecodedToTheSameLevels) {
  const fs::path path = kPictures / GetParam();
  const Tensor expected = read_npy(fs::path(path).replace_extension(".npy"));
  const Tensor image = read_image(path);
  ASSERT_EQ(image.sizes(), expected.sizes());
  EXPECT_TRUE(image.is_contiguous());
  EXPECT_TRUE(image.equal(expected));
}

INSTANTIATE_TEST_SUITE_P(Kinds,
                         PictureOfPil,
                         testing::Values("rgb_420.jpg",
                                         "rgb_422_progressive.jpg",
                                         "grey.jpg",
                                         "cmyk.jpg",
                                         "rgb.png",
                                         "rgba.png",
                                         "palette.png",
                                         "bilevel.png",
                                         "grey16.png"));

TEST(ImageFile, NoTruncatedPictureIsAccepted) {
  for (const char* const name : {"rgb_420.jpg", "rgb_422_progressive.jpg", "rgb.png"}) {
    const std::string intact = read_file(kPictures / name);
    for (std::size_t size = 0; size < intact.size(); size += 7) refusal(intact.substr(0, size));
    refusal(intact.substr(0, intact.size() - 2));
  }
}

TEST(ImageFile, ATruncatedJpegSaysSo) {
  const std::string intact = read_file(kPictures / "rgb_420.jpg");
  EXPECT_NE(refusal(intact.substr(0, 800)).find("Premature end of JPEG file"), std::string::npos);
}

TEST(ImageFile, NoFlippedByteCrashes) {
  for (const char* const name : {"rgb_422_progressive.jpg", "cmyk.jpg", "palette.png"}) {
    const std::string intact = read_file(kPictures / name);
    for (std::size_t byte = 0; byte < intact.size(); ++byte) {
      std::string flipped = intact;
      flipped[byte] = static_cast<char>(~flipped[byte]);
      try {
        decode_image(flipped, "some.jpg", 1 << 20);
      } catch (const ConfigError&) {  // as it should be; some pictures only look different
      }
    }
  }
}

TEST(ImageFile, RefusesOtherKinds) {
  EXPECT_NE(refusal("GIF89a").find("does not start as"), std::string::npos);
  EXPECT_NE(refusal("").find("does not start as"), std::string::npos);
}

TEST(ImageFile, RefusesTooManyPixels) {
  const std::string text = message_of<ConfigError>(
      [] { decode_image(read_file(kPictures / "rgb.png"), "some.png", 1000); });
  EXPECT_NE(text.find("29x37 pixels are more than the 1000"), std::string::npos) << text;
}

TEST(ImageFile, AMissingFileIsNamed) {
  const std::string text = message_of<ConfigError>([] { read_image("no/such.jpg"); });
  EXPECT_NE(text.find("no/such.jpg"), std::string::npos) << text;
}

}  // namespace
}  // namespace crossloom
