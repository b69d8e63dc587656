#include "crossloom/evaluation/sensitivity.h"

#include <cmath>

#include <gtest/gtest.h>

namespace crossloom {
namespace {

/// One linear layer of two inputs and two classes, all weights zero: p = 1/2 for every input.
Network make_linear() {
  Network network("linear");
  NetworkInput input;
  input.sizes = {2};
  network.add_product("fc", network.add_input(input), ProductGeometry::linear(2, 2));
  return network;
}

// d log p(k) / dw[c, i] = (delta_ck - p_c) x_i = +- x_i / 2, whichever label is drawn.
TEST(Sensitivity, FisherOfUndecidedClassesIsAQuarterOfTheInputsPower) {
  const Network network = make_linear();
  const Tensor x = Rng(1).normal({64, 2});
  InputBatches batches;
  for (int repetition = 0; repetition < 400; ++repetition) batches.push_back({x});
  const double measured = sensitivities(network, batches, SensitivityBy::kHessian, Rng(2)).at(0);
  const double expected = x.square().mean().item<double>() / 4;
  // 400 batches of random signs; the square of a sum of 64 terms of random sign spreads by about
  // root two of its mean, the mean of four weights that go together in pairs by no more.
  EXPECT_NEAR(measured / expected, 1, 5 * std::sqrt(2.0 / 400));
}

TEST(Sensitivity, OfActivationsIsTheOutputErrorOfUnitNoise) {
  Network network = make_linear();
  network.products()[0].weight = at::tensor({3.0F, 1.0F, -2.0F, 0.5F}).view({2, 2});
  const Tensor x = Rng(1).normal({5000, 2});
  const double measured =
      sensitivities(network, {{x}}, SensitivityBy::kActivation, Rng(2)).at(0) * 4;
  const Tensor exact = x.matmul(network.products()[0].weight.t());
  const Tensor noise = Rng(7).normal({400, 2, 2});  // 1600 numbers: 5 standard errors are 18 %
  const double error = at::matmul(x, noise).square().mean().item<double>();
  EXPECT_NEAR(measured / (error / exact.square().mean().item<double>()), 1, 0.18);
}

TEST(Sensitivity, IsTheSameEverywhereWhenNotMeasured) {
  EXPECT_EQ(sensitivities(make_linear(), {}, SensitivityBy::kNone, Rng(1)), std::vector<double>{1});
}

}  // namespace
}  // namespace crossloom
