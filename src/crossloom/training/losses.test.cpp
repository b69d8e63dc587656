#include "crossloom/training/losses.h"

#include <gtest/gtest.h>

namespace crossloom {
namespace {

StoredProduct product_with(const Tensor& weight) {
  StoredProduct stored;
  stored.weight = weight;
  return stored;
}

/// || W^T W - target I ||_F^2 as it is written.
double by_definition(const Tensor& w, double target) {
  return (at::matmul(w.t(), w) - target * at::eye(w.size(1))).square().sum().item<double>();
}

TEST(Losses, TemperatureDividesTheLogits) {
  const Tensor logits = at::randn({7, 4});
  const Tensor labels = at::arange(7).remainder(4);
  EXPECT_TRUE(cross_entropy(logits, labels, 4).equal(cross_entropy(logits / 4, labels)));
}

TEST(Losses, OrthogonalityIsTheWrittenOneForTallAndWideMatrices) {
  for (const auto& sizes : {std::vector<std::int64_t>{5, 9}, {9, 5}, {4, 4}}) {
    const Tensor w = at::randn(sizes);
    const double expected = by_definition(w, 0.7);
    EXPECT_NEAR(orthogonality({product_with(w)}, MatrixOf::kLastTwo, 0.7).item<double>() / expected,
                1,
                1e-5);
  }
}

TEST(Losses, OrthogonalityReadsConvolutionsInBothWays) {
  const Tensor w = at::randn({6, 2, 3, 3});
  double slices = 0;
  for (std::int64_t i = 0; i < 6; ++i) {
    for (std::int64_t j = 0; j < 2; ++j) slices += by_definition(w[i][j], 1);
  }
  const std::vector<StoredProduct> products = {product_with(w)};
  EXPECT_NEAR(orthogonality(products, MatrixOf::kLastTwo, 1).item<double>() / slices, 1, 1e-5);
  EXPECT_NEAR(orthogonality(products, MatrixOf::kFlattened, 1).item<double>() /
                  by_definition(w.flatten(1), 1),
              1,
              1e-5);
}

TEST(Losses, OrthogonalMatricesArePenalisedByNothing) {
  const Tensor q = std::get<0>(at::linalg_qr(at::randn({8, 5}, at::kDouble)));
  EXPECT_NEAR(
      orthogonality({product_with(q.to(at::kFloat) * 2)}, MatrixOf::kLastTwo, 4).item<double>(),
      0,
      1e-8);
}

TEST(Losses, HintsAreSharesOfWhatTheTeacherGives) {
  const Tensor small = at::randn({5, 3});
  const Tensor large = 100 * at::randn({5, 3, 2, 2});
  // The first is doubled, the second lacks a tenth: (1 + 0.01) / 2, however large they are.
  EXPECT_NEAR(hints({2 * small, 0.9 * large}, {small, large}).item<double>(), 0.505, 1e-5);
  const Tensor student = (2 * small).requires_grad_();
  hints({student}, {small}).backward();
  EXPECT_TRUE(student.grad().allclose(2 * small / small.square().sum(), 1e-4, 1e-6));
}

TEST(Losses, DistillationVanishesForEqualLogitsAndMatchesItsDefinition) {
  const Tensor student = at::randn({5, 3}).requires_grad_();
  const Tensor teacher = at::randn({5, 3}).requires_grad_();
  EXPECT_NEAR(distillation(student, student, 2).item<double>(), 0, 1e-6);
  const Tensor p = at::softmax(teacher.detach() / 2, 1);
  const Tensor q = at::softmax(student.detach() / 2, 1);
  const double expected = 4 * (p * (p / q).log()).sum(1).mean().item<double>();
  const Tensor loss = distillation(student, teacher, 2);
  EXPECT_NEAR(loss.item<double>(), expected, 1e-5);
  loss.backward();
  EXPECT_TRUE(student.grad().defined());
  EXPECT_FALSE(teacher.grad().defined());
}

}  // namespace
}  // namespace crossloom
