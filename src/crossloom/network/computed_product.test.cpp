#include "crossloom/network/computed_product.h"

#include <cmath>

#include <gtest/gtest.h>

#include "crossloom/network/architectures.h"
#include "crossloom/network/chip.h"
#include "crossloom/network/layer_rule.h"

namespace crossloom {
namespace {

Hardware quiet_hardware() {
  Hardware hardware;
  hardware.dac.bits = 0;
  hardware.dac.range.policy = RangePolicy::kFixed;  // of one, as the numbers of these tests
  hardware.adc.bits = 0;
  return hardware;
}

Hardware noisy_hardware(double programming_noise, double read_noise) {
  Hardware hardware = quiet_hardware();
  hardware.device = Device("bulk_switching_wu2023");
  ParamList params;
  hardware.device.describe(params);
  params.assign({{"programming_noise", programming_noise},
                 {"programming_offset", 0},
                 {"read_noise", read_noise}});
  return hardware;
}

Tensor signed_numbers(std::uint64_t seed, at::IntArrayRef sizes) {
  return 2 * Rng(seed).uniform(sizes) - 1;
}

TEST(ComputedProduct, OnIdealCellsIsTheDigitalProduct) {
  for (const ScalePer scale : {ScalePer::kTensor, ScalePer::kColumn}) {
    Hardware hardware = quiet_hardware();
    hardware.mapping.scale = scale;
    const Tensor a = signed_numbers(1, {3, 2, 5, 70});  // two row tiles
    const Tensor b = 4 * signed_numbers(2, {3, 2, 70, 9});
    ComputedProduct product(hardware, InputSign::kSigned, Rng(3));
    const Tensor y = product.forward(a, b, {}, Rng(4));
    EXPECT_TRUE(y.allclose(at::matmul(a, b), 1e-4, 1e-4));
    // Without heads, and with an operand that all heads share.
    ComputedProduct plain(hardware, InputSign::kSigned, Rng(3));
    const Tensor flat = plain.forward(a.select(1, 0), b.select(1, 0), {}, Rng(4));
    EXPECT_TRUE(flat.allclose(at::matmul(a.select(1, 0), b.select(1, 0)), 1e-4, 1e-4));
    ComputedProduct shared(hardware, InputSign::kSigned, Rng(3));
    const Tensor one = b.slice(1, 0, 1);
    EXPECT_TRUE(shared.forward(a, one, {}, Rng(4)).allclose(at::matmul(a, one), 1e-4, 1e-4));
  }
}

// The error of an output is N(0, s^2), s^2 = 2 (sigma_programming^2 + sigma_read^2) |a|^2 times the
// square of the weight per siemens. Every output has cells and reads of its own.
TEST(ComputedProduct, ErrorsAreThoseOfWritesAndReads) {
  constexpr double kProgramming = 1e-6;
  constexpr double kRead = 0.6e-6;
  const Hardware hardware = noisy_hardware(kProgramming, kRead);
  const auto [g_min, g_max] = hardware.device.range();
  const Tensor a = signed_numbers(1, {200, 2, 1, 10});
  const Tensor b = signed_numbers(2, {200, 2, 10, 30});
  ComputedProduct product(hardware, InputSign::kSigned, Rng(3));
  const Tensor error = product.forward(a, b, {}, Rng(4)) - at::matmul(a, b);
  const Tensor per_siemens = b.abs().amax({2, 3}, true) / (g_max - g_min);
  const Tensor variance = 2 * (kProgramming * kProgramming + kRead * kRead) *
                          a.square().sum(3, true) * per_siemens.square();
  const Tensor z = (error / variance.sqrt()).flatten().to(at::kDouble);
  const auto n = static_cast<double>(z.numel());
  ASSERT_GE(n, 1e4);
  EXPECT_NEAR(z.mean().item<double>(), 0, 5 / std::sqrt(n));
  EXPECT_NEAR(z.square().mean().item<double>(), 1, 5 * std::sqrt(2 / n));
}

TEST(ComputedProduct, ResultsDoNotDependOnTheBatch) {
  const Hardware hardware = noisy_hardware(1e-6, 1e-6);
  const Tensor a = signed_numbers(1, {4, 2, 3, 10});
  const Tensor b = signed_numbers(2, {4, 2, 10, 5});
  ComputedProduct whole(hardware, InputSign::kSigned, Rng(3));
  const Tensor all = whole.forward(a, b, {}, Rng(4));
  ComputedProduct parts(hardware, InputSign::kSigned, Rng(3));
  ReadContext late;
  late.first_image = 3;
  EXPECT_TRUE(parts.forward(a.slice(0, 3), b.slice(0, 3), late, Rng(4)).allclose(all.slice(0, 3)));
  EXPECT_TRUE(
      parts.forward(a.slice(0, 0, 3), b.slice(0, 0, 3), {}, Rng(4)).allclose(all.slice(0, 0, 3)));
}

TEST(ComputedProduct, CountsAWriteOfOneCellOfEachPairPerExample) {
  ComputedProduct product(quiet_hardware(), InputSign::kSigned, Rng(3));
  product.forward(
      signed_numbers(1, {4, 2, 3, 10}), 0.1 + Rng(2).uniform({4, 2, 10, 5}), {}, Rng(4));
  EXPECT_EQ(product.num_cells(), 2 * 2 * 10 * 5);
  EXPECT_EQ(product.writes(), 4 * 2 * 10 * 5);
}

TEST(ComputedProduct, GradientsGoStraightThrough) {
  Network network("product");
  network.add_input({"a", {3, 10}, at::kFloat, {}});
  network.add_input({"b", {10, 5}, at::kFloat, {}});
  network.add_operator("scores", {0, 1}, "MatMul");
  Chip chip(network, std::vector<Placement>(), 1, 1, {{2, noisy_hardware(1e-6, 1e-6)}});
  const Tensor a = signed_numbers(1, {4, 3, 10}).requires_grad_();
  const Tensor b = signed_numbers(2, {4, 10, 5}).requires_grad_();
  const Tensor y = chip.forward(network, std::vector<Tensor>{a, b}, {})[0];
  const Tensor exact = at::matmul(a, b);
  EXPECT_FALSE(y.allclose(exact, 1e-3, 1e-3));
  y.sum().backward();
  EXPECT_TRUE(a.grad().allclose(b.detach().sum(2).unsqueeze(1).expand_as(a)));
  EXPECT_TRUE(b.grad().allclose(a.detach().sum(1).unsqueeze(2).expand_as(b)));
}

TEST(ComputedProduct, RefusesTrackedRanges) {
  Network network("product");
  network.add_input({"a", {3, 10}, at::kFloat, {}});
  network.add_input({"b", {10, 5}, at::kFloat, {}});
  network.add_operator("scores", {0, 1}, "MatMul");
  const auto make = [&](const Hardware& hardware) {
    Chip(network, std::vector<Placement>(), 1, 1, {{2, hardware}});
  };
  make(quiet_hardware());
  Hardware hardware = quiet_hardware();
  hardware.dac.range.policy = RangePolicy::kTracked;
  EXPECT_THROW(make(hardware), ConfigError);
  hardware = quiet_hardware();
  hardware.adc.range.policy = RangePolicy::kTracked;
  EXPECT_THROW(make(hardware), ConfigError);
}

TEST(LayerRule, AttentionIsFoundByName) {
  const Network network = make_network("deit_tiny_patch16_224");
  LayerRule rule;
  EXPECT_TRUE(rule.choose_computed(network).empty());
  rule.attention = {"*.scores", "blocks.0.*"};
  EXPECT_EQ(rule.choose_computed(network).size(), 13U);
  rule.attention = {"*"};
  EXPECT_EQ(rule.choose_computed(network).size(), 24U);
  rule.attention = {"blocks.0.attn.qkv"};
  EXPECT_THROW(rule.choose_computed(network), ConfigError);
  rule.attention = {"*"};
  EXPECT_THROW(rule.choose_computed(make_network("lenet5_mnist")), ConfigError);
}

TEST(LayerRule, WhatIsDigitalByItselfStaysSo) {
  Network network = make_network("lenet5_mnist");
  network.products()[1].is_digital = true;
  const std::vector<bool> is_analog = LayerRule().choose(network);
  for (std::size_t i = 0; i < is_analog.size(); ++i) EXPECT_EQ(is_analog[i], i != 1) << i;
}

}  // namespace
}  // namespace crossloom
