#include "crossloom/evaluation/sensitivity.h"

#include <torch/csrc/autograd/autograd.h>

#include "crossloom/core/interrupt.h"

namespace crossloom {
namespace {

/// Sum of squares and count of numbers.
struct MeanSquare {
  double sum = 0;
  double count = 0;

  void add(const Tensor& values) {
    sum += values.to(at::kDouble).square().sum().item<double>();
    count += static_cast<double>(values.numel());
  }
  double mean() const { return sum / count; }
};

std::vector<double> by_activation(const Network& network, const InputBatches& inputs) {
  const at::NoGradGuard no_grad;
  std::vector<MeanSquare> x_power(network.products().size());
  std::vector<MeanSquare> y_power(network.products().size());
  for (const std::vector<Tensor>& batch : inputs) {
    throw_if_interrupted();
    network.forward(batch, [&](std::size_t index, const Tensor& x) {
      const StoredProduct& stored = network.products()[index];
      const Tensor y = digital_product(x, stored.weight, stored.geometry);
      x_power[index].add(x);
      y_power[index].add(y);
      return y;
    });
  }
  std::vector<double> curvatures;
  for (std::size_t i = 0; i < x_power.size(); ++i) {
    const auto outputs = static_cast<double>(network.products()[i].geometry.out_channels);
    curvatures.push_back(x_power[i].mean() / (outputs * y_power[i].mean()));
  }
  return curvatures;
}

/// Labels drawn from the probabilities softmax(logits): the largest of logit + Gumbel noise.
Tensor draw_labels(const Tensor& logits, Rng& rng) {
  const Tensor uniform = rng.uniform(logits.sizes()).clamp(1e-7, 1 - 1e-7);
  return (logits.detach() - (-uniform.log()).log()).argmax(1);
}

std::vector<double> by_fisher(const Network& network, const InputBatches& inputs, Rng& rng) {
  const Network copy = network.clone();
  std::vector<Tensor> weights;
  for (const StoredProduct& stored : copy.products()) {
    weights.push_back(stored.weight.detach().requires_grad_(true));
  }
  std::vector<double> sums(weights.size());
  double num_examples = 0;
  for (const std::vector<Tensor>& batch : inputs) {
    throw_if_interrupted();
    const at::AutoGradMode with_gradients(true);
    const auto exact = [&](std::size_t index, const Tensor& x) {
      return digital_product(x, weights[index], copy.products()[index].geometry);
    };
    const Tensor logits = copy.forward(batch, exact).at(0);
    const Tensor log_p = logits.log_softmax(1).gather(1, draw_labels(logits, rng).unsqueeze(1));
    const Tensor sign = rng.uniform({logits.size(0), 1}).lt(0.5).to(at::kFloat) * 2 - 1;
    const auto gradients = torch::autograd::grad({(sign * log_p).sum()}, weights);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      sums[i] += gradients[i].to(at::kDouble).square().mean().item<double>();
    }
    num_examples += static_cast<double>(logits.size(0));
  }
  for (double& sum : sums) sum /= num_examples;
  return sums;
}

}  // namespace

std::vector<double> sensitivities(const Network& network,
                                  const InputBatches& inputs,
                                  SensitivityBy by,
                                  Rng rng) {
  if (by == SensitivityBy::kActivation) return by_activation(network, inputs);
  if (by == SensitivityBy::kHessian) return by_fisher(network, inputs, rng);
  return std::vector<double>(network.products().size(), 1);
}

}  // namespace crossloom
