#include "crossloom/device/masks.h"

#include <gtest/gtest.h>

#include "crossloom/core/random.h"
#include "crossloom/device/selection.h"

namespace crossloom {
namespace {

const std::vector<std::int64_t> kSizes = {0, 1, 7, 255, 256, 1000, 65537};

Tensor mask_of(std::int64_t n, double share) {
  return Rng(1).uniform({n}).lt(share);
}

TEST(Masks, AreCountedAsTheirSum) {
  for (const std::int64_t n : kSizes) {
    EXPECT_EQ(count_true(mask_of(n, 0.4)), mask_of(n, 0.4).sum().item<std::int64_t>()) << n;
    EXPECT_EQ(count_true(at::ones({n}, at::kBool)), n);
  }
}

TEST(Masks, ChooseAsLibTorchDoes) {
  for (const auto type : {at::kFloat, at::kInt, at::kDouble, at::kChar}) {
    for (const std::int64_t n : kSizes) {
      const Tensor yes = (100 * Rng(2).normal({n})).to(type);
      const Tensor no = (100 * Rng(3).normal({n})).to(type);
      const Tensor one = at::full({1}, 3, type);
      for (const Tensor& a : {yes, one, one.expand({n})}) {
        for (const Tensor& b : {no, one, one.expand({n})}) {
          const Tensor mask = mask_of(n, 0.4);
          EXPECT_TRUE(choose(mask, a, b).equal(at::where(mask, a, b))) << type << ' ' << n;
        }
      }
    }
  }
}

TEST(Masks, DifferBeyondTheTolerance) {
  const Tensor a = Rng(4).normal({1000});
  const Tensor b = a + 0.1 * Rng(5).normal({1000});
  EXPECT_TRUE(differ(a, b, 0.1).equal((a - b).abs() > 0.1));
  const Tensor shared = at::full({1}, 0.5).expand({1000});
  EXPECT_TRUE(differ(a, shared, 0.1).equal((a - shared).abs() > 0.1));
  EXPECT_FALSE(differ(a, a, 0).any().item<bool>());
}

TEST(Masks, KnowWhatAllCellsShare) {
  const Tensor shared = at::full({1}, 2, at::kInt).expand({3, 4});
  EXPECT_TRUE(shares(shared, 2));
  EXPECT_FALSE(shares(shared, 3));
  EXPECT_FALSE(shares(at::full({3, 4}, 2, at::kInt), 2));
  EXPECT_EQ(once(shared).numel(), 1);
}

TEST(Selection, PutsBackWhatItGathered) {
  for (const double share : {0.01, 0.5, 1.0}) {
    for (const auto others : {Selection::Others::kLeftOut, Selection::Others::kMayComeAlong}) {
      const Tensor mask = mask_of(1000, share).view({10, 100});
      const Selection chosen(mask, others);
      const Tensor x = Rng(6).normal({10, 100});
      const Tensor doubled = chosen.scatter(x, 2 * chosen.gather(x));
      EXPECT_TRUE(doubled.equal(at::where(mask, 2 * x, x))) << share;
      const Tensor shared = at::full({1}, 0.5).expand({10, 100});
      EXPECT_TRUE(chosen.scatter(shared, chosen.gather(shared) + 1).equal(shared + mask));
      EXPECT_EQ(chosen.gather(x).numel(), chosen.size());
    }
  }
}

}  // namespace
}  // namespace crossloom
