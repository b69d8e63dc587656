#include "crossloom/network/network.h"

#include <cstdlib>
#include <filesystem>
#include <limits>

#include <gtest/gtest.h>

#include "crossloom/core/errors.h"
#include "crossloom/data/data_testing.h"
#include "crossloom/network/architectures.h"
#include "crossloom/network/max_pool.h"
#include "crossloom/network/weight_files.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

TEST(Network, UnknownArchitectureListsTheKnownOnes) {
  try {
    make_network("lenet");
    FAIL() << "expected ConfigError";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("lenet_wu2023"), std::string::npos) << error.what();
  }
}

TEST(Network, SignsOfInputsAreKnownFromTheGraph) {
  const Network unit = make_network("lenet_wu2023");
  for (std::size_t i = 0; i < unit.products().size(); ++i) EXPECT_FALSE(unit.has_signed_input(i));
  const Network standardised = make_network("lenet5_mnist");
  EXPECT_TRUE(standardised.has_signed_input(0));
  EXPECT_FALSE(standardised.has_signed_input(1));
}

TEST(Network, EveryArchitectureForImagesComputesItsLogits) {
  for (const std::string& name : network_names()) {
    if (name.rfind("bert", 0) == 0) continue;
    const bool is_small = name.find("mnist") != std::string::npos ||
                          name.find("cifar10") != std::string::npos || name == "lenet_wu2023" ||
                          name == "mlp_digits";
    const std::int64_t classes = is_small ? 10 : 1000;
    const Network network = make_network(name);
    EXPECT_EQ(network.output_sizes().back(), (std::vector<std::int64_t>{classes})) << name;
  }
}

TEST(Network, ParametersAreAsManyAsPublished) {
  const std::vector<std::pair<std::string, std::int64_t>> published = {
      {"resnet20_cifar10", 269722},
      {"resnet56_cifar10", 853018},
      {"cct4_cifar10", 567819},
      {"squeezenet1_1", 1235496},
      {"deit_tiny_patch16_224", 5717416},
      {"mlp_mnist", 235146},
      {"resnet18", 11689512},
      {"resnet34", 21797672},
      {"resnet50", 25557032},
      {"mobilenet_v2", 3504872},
      {"mobilenet_v3_large", 5483032},
      {"mobilenet_v3_small", 2542856},
      {"deit_small_patch16_224", 22050664},
      {"vit_base_patch16_224", 86567656},
      {"bert_base_squad", 108893186}};  // without the pooler, which the head does not use
  for (const auto& [name, expected] : published) {
    const Network network = make_network(name);
    std::int64_t count = 0;
    for (const StoredProduct& stored : network.products()) {
      count += stored.weight.numel() + (stored.has_bias ? stored.bias.numel() : 0);
    }
    for (const Parameter& parameter : network.parameters()) {
      if (parameter.is_trainable) count += parameter.value.numel();
    }
    EXPECT_EQ(count, expected) << name;
  }
}

TEST(Network, WeightsRoundTrip) {
  Network first = make_network("lenet_wu2023");
  first.initialise(Rng(1));
  first.products()[1].log_scale = at::scalar_tensor(0.7F);
  Network second = make_network("lenet_wu2023");
  second.load_weights(first.weights(), "a test");
  const Tensor x = at::rand({3, 1, 28, 28});
  EXPECT_TRUE(first.forward(x).allclose(second.forward(x), 1e-5, 1e-6));
}

TEST(Network, WeightsThatDoNotFitAreRefused) {
  Network network = make_network("lenet_wu2023");
  const TensorMap good = network.weights();
  TensorMap missing = good;
  missing.erase("fc.bias");
  EXPECT_THROW(network.load_weights(missing, "x"), ConfigError);
  TensorMap superfluous = good;
  superfluous["fc2.weight"] = at::ones({2});
  EXPECT_THROW(network.load_weights(superfluous, "x"), ConfigError);
  TensorMap reshaped = good;
  reshaped["fc.weight"] = at::ones({192, 10});
  EXPECT_THROW(network.load_weights(reshaped, "x"), ConfigError);
  TensorMap nan = good;
  nan["conv1.weight"][0][0][0][0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(network.load_weights(nan, "x"), ConfigError);
}

TEST(Network, CloneSharesNothing) {
  Network first = make_network("lenet_wu2023");
  const Network second = first.clone();
  first.products()[0].weight.fill_(3);
  EXPECT_EQ(second.products()[0].weight.abs().max().item<float>(), 0);
}

TEST(Network, OutputsAreTappedByName) {
  Network network = make_network("lenet_wu2023");
  network.initialise(Rng(1));
  const std::size_t pool = network.find("pool1");
  Tensor seen;
  network.forward(at::rand({2, 1, 28, 28}), {}, [&](std::size_t node, const Tensor& output) {
    if (node == pool) seen = output;
  });
  EXPECT_EQ(seen.sizes(), (std::vector<std::int64_t>{2, 4, 12, 12}));
  EXPECT_THROW(network.find("pool9"), ConfigError);
}

TEST(Network, InputsOfAWrongSizeAreRefusedByTheNodeTheyDoNotFit) {
  const Network network = make_network("lenet_wu2023");
  try {
    network.forward(at::rand({1, 1, 20, 20}));
    FAIL() << "expected ConfigError";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("'fc'"), std::string::npos) << error.what();
  }
}

TEST(FoldBatchNorm, KeepsTheLogits) {
  for (const char* name : {"resnet20_cifar10", "resnet20_cifar10_projected"}) {
    Network network = make_network(name);
    network.initialise(Rng(1));
    for (Parameter& parameter : network.parameters()) {
      if (parameter.value.is_floating_point()) {
        parameter.value = at::rand_like(parameter.value) + 0.5;
      }
    }
    const Network folded = fold_batch_norm(network);
    EXPECT_TRUE(has_batch_norm(network));
    EXPECT_FALSE(has_batch_norm(folded));
    const at::NoGradGuard no_grad;
    const Tensor x = at::rand({2, 3, 32, 32});
    const Tensor y = network.forward(x);
    EXPECT_LE((folded.forward(x) - y).abs().max().item<float>(),
              1e-5 * y.abs().max().item<float>());
  }
}

class Golden : public testing::TestWithParam<const char*> {};

// The published weights against logits and early activations computed by PyTorch.
TEST_P(Golden, LogitsAreThoseOfPyTorch) {
  const fs::path data = data_place();
  const std::string file = std::string(GetParam()) + ".safetensors";
  if (!fs::exists(data / "golden" / file)) {
    if (std::getenv("CI") != nullptr) FAIL() << "no golden logits under " << data;
    GTEST_SKIP() << "no golden logits under " << data;
  }
  const at::NoGradGuard no_grad;
  const Network network = load_network(GetParam(), data / "weights" / file);
  const TensorMap golden = read_safetensors(data / "golden" / file).tensors;
  const Tensor expected = golden.at("logits");
  const Tensor logits = network.forward(golden.at("input"));
  const double largest = expected.abs().max().item<double>();
  EXPECT_LE((logits - expected).abs().max().item<double>(), 1e-4 * largest);
  const Tensor folded = fold_batch_norm(network).forward(golden.at("input"));
  EXPECT_LE((folded - expected).abs().max().item<double>(), 1e-4 * largest);
}

INSTANTIATE_TEST_SUITE_P(Networks,
                         Golden,
                         testing::Values("cct4_cifar10",
                                         "deit_tiny_patch16_224",
                                         "lenet5_mnist",
                                         "mlp_mnist",
                                         "mobilenet_v3_small",
                                         "resnet20_cifar10",
                                         "resnet32_cifar10",
                                         "resnet56_cifar10",
                                         "squeezenet1_1"));

TEST(Operator, BatchNormInTrainingUsesTheBatchAndMovesTheRunningStatistics) {
  const Tensor x = at::tensor({1.0F, 3.0F, 2.0F, 6.0F}).view({2, 2});
  const Tensor mean = at::zeros({2});
  const Tensor var = at::ones({2});
  const Operator norm("BatchNormalization",
                      {{"training_mode", 1}, {"momentum", 0.75}, {"epsilon", 0.0}});
  const Tensor y = norm.apply({x, at::ones({2}), at::zeros({2}), mean, var});
  EXPECT_TRUE(y.allclose(at::tensor({-1.0F, -1.0F, 1.0F, 1.0F}).view({2, 2})));
  EXPECT_TRUE(mean.allclose(at::tensor({0.25F * 1.5F, 0.25F * 4.5F})));
  // The running variance takes the unbiased one: 0.5 and 4.5.
  EXPECT_TRUE(var.allclose(at::tensor({0.75F + 0.25F * 0.5F, 0.75F + 0.25F * 4.5F})));
  const Operator still("BatchNormalization", {{"training_mode", 1}, {"momentum", 1.0}});
  still.apply({x * 9, at::ones({2}), at::zeros({2}), mean, var});
  EXPECT_TRUE(mean.allclose(at::tensor({0.25F * 1.5F, 0.25F * 4.5F})));
}

TEST(Operator, MaxPoolIsTheSameWithAndWithoutGradient) {
  const Json windows[] = {{{"kernel_shape", {2, 2}}, {"strides", {2, 2}}},
                          {{"kernel_shape", {3, 3}}, {"strides", {2, 2}}, {"pads", {1, 1, 1, 1}}},
                          {{"kernel_shape", {3, 2}}, {"strides", {1, 3}}, {"pads", {0, 1, 2, 0}}},
                          {{"kernel_shape", {2, 2}}, {"strides", {2, 1}}, {"dilations", {2, 3}}},
                          {{"kernel_shape", {3, 3}}, {"strides", {2, 2}}, {"ceil_mode", 1}}};
  const Tensor x = Rng(1).normal({2, 3, 9, 12});
  for (const Json& window : windows) {
    const Operator pool("MaxPool", window);
    const Tensor with_gradient = pool.apply({x.clone().requires_grad_()});
    EXPECT_TRUE(pool.apply({x}).equal(with_gradient.detach())) << window;
    const Tensor by_pixel = x.contiguous(at::MemoryFormat::ChannelsLast);
    EXPECT_TRUE(pool.apply({by_pixel}).equal(with_gradient.detach())) << window;
  }
  EXPECT_ANY_THROW(Operator("MaxPool", windows[0]).apply({Rng(1).normal({1, 1, 1, 1})}));
}

TEST(MaxPool, NotANumberIsKept) {
  Tensor x = at::zeros({1, 4, 2, 2});
  for (std::int64_t channel = 0; channel < 4; ++channel) {
    x.view({4, 4})[channel][channel] = std::numeric_limits<float>::quiet_NaN();
  }
  EXPECT_TRUE(max_pool(x, {{2, 2}, {2, 2}}).isnan().all().item<bool>());
}

TEST(MaxPool, OfSumsIsThatOfRectifiedSums) {
  const Tensor a = Rng(1).normal({2, 3, 9, 12});
  const Tensor b = Rng(2).normal({2, 3, 9, 12});
  const std::vector<double> factors = {0, 0.25, 2};
  for (const PoolWindow& window :
       {PoolWindow{{2, 2}, {2, 2}}, PoolWindow{{3, 2}, {1, 3}}, PoolWindow{{1, 4}, {2, 1}}}) {
    const Tensor places = window_places(a, window);
    const std::vector<Tensor> pooled = max_pool_of_sums(places, b, factors, window);
    const std::vector<Tensor> by_pixel =
        max_pool_of_sums(places, b.contiguous(at::MemoryFormat::ChannelsLast), factors, window);
    ASSERT_EQ(pooled.size(), factors.size());
    for (std::size_t f = 0; f < factors.size(); ++f) {
      const Tensor expected =
          at::max_pool2d(at::relu(a + factors[f] * b), window.kernel, window.stride);
      EXPECT_TRUE(pooled[f].allclose(expected, 1e-6, 1e-6));
      EXPECT_TRUE(by_pixel[f].equal(pooled[f]));
    }
  }
}

TEST(Architectures, NarrowFormsHaveAQuarterOfTheChannels) {
  const auto count = [](const char* name) {
    std::int64_t weights = 0;
    const Network network = make_network(name);
    for (const StoredProduct& stored : network.products()) weights += stored.geometry.num_weights();
    return weights;
  };
  // 64-128-256-256-512-512 with 3 x 3 kernels, 8192-1024-10
  const std::int64_t full =
      9 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 256 + 256 * 512 + 512 * 512) + 8192 * 1024 +
      1024 * 10;
  const std::int64_t quarter =
      9 * (3 * 16 + 16 * 32 + 32 * 64 + 64 * 64 + 64 * 128 + 128 * 128) + 2048 * 256 + 256 * 10;
  EXPECT_EQ(count("vgg8_qin2023_cifar10"), full);
  EXPECT_EQ(count("vgg8_qin2023_quarter_cifar10"), quarter);
  EXPECT_EQ(count("vgg8_qin2023_quarter_mnist"), quarter - 9 * 2 * 16);
  EXPECT_EQ(count("mlp_digits"), 64 * 128 + 128 * 128 + 128 * 64 + 64 * 10);
  EXPECT_EQ(make_network("resnet18_quarter_cifar10").products().back().geometry.in_channels, 128);
}

}  // namespace
}  // namespace crossloom
