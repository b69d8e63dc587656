#include "crossloom/network/network.h"

#include <cstdlib>
#include <filesystem>
#include <limits>

#include <gtest/gtest.h>

#include "crossloom/core/errors.h"
#include "crossloom/network/architectures.h"

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

TEST(Network, EveryArchitectureComputesTenLogits) {
  for (const std::string& name : network_names()) {
    Network network = make_network(name);
    network.initialise(Rng(1));
    std::vector<std::int64_t> sizes = network.input_size();
    sizes.insert(sizes.begin(), 2);
    const Tensor y = network.forward(torch::rand(sizes));
    EXPECT_EQ(y.sizes(), (std::vector<std::int64_t>{2, 10})) << name;
    EXPECT_EQ(network.output_sizes().back(), (std::vector<std::int64_t>{10})) << name;
  }
}

TEST(Network, WeightsRoundTrip) {
  Network first = make_network("lenet_wu2023");
  first.initialise(Rng(1));
  first.products()[1].log_scale = torch::tensor(0.7F);
  Network second = make_network("lenet_wu2023");
  second.load_weights(first.weights(), "a test");
  const Tensor x = torch::rand({3, 1, 28, 28});
  EXPECT_TRUE(first.forward(x).allclose(second.forward(x), 1e-5, 1e-6));
}

TEST(Network, WeightsThatDoNotFitAreRefused) {
  Network network = make_network("lenet_wu2023");
  const TensorMap good = network.weights();
  TensorMap missing = good;
  missing.erase("fc.bias");
  EXPECT_THROW(network.load_weights(missing, "x"), ConfigError);
  TensorMap superfluous = good;
  superfluous["fc2.weight"] = torch::ones({2});
  EXPECT_THROW(network.load_weights(superfluous, "x"), ConfigError);
  TensorMap reshaped = good;
  reshaped["fc.weight"] = torch::ones({192, 10});
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

// The published weights against logits computed by PyTorch.
TEST(Network, Lenet5GivesTheGoldenLogits) {
  const char* given = std::getenv("CROSSLOOM_DATA");
  const fs::path data =
      given != nullptr ? fs::path(given) : fs::path(CROSSLOOM_SOURCE_DIR) / "../shared/data";
  if (!fs::exists(data / "golden/lenet5_mnist.safetensors")) {
    if (std::getenv("CI") != nullptr) FAIL() << "no golden logits under " << data;
    GTEST_SKIP() << "no golden logits under " << data;
  }
  Network network = make_network("lenet5_mnist");
  network.load_weights(read_safetensors(data / "weights/lenet5_mnist.safetensors").tensors,
                       "weights");
  const TensorFile golden = read_safetensors(data / "golden/lenet5_mnist.safetensors");
  const Tensor logits = network.forward(golden.tensors.at("input"));
  const Tensor expected = golden.tensors.at("logits");
  EXPECT_LE((logits - expected).abs().max().item<float>(),
            1e-4 * expected.abs().max().item<float>());
}

}  // namespace
}  // namespace crossloom
