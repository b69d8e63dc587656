#include "crossloom/training/optimiser.h"

#include <gtest/gtest.h>

namespace crossloom {
namespace {

std::vector<Tensor> make_tensors() {
  return {torch::ones({3}), torch::full({2}, 2.0)};
}

void give_gradients(std::vector<Tensor>& tensors, int step) {
  for (Tensor& tensor : tensors) tensor.mutable_grad() = tensor.detach() * 0.3 + 0.1 * step;
}

TEST(Optimiser, OnlyTheFirstGroupDecays) {
  for (const auto rule : {OptimiserOptions::Rule::kAdamW, OptimiserOptions::Rule::kSgd}) {
    OptimiserOptions options;
    options.rule = rule;
    options.learning_rate = 0.1;
    options.weight_decay = 0.5;
    std::vector<Tensor> tensors = make_tensors();
    Optimiser optimiser(options, {tensors[0]}, {tensors[1]});
    for (Tensor& tensor : tensors) tensor.mutable_grad() = torch::zeros_like(tensor);
    optimiser.step();
    EXPECT_TRUE(tensors[0].allclose(torch::full({3}, 0.95)));
    EXPECT_TRUE(tensors[1].equal(torch::full({2}, 2.0)));
  }
}

TEST(Optimiser, StateRoundTripGoesOnToTheBit) {
  for (const auto rule : {OptimiserOptions::Rule::kAdamW, OptimiserOptions::Rule::kSgd}) {
    OptimiserOptions options;
    options.rule = rule;
    std::vector<Tensor> first = make_tensors();
    Optimiser one(options, {first[0]}, {first[1]});
    EXPECT_TRUE(one.state().empty());
    for (int step = 0; step < 3; ++step) {
      give_gradients(first, step);
      one.step();
    }
    std::vector<Tensor> second = {first[0].clone(), first[1].clone()};
    Optimiser two(options, {second[0]}, {second[1]});
    two.load_state(one.state());
    for (int step = 3; step < 6; ++step) {
      give_gradients(first, step);
      give_gradients(second, step);
      one.step();
      two.step();
    }
    EXPECT_TRUE(first[0].equal(second[0]));
    EXPECT_TRUE(first[1].equal(second[1]));
  }
}

TEST(Optimiser, LearningRateActsOnBothGroups) {
  OptimiserOptions options;
  options.rule = OptimiserOptions::Rule::kSgd;
  options.momentum = 0;
  options.weight_decay = 0;
  std::vector<Tensor> tensors = make_tensors();
  Optimiser optimiser(options, {tensors[0]}, {tensors[1]});
  optimiser.set_learning_rate(0.5);
  for (Tensor& tensor : tensors) tensor.mutable_grad() = torch::ones_like(tensor);
  optimiser.step();
  EXPECT_TRUE(tensors[0].allclose(torch::full({3}, 0.5)));
  EXPECT_TRUE(tensors[1].allclose(torch::full({2}, 1.5)));
}

}  // namespace
}  // namespace crossloom
