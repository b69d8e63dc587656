// Inference through the graph as a ratio to the same network written directly in LibTorch: goal
// <= 1.1 x.

#include <benchmark/benchmark.h>

#include "crossloom/network/architectures.h"

namespace crossloom {
namespace {

using Weights = TensorMap;

Tensor conv(const Weights& w, const std::string& name, const Tensor& x, std::int64_t stride) {
  return at::conv2d(x, w.at(name + ".weight"), w.at(name + ".bias"), stride, 1);
}

/// ResNet-20 with batch norm folded.
Tensor resnet20(const Weights& w, const Tensor& input) {
  Tensor x = at::relu(conv(w, "conv1", input, 1));
  for (int stage = 1; stage <= 3; ++stage) {
    for (int block = 0; block < 3; ++block) {
      const std::string name = "layer" + std::to_string(stage) + "." + std::to_string(block);
      const bool is_smaller = stage > 1 && block == 0;
      const Tensor y = at::relu(conv(w, name + ".conv1", x, is_smaller ? 2 : 1));
      if (is_smaller) {
        const std::int64_t missing = x.size(1) / 2;
        x = at::constant_pad_nd(x.slice(2, 0, c10::nullopt, 2).slice(3, 0, c10::nullopt, 2),
                                {0, 0, 0, 0, missing, missing});
      }
      x = at::relu(conv(w, name + ".conv2", y, 1) + x);
    }
  }
  return at::linear(x.mean({2, 3}), w.at("linear.weight"), w.at("linear.bias"));
}

Tensor norm(const Weights& w, const std::string& name, const Tensor& x) {
  return at::layer_norm(x, {x.size(-1)}, w.at(name + ".weight"), w.at(name + ".bias"), 1e-6);
}

Tensor linear(const Weights& w, const std::string& name, const Tensor& x) {
  return at::linear(x, w.at(name + ".weight"), w.at(name + ".bias"));
}

/// DeiT-Tiny.
Tensor deit(const Weights& w, const Tensor& input) {
  Tensor x = at::conv2d(
      input, w.at("patch_embed.proj.weight"), w.at("patch_embed.proj.bias"), /*stride=*/16);
  x = x.flatten(2).transpose(1, 2);
  x = at::cat({w.at("cls_token").expand({x.size(0), 1, 192}), x}, 1) + w.at("pos_embed");
  for (int i = 0; i < 12; ++i) {
    const std::string block = "blocks." + std::to_string(i);
    const Tensor qkv = linear(w, block + ".attn.qkv", norm(w, block + ".norm1", x))
                           .reshape({x.size(0), x.size(1), 3, 3, 64})
                           .permute({2, 0, 3, 1, 4});
    const Tensor scores = at::matmul(qkv[0] * 0.125, qkv[1].transpose(-2, -1)).softmax(-1);
    const Tensor mixed = at::matmul(scores, qkv[2]).transpose(1, 2).reshape(x.sizes());
    x = x + linear(w, block + ".attn.proj", mixed);
    const Tensor hidden = at::gelu(linear(w, block + ".mlp.fc1", norm(w, block + ".norm2", x)));
    x = x + linear(w, block + ".mlp.fc2", hidden);
  }
  return linear(w, "head", norm(w, "norm", x.select(1, 0)));
}

Network ready(const char* name) {
  Network network = make_network(name);
  network.initialise(Rng(1));
  return fold_batch_norm(network);
}

using Direct = Tensor (*)(const Weights& w, const Tensor& input);

void directly(benchmark::State& state, const char* name, Direct function, std::int64_t batch) {
  const at::NoGradGuard no_grad;
  const Network network = ready(name);
  const Weights weights = network.weights();
  std::vector<std::int64_t> sizes = network.input_size();
  sizes.insert(sizes.begin(), batch);
  const Tensor x = at::rand(sizes);
  for (auto _ : state) benchmark::DoNotOptimize(function(weights, x));
}

void graph(benchmark::State& state, const char* name, Direct function, std::int64_t batch) {
  const at::NoGradGuard no_grad;
  const Network network = ready(name);
  std::vector<std::int64_t> sizes = network.input_size();
  sizes.insert(sizes.begin(), batch);
  const Tensor x = at::rand(sizes);
  const Tensor expected = function(network.weights(), x);
  if (!network.forward(x).allclose(expected, 1e-3, 1e-4)) state.SkipWithError("logits differ");
  for (auto _ : state) benchmark::DoNotOptimize(network.forward(x));
}

BENCHMARK_CAPTURE(directly, resnet20, "resnet20_cifar10", resnet20, 50)->UseRealTime();
BENCHMARK_CAPTURE(graph, resnet20, "resnet20_cifar10", resnet20, 50)->UseRealTime();
BENCHMARK_CAPTURE(directly, deit_tiny, "deit_tiny_patch16_224", deit, 8)->UseRealTime();
BENCHMARK_CAPTURE(graph, deit_tiny, "deit_tiny_patch16_224", deit, 8)->UseRealTime();

}  // namespace
}  // namespace crossloom
