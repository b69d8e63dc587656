#include "crossloom/training/network_forms.h"

#include <gtest/gtest.h>

#include "crossloom/training/squares_testing.h"

namespace crossloom {
namespace {

Tensor some_images(const Network& network, std::int64_t count) {
  std::vector<std::int64_t> sizes = network.input_size();
  sizes.insert(sizes.begin(), count);
  return Rng(7).normal(sizes);
}

TEST(NetworkForms, OtherWeightsLeaveTheNetworkAloneAndShareTheRest) {
  const Network network = random_network("mlp_digits", 1);
  const Tensor x = some_images(network, 6);
  const Tensor before = network.forward(x);
  const Network doubled =
      with_weights(network, [](std::size_t, const Tensor& weight) { return 2 * weight; });
  EXPECT_FALSE(doubled.forward(x).allclose(before));
  EXPECT_TRUE(network.forward(x).equal(before));
  EXPECT_TRUE(doubled.products()[0].bias.is_same(network.products()[0].bias));
}

TEST(NetworkForms, BatchStatisticsAreThoseOfTheBatchAndReachTheNetwork) {
  const Network network = random_network("mlp_digits", 1);
  const Network following = with_batch_statistics(network, 0.9);
  const Tensor x = some_images(network, 64);
  Tensor normalised;
  const std::size_t norm = network.find("bn2");
  following.forward({x}, {}, [&](std::size_t node, const Tensor& y) {
    if (node == norm) normalised = y;
  });
  EXPECT_TRUE(normalised.mean(0).allclose(at::zeros({128}), 0, 1e-5));
  const Tensor running = network.weights().at("bn2.running_mean");
  EXPECT_GT(running.abs().max().item<double>(), 0);
  with_batch_statistics(network, 1).forward(x);
  EXPECT_TRUE(network.weights().at("bn2.running_mean").equal(running));
  EXPECT_EQ(following.weights().size(), network.weights().size());
}

TEST(NetworkForms, WhatIsBehindAChainGoesOnFromItsOutput) {
  const Network network = random_network("vgg8_qin2023_quarter_cifar10", 1);
  const Tensor x = some_images(network, 3);
  const std::size_t product = network.product_node(0);
  Tensor inner;
  const Tensor whole = network.forward(x, {}, [&](std::size_t node, const Tensor& y) {
    if (node == product) inner = y;
  });
  const Network rest = behind(network, {product});
  EXPECT_EQ(rest.products().size(), network.products().size() - 1);
  EXPECT_TRUE(rest.forward(inner).equal(whole));
}

TEST(NetworkForms, RectifiersGoBehindThePoolingsThatAloneReadThem) {
  Network network = random_network("vgg8_qin2023_quarter_cifar10", 1);
  const Tensor x = some_images(network, 3);
  const Network pooled = with_poolings_first(network);
  EXPECT_TRUE(pooled.forward(x).equal(network.forward(x)));
  std::size_t moved = 0;
  for (std::size_t i = 0; i < network.nodes().size(); ++i) {
    const std::size_t reader = only_reader(network, i);
    if (!is_operator(network, i, "Relu") || !is_operator(network, reader, "MaxPool")) continue;
    ++moved;
    const std::size_t pooling = pooled.find(network.nodes()[reader].name);
    EXPECT_EQ(only_reader(pooled, pooling), pooled.find(network.nodes()[i].name));
  }
  EXPECT_EQ(moved, 3U);
  // Whose output something else needs too stays where it is.
  const std::size_t first = network.find("relu2");
  network.add_output(network.nodes().size() - 1);
  network.add_output(first);
  EXPECT_EQ(only_reader(network, first), kNoInput);
  EXPECT_TRUE(is_operator(with_poolings_first(network), first, "Relu"));
}

TEST(NetworkForms, ExitsPoolAsAdaptiveAveragePoolingDoes) {
  for (const std::int64_t size : {1, 3, 4, 6, 9}) {
    Network network("pooled");
    NetworkInput input;
    input.sizes = {2, 13, 9};
    network.add_input(input);
    network.add_operator("relu", {0}, "Relu");
    const Network form = with_exits(network, {{"relu", size, 8}}, 3, Rng(1));
    const Tensor x = Rng(3).normal({4, 2, 13, 9});
    Tensor pooled;
    const std::size_t flat = form.find("exit1.flatten");
    form.forward(std::vector<Tensor>{x}, {}, [&](std::size_t node, const Tensor& y) {
      if (node == flat) pooled = y;
    });
    const Tensor expected = at::adaptive_avg_pool2d(x.relu(), {size, size}).flatten(1);
    EXPECT_TRUE(pooled.allclose(expected, 1e-5, 1e-6)) << size;
  }
}

TEST(NetworkForms, ExitsComeBehindTheLogitsAndLeaveTheNetworkAsItWas) {
  const Network network = random_network("vgg8_qin2023_quarter_mnist", 1);
  const Network form =
      with_exits(network, {{"relu1", 6, 32}, {"pool1", 4, 32}, {"pool2", 3, 32}}, 10, Rng(1));
  const Tensor x = some_images(network, 2);
  const std::vector<Tensor> outputs = form.forward(std::vector<Tensor>{x});
  ASSERT_EQ(outputs.size(), 4U);
  EXPECT_TRUE(outputs[0].equal(network.forward(x)));
  for (const Tensor& logits : outputs)
    EXPECT_EQ(logits.sizes(), (std::vector<std::int64_t>{2, 10}));
  EXPECT_EQ(network.nodes().size(), make_network("vgg8_qin2023_quarter_mnist").nodes().size());
  EXPECT_TRUE(form.products()[0].weight.is_same(network.products()[0].weight));
}

TEST(NetworkForms, ExitsAtNodesThatDoNotExistAreRefusedWithTheNodes) {
  const Network network = make_network("mlp_digits");
  try {
    with_exits(network, {{"relu9", 1, 8}}, 10, Rng(1));
    FAIL() << "expected ConfigError";
  } catch (const ConfigError& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("relu9"), std::string::npos) << message;
    EXPECT_NE(message.find("fc1, bn1, relu1, fc2"), std::string::npos) << message;
    EXPECT_EQ(message.find("bn1.weight"), std::string::npos) << message;
  }
  EXPECT_NO_THROW(with_exits(network, {{"relu1", 1, 8}}, 10, Rng(1)));
  EXPECT_THROW(with_exits(make_network("lenet5_mnist"), {{"pool2", 6, 8}}, 10, Rng(1)),
               ConfigError);
}

TEST(NetworkForms, CompensationStartsWithNothingAndStaysOffTheChip) {
  const Network network = random_network("vgg8_qin2023_quarter_mnist", 1);
  const Network form = with_compensation(network, {"conv2", "fc1"}, 5, Rng(1));
  const Tensor x = some_images(network, 3);
  EXPECT_TRUE(form.forward(x).equal(network.forward(x)));
  ASSERT_EQ(form.products().size(), network.products().size() + 4);
  std::vector<std::string> digital;
  for (std::size_t i = 0; i < form.products().size(); ++i) {
    if (form.products()[i].is_digital) digital.push_back(form.product_name(i));
  }
  EXPECT_EQ(digital,
            (std::vector<std::string>{"conv2.compensation.generate",
                                      "conv2.compensation.correct",
                                      "fc1.compensation.generate",
                                      "fc1.compensation.correct"}));
  EXPECT_TRUE(form.products()[0].weight.is_same(network.products()[0].weight));
}

TEST(NetworkForms, CompensationAddsWhatItsTwoLayersMakeOfInputAndOutput) {
  Network network("strided");
  NetworkInput input;
  input.sizes = {3, 9, 8};
  network.add_input(input);
  network.add_product("conv", 0, ProductGeometry::conv(3, 4, 3, 2, 1));
  network.initialise(Rng(2));
  Network form = with_compensation(network, {"conv"}, 6, Rng(1));
  StoredProduct& second = form.products()[2];
  second.weight = Rng(4).normal(second.weight.sizes());
  second.bias = Rng(5).normal(second.bias.sizes());
  const Tensor x = Rng(3).normal({2, 3, 9, 8});
  const Tensor y = network.forward(x);  // [2, 4, 5, 4]
  const Tensor seen = at::cat({at::adaptive_avg_pool2d(x, {5, 4}), y}, 1);
  const StoredProduct& first = form.products()[1];
  const Tensor generated = at::conv2d(seen, first.weight, first.bias).relu();
  const Tensor expected = y + at::conv2d(at::cat({y, generated}, 1), second.weight, second.bias);
  EXPECT_TRUE(form.forward(x).allclose(expected, 1e-4, 1e-5));
  EXPECT_GT(generated.count_nonzero().item<std::int64_t>(), 0);
}

TEST(NetworkForms, CompensationOfProductsThatDoNotExistIsRefusedWithTheProducts) {
  try {
    with_compensation(make_network("lenet5_mnist"), {"pool1"}, 4, Rng(1));
    FAIL() << "expected ConfigError";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("use one of: conv1, conv2, "), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace crossloom
