#include "crossloom/data/idx.h"

#include "crossloom/core/errors.h"
#include "crossloom/core/files.h"
#include "crossloom/data/data_testing.h"

namespace crossloom {
namespace {

class Idx : public EmptyPlaces {
 protected:
  /// Two images of 2x3 pixels, 0 to 11.
  static std::string contents() {
    std::string bytes("\0\0\x08\x03\0\0\0\2\0\0\0\2\0\0\0\3", 16);
    for (char pixel = 0; pixel < 12; ++pixel) bytes += pixel;
    return bytes;
  }

  std::string refusal(const std::string& bytes) const {
    write_file(folder_ / "file", bytes);
    const std::string text = message_of<ConfigError>([this] { read_idx(folder_ / "file", 3); });
    EXPECT_EQ(text.find((folder_ / "file").string()), 0) << text;
    EXPECT_NE(text.find("; "), std::string::npos) << text;
    return text;
  }
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_F(Idx, PackedAndUnpackedFilesGiveTheSameTensor) {
  write_file(folder_ / "file", contents());
  write_packed(folder_ / "file.gz", contents());
  const Tensor expected = at::arange(12, at::kByte).view({2, 2, 3});
  EXPECT_TRUE(read_idx(folder_ / "file", 3).equal(expected));
  EXPECT_TRUE(read_idx(folder_ / "file.gz", 3).equal(expected));
}

TEST_F(Idx, RefusesATruncatedFile) {
  for (std::size_t size = 0; size < contents().size(); ++size) {
    EXPECT_TRUE(contains(refusal(contents().substr(0, size)), "cut short")) << size;
  }
}

TEST_F(Idx, RefusesTrailingBytes) {
  EXPECT_TRUE(contains(refusal(contents() + "x"), "bytes follow its end"));
}

TEST_F(Idx, RefusesAWrongMagicNumberTypeOrDimensionCount) {
  std::string bytes = contents();
  bytes[0] = 1;
  EXPECT_TRUE(contains(refusal(bytes), "wrong magic number"));
  bytes = contents();
  bytes[2] = 0x0D;
  EXPECT_TRUE(contains(refusal(bytes), "element type is 13"));
  bytes = contents();
  bytes[3] = 1;
  EXPECT_TRUE(contains(refusal(bytes), "1 dimensions, expected 3"));
}

TEST_F(Idx, RefusesSizesWhoseProductOverflows) {
  const std::string bytes = contents().substr(0, 4) + std::string(12, '\xff') + "abc";
  EXPECT_TRUE(contains(refusal(bytes), "announces more than"));
}

TEST_F(Idx, RefusesAnEmptyDimension) {
  std::string bytes = contents().substr(0, 16);
  bytes[7] = 0;
  EXPECT_TRUE(contains(refusal(bytes), "dimension 0 is empty"));
}

TEST_F(Idx, NoBitFlipInAPackedFileChangesTheTensorUnnoticed) {
  write_packed(folder_ / "file.gz", contents());
  const std::string intact = read_file(folder_ / "file.gz");
  const Tensor expected = read_idx(folder_ / "file.gz", 3);
  std::size_t num_refused = 0;
  for (std::size_t bit = 0; bit < 8 * intact.size(); ++bit) {
    std::string flipped = intact;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    write_file(folder_ / "flipped.gz", flipped);
    try {
      EXPECT_TRUE(read_idx(folder_ / "flipped.gz", 3).equal(expected)) << bit;
    } catch (const ConfigError&) {
      ++num_refused;
    }
  }
  // Harmless are only date, hints and system in the header (6 bytes, 1 bit) and up to 7 bits of
  // padding behind the data.
  EXPECT_GE(num_refused, 8 * intact.size() - 56);
}

TEST(LabelledImages, HaveOneChannelAndWideLabels) {
  const Split split =
      labelled_images(at::zeros({2, 28, 28}, at::kByte), at::ones({2}, at::kByte), 10, "labels");
  EXPECT_EQ(split.images.sizes(), (std::vector<std::int64_t>{2, 1, 28, 28}));
  EXPECT_EQ(split.labels.scalar_type(), at::kLong);
}

TEST(LabelledImages, RefuseAnotherNumberOfLabels) {
  const std::string text = message_of<ConfigError>([] {
    labelled_images(at::zeros({2, 4, 4}, at::kByte), at::zeros({3}, at::kByte), 10, "labels");
  });
  EXPECT_TRUE(contains(text, "labels does not fit")) << text;
  EXPECT_TRUE(contains(text, "3 labels for 2 images")) << text;
}

TEST(LabelledImages, RefuseALabelAboveNine) {
  const std::string text = message_of<ConfigError>([] {
    labelled_images(at::zeros({1, 4, 4}, at::kByte), at::full({1}, 10, at::kByte), 10, "labels");
  });
  EXPECT_TRUE(contains(text, "the label 10")) << text;
}

}  // namespace
}  // namespace crossloom
