#include "crossloom/data/image_transform.h"

#include <tuple>

#include "crossloom/core/tensor_files.h"
#include "crossloom/data/data_testing.h"
#include "crossloom/data/image_file.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

const fs::path kPictures = fs::path(CROSSLOOM_SOURCE_DIR) / "tests" / "pictures";
const std::vector<double> kImageNetMean = {0.485, 0.456, 0.406};
const std::vector<double> kImageNetStd = {0.229, 0.224, 0.225};

class ResizeOfPil : public testing::TestWithParam<std::tuple<std::string, std::string>> {};

TEST_P(ResizeOfPil, IsMatchedToTheLevel) {
  const auto& [filter, size] = GetParam();
  const Tensor expected = read_npy(kPictures / (filter + "_" + size + ".npy"));
  const Tensor resized =
      resize_image(read_image(kPictures / "rgb.png"),
                   expected.size(1),
                   expected.size(2),
                   filter == "bilinear" ? Interpolation::kBilinear : Interpolation::kBicubic);
  EXPECT_TRUE(resized.equal(expected))
      << (resized.to(at::kInt) - expected.to(at::kInt)).abs().max().item<int>();
}

INSTANTIATE_TEST_SUITE_P(FiltersAndSizes,
                         ResizeOfPil,
                         testing::Combine(testing::Values("bilinear", "bicubic"),
                                          testing::Values("11x14", "63x50", "29x9")));

TEST(ResizeImage, KeepsAFlatImageFlat) {
  for (const Interpolation how : {Interpolation::kBilinear, Interpolation::kBicubic}) {
    const Tensor flat = at::full({1, 50, 40}, 255, at::kByte);
    EXPECT_EQ(resize_image(flat, 7, 93, how).min().item<int>(), 255);
  }
}

TEST(CentreCrop, LeavesTheLargerPartOfAnOddMarginAtTheEnd) {
  const Tensor line = at::arange(10, at::kByte).view({1, 1, 10});
  EXPECT_EQ(centre_crop(line, 1, 9).min().item<int>(), 0);
  EXPECT_EQ(centre_crop(line, 1, 7).min().item<int>(), 1);
}

TEST(CentreCrop, RefusesALargerCrop) {
  EXPECT_THROW(centre_crop(at::zeros({1, 4, 4}, at::kByte), 5, 4), c10::Error);
}

TEST(FitToCrop, ResizesOnlyImagesThatAreMuchLargerOrSmaller) {
  const auto fit = [](const Tensor& image) {
    return fit_to_crop(image, 224, 224, Interpolation::kBilinear);
  };
  const Tensor large = at::randint(0, 256, {3, 500, 375}, at::kByte);
  EXPECT_TRUE(fit(large).equal(
      centre_crop(resize_image(large, 341, 256, Interpolation::kBilinear), 224, 224)));
  const Tensor small = at::randint(0, 256, {3, 100, 200}, at::kByte);
  EXPECT_TRUE(fit(small).equal(
      centre_crop(resize_image(small, 224, 448, Interpolation::kBilinear), 224, 224)));
  for (const std::int64_t side : {224, 227, 256}) {
    const Tensor near = at::randint(0, 256, {3, side, 300}, at::kByte);
    EXPECT_TRUE(fit(near).equal(centre_crop(near, 224, 224))) << side;
  }
  EXPECT_EQ(fit(at::zeros({3, 257, 257}, at::kByte)).size(1), 224);
}

TEST(FitToCrop, HandlesExtremeAspectsAndCrops) {
  const auto sizes = [](std::int64_t h, std::int64_t w, std::int64_t height, std::int64_t width) {
    return fit_to_crop(at::zeros({1, h, w}, at::kByte), height, width, Interpolation::kBicubic)
        .sizes()
        .vec();
  };
  EXPECT_EQ(sizes(1, 500, 32, 32), (std::vector<std::int64_t>{1, 32, 32}));
  EXPECT_EQ(sizes(500, 1, 32, 32), (std::vector<std::int64_t>{1, 32, 32}));
  EXPECT_EQ(sizes(500, 400, 1, 1), (std::vector<std::int64_t>{1, 1, 1}));
  EXPECT_EQ(sizes(99, 301, 64, 33), (std::vector<std::int64_t>{1, 64, 33}));
  EXPECT_EQ(sizes(301, 99, 64, 33), (std::vector<std::int64_t>{1, 64, 33}));
}

TEST(FitToCrop, GivesTheInputsOfTheReferenceNetworks) {
  const fs::path images = find_data("imagenet/val");
  const fs::path golden = find_data("golden/deit_tiny_patch16_224.safetensors");
  CROSSLOOM_NEEDS_DATA(images);
  CROSSLOOM_NEEDS_DATA(golden);
  const Tensor input = read_safetensors(golden).tensors.at("input");  // [2, 3, 224, 224]
  const Tensor mean = at::tensor(kImageNetMean).view({3, 1, 1});
  const Tensor deviation = at::tensor(kImageNetStd).view({3, 1, 1});
  const std::vector<std::string> names = {"00000347", "00000556"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Tensor image = fit_to_crop(read_image(images / ("ILSVRC2012_val_" + names[i] + ".JPEG")),
                                     224,
                                     224,
                                     Interpolation::kBilinear);
    const Tensor scaled = (image.to(at::kDouble) / 255 - mean) / deviation;
    EXPECT_LT((scaled - input[static_cast<std::int64_t>(i)]).abs().max().item<double>(), 1e-5);
  }
}

}  // namespace
}  // namespace crossloom
