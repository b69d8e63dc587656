#include "crossloom/training/augmentation.h"

#include <set>

#include <gtest/gtest.h>

namespace crossloom {
namespace {

/// One image whose pixels all differ, many times.
Tensor make_images(std::int64_t count) {
  const Tensor image = at::arange(2 * 6 * 5).to(at::kByte).view({1, 2, 6, 5}) + 1;
  return image.expand({count, 2, 6, 5}).contiguous();
}

TEST(Augmentation, LeavesImagesAloneUnlessAsked) {
  const Tensor images = make_images(3);
  EXPECT_TRUE(Augmentation().apply(images, Rng(1)).equal(images));
}

TEST(Augmentation, EveryImageIsAShiftOfItsOriginal) {
  Augmentation augmentation;
  augmentation.shift = 2;
  const Tensor images = make_images(400);
  const Tensor moved = augmentation.apply(images, Rng(1));
  const Tensor padded = at::constant_pad_nd(images[0], {2, 2, 2, 2}, 0);
  std::set<std::pair<std::int64_t, std::int64_t>> seen;
  for (std::int64_t i = 0; i < 400; ++i) {
    bool is_found = false;
    for (std::int64_t row = 0; row < 5; ++row) {
      for (std::int64_t col = 0; col < 5; ++col) {
        if (!moved[i].equal(padded.slice(1, row, row + 6).slice(2, col, col + 5))) continue;
        is_found = true;
        seen.insert({row, col});
      }
    }
    EXPECT_TRUE(is_found) << i;
  }
  EXPECT_EQ(seen.size(), 25U);  // 400 draws miss one of 25 with a probability of 2e-6
}

TEST(Augmentation, MirrorsHalfOfTheImages) {
  Augmentation augmentation;
  augmentation.has_flip = true;
  const std::int64_t count = 10000;
  const Tensor images = make_images(count);
  const Tensor changed = augmentation.apply(images, Rng(2));
  const Tensor mirrored = changed.eq(images.flip(3)).flatten(1).all(1);
  const Tensor same = changed.eq(images).flatten(1).all(1);
  EXPECT_EQ((mirrored.sum() + same.sum()).item<std::int64_t>(), count);
  const double share = mirrored.to(at::kDouble).mean().item<double>();
  EXPECT_NEAR(share, 0.5, 5 * std::sqrt(0.25 / static_cast<double>(count)));
}

TEST(Augmentation, IsKeyedByItsStream) {
  Augmentation augmentation;
  augmentation.shift = 3;
  const Tensor images = make_images(8);
  EXPECT_TRUE(augmentation.apply(images, Rng(1)).equal(augmentation.apply(images, Rng(1))));
  EXPECT_FALSE(augmentation.apply(images, Rng(1)).equal(augmentation.apply(images, Rng(2))));
}

}  // namespace
}  // namespace crossloom
