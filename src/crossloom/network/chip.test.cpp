#include "crossloom/network/chip.h"

#include <gtest/gtest.h>

#include "crossloom/network/architectures.h"

namespace crossloom {
namespace {

Hardware ideal_hardware() {
  Hardware hardware;
  hardware.dac.bits = 0;
  hardware.adc.bits = 0;
  return hardware;
}

Hardware noisy_hardware() {
  Hardware hardware;
  hardware.device = Device("bulk_switching_wu2023");
  return hardware;
}

Network make_lenet() {
  Network network = make_network("lenet_wu2023");
  network.initialise(Rng(1));
  for (StoredProduct& stored : network.products()) {
    stored.weight.requires_grad_();
    stored.bias.requires_grad_();
    stored.log_scale.requires_grad_();
  }
  return network;
}

Chip make_chip(const Network& network, const Hardware& hardware, std::uint64_t number) {
  Chip chip(network, hardware, largest_weights(network), 5, number);
  chip.program(network);
  return chip;
}

TEST(Chip, WithoutImperfectionsIsTheNetworkForwardAndBackward) {
  for (const Backward backward : {Backward::kDigital, Backward::kOnArray}) {
    Network digital = make_lenet();
    Network analog = make_lenet();
    Chip chip = make_chip(analog, ideal_hardware(), 0);
    const Tensor x = Rng(2).uniform({6, 1, 28, 28});
    ChipRead read;
    read.backward = backward;
    const Tensor expected = digital.forward(x);
    const Tensor y = chip.forward(analog, x, read);
    EXPECT_TRUE(y.allclose(expected, 1e-4, 1e-5)) << (y - expected).abs().max();
    expected.square().sum().backward();
    y.square().sum().backward();
    for (std::size_t i = 0; i < digital.products().size(); ++i) {
      const StoredProduct& a = analog.products()[i];
      const StoredProduct& d = digital.products()[i];
      EXPECT_TRUE(a.weight.grad().allclose(d.weight.grad(), 1e-3, 1e-4)) << i;
      EXPECT_TRUE(a.bias.grad().allclose(d.bias.grad(), 1e-3, 1e-4)) << i;
      EXPECT_TRUE(a.log_scale.grad().allclose(d.log_scale.grad(), 1e-3, 1e-4)) << i;
    }
  }
}

TEST(Chip, NumberAndPassDecideWhatIsDrawn) {
  const at::NoGradGuard no_grad;
  const Network network = make_lenet();
  const Tensor x = Rng(2).uniform({4, 1, 28, 28});
  Chip first = make_chip(network, noisy_hardware(), 0);
  Chip same = make_chip(network, noisy_hardware(), 0);
  Chip other = make_chip(network, noisy_hardware(), 1);
  ChipRead read;
  const Tensor y = first.forward(network, x, read);
  EXPECT_TRUE(y.equal(same.forward(network, x, read)));
  EXPECT_FALSE(y.equal(other.forward(network, x, read)));
  read.pass = 1;
  EXPECT_FALSE(y.equal(first.forward(network, x, read)));
}

TEST(Chip, OutputsDoNotDependOnTheBatch) {
  const at::NoGradGuard no_grad;
  const Network network = make_lenet();
  Hardware hardware = noisy_hardware();
  hardware.dac.range.policy = RangePolicy::kFixed;
  const Tensor x = Rng(2).uniform({10, 1, 28, 28});
  Chip chip = make_chip(network, hardware, 0);
  const Tensor whole = chip.forward(network, x, {});
  ChipRead read;
  read.first_image = 7;
  // Currents agree to rounding; a current at the border of two codes may fall on either side.
  const Tensor difference = (chip.forward(network, x.slice(0, 7), read) - whole.slice(0, 7)).abs();
  EXPECT_LT(difference.mean().item<double>(), 0.02 * whole.abs().mean().item<double>());
}

TEST(Chip, OnArrayBackwardSeesTheCells) {
  Network network = make_lenet();
  Chip chip = make_chip(network, noisy_hardware(), 0);
  const Tensor x = Rng(2).uniform({6, 1, 28, 28});
  ChipRead read;
  const auto gradient = [&](Backward backward) {
    read.backward = backward;
    network.products()[0].weight.mutable_grad() = Tensor();
    chip.forward(network, x, read).square().sum().backward();
    return network.products()[0].weight.grad().clone();
  };
  const Tensor digital = gradient(Backward::kDigital);
  const Tensor on_array = gradient(Backward::kOnArray);
  EXPECT_FALSE(digital.allclose(on_array, 1e-3, 1e-6));
  EXPECT_TRUE(on_array.equal(gradient(Backward::kOnArray)));
}

TEST(Chip, StateRoundTripGivesTheSameOutputs) {
  const at::NoGradGuard no_grad;
  const Network network = make_lenet();
  Chip first = make_chip(network, noisy_hardware(), 0);
  const Tensor x = Rng(2).uniform({4, 1, 28, 28});
  const Tensor y = first.forward(network, x, {});
  Chip second(network, noisy_hardware(), largest_weights(network), 5, 0);
  second.load_state(first.state());
  EXPECT_TRUE(second.forward(network, x, {}).equal(y));
}

TEST(Chip, CannotGoBackInTime) {
  const Network network = make_lenet();
  Chip chip = make_chip(network, ideal_hardware(), 0);
  chip.age_to(10);
  EXPECT_THROW(chip.age_to(9), ConfigError);
}

}  // namespace
}  // namespace crossloom
