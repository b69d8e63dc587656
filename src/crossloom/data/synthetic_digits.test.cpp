#include "crossloom/data/synthetic_digits.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

namespace crossloom {
namespace {

bool are_equal(const Split& a, const Split& b) {
  return a.images.equal(b.images) && a.labels.equal(b.labels);
}

TEST(SyntheticDigits, DependOnTheirSeedAlone) {
  const Split first = synthetic_digits(500, Rng(1));
  EXPECT_TRUE(are_equal(first, synthetic_digits(500, Rng(1))));
  EXPECT_FALSE(are_equal(first, synthetic_digits(500, Rng(2))));
}

TEST(SyntheticDigits, DoNotDependOnThreads) {
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const Split one = synthetic_digits(500, Rng(1));
  at::set_num_threads(3);
  const Split three = synthetic_digits(500, Rng(1));
  at::set_num_threads(threads);
  EXPECT_TRUE(are_equal(one, three));
}

TEST(SyntheticDigits, FewerAreAPrefixOfMore) {
  const Split few = synthetic_digits(10, Rng(1));
  const Split more = synthetic_digits(20, Rng(1));
  EXPECT_TRUE(few.images.equal(more.images.slice(0, 0, 10)));
  EXPECT_TRUE(few.labels.equal(more.labels.slice(0, 0, 10)));
}

TEST(SyntheticDigits, HaveTheBrightnessOfMnist) {
  const Tensor pixels = synthetic_digits(10'000, Rng(1)).images.to(at::kFloat) / 255;
  // MNIST's training images: mean 0.1307, standard deviation 0.3081, 81 % of the pixels are 0.
  EXPECT_NEAR(pixels.mean().item<double>(), 0.1307, 0.005);
  EXPECT_NEAR(pixels.std().item<double>(), 0.3081, 0.005);
  EXPECT_NEAR((pixels == 0).to(at::kFloat).mean().item<double>(), 0.81, 0.01);
}

TEST(SyntheticDigits, ClassesAreEquallyFrequent) {
  const Tensor counts = at::bincount(synthetic_digits(10'000, Rng(1)).labels, {}, 10);
  // Binomial: standard deviation sqrt(10 000 · 0.1 · 0.9) = 30; 5 standard errors.
  EXPECT_LT((counts - 1000).abs().max().item<std::int64_t>(), 150);
}

TEST(SyntheticDigits, CentreOfMassIsInTheMiddle) {
  const Tensor ink = synthetic_digits(1000, Rng(1)).images.squeeze(1).to(at::kFloat);
  const Tensor position = at::arange(28, at::kFloat);
  const Tensor total = ink.sum({1, 2});
  // Whole-pixel shifts leave at most half a pixel; rounding of the grey levels a little more.
  EXPECT_LT(((ink.sum(1) * position).sum(1) / total - 14).abs().max().item<double>(), 0.52);
  EXPECT_LT(((ink.sum(2) * position).sum(1) / total - 14).abs().max().item<double>(), 0.52);
}

/// The share of `test` whose class has the nearest mean image of `train`.
double nearest_mean_accuracy(const Split& train, const Split& test) {
  const Tensor one_hot = at::one_hot(train.labels, 10).to(at::kFloat);  // [N, 10]
  const Tensor means =
      one_hot.t().mm(train.images.flatten(1).to(at::kFloat)) / one_hot.sum(0).unsqueeze(1);
  const Tensor nearest = at::cdist(test.images.flatten(1).to(at::kFloat), means).argmin(1);
  return (nearest == test.labels).to(at::kFloat).mean().item<double>();
}

TEST(SyntheticDigits, AreNeitherTrivialNorHopelessToTellApart) {
  const Rng rng(1);
  const double accuracy = nearest_mean_accuracy(synthetic_digits(10'000, rng.fork(1)),
                                                synthetic_digits(5000, rng.fork(2)));
  // MNIST itself: 0.82 (nearest class mean of the training images).
  EXPECT_GT(accuracy, 0.70);
  EXPECT_LT(accuracy, 0.92);
}

TEST(SyntheticDigits, AsADatasetSayWhatTheyAre) {
  const Dataset digits = load_dataset("synthetic_digits", {});
  EXPECT_TRUE(digits.is_synthetic);
  EXPECT_EQ(digits.provenance.find("SYNTHETIC DIGITS"), 0);
  EXPECT_EQ(digits.train.images.sizes(), (std::vector<std::int64_t>{60000, 1, 28, 28}));
  EXPECT_EQ(digits.test.images.sizes(), (std::vector<std::int64_t>{10000, 1, 28, 28}));
  EXPECT_FALSE(digits.train.images.slice(0, 0, 10'000).equal(digits.test.images));
}

}  // namespace
}  // namespace crossloom
