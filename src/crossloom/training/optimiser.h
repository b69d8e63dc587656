#pragma once

#include <memory>
#include <vector>

#include <ATen/ATen.h>

#include "crossloom/core/params.h"
#include "crossloom/core/tensor_files.h"

namespace torch::optim {
class Optimizer;
}

namespace crossloom {

using at::Tensor;

/// Choice and settings of the rule that turns gradients into steps.
struct OptimiserOptions {
  enum class Rule { kAdamW, kSgd };
  Rule rule = Rule::kAdamW;
  double learning_rate = 0.004;
  double weight_decay = 0.01;
  double momentum = 0.9;
  double max_gradient_norm = 0;  // 0: gradients are taken as they are

  void describe(ParamList& params);
};

/// LibTorch's AdamW or SGD over two groups: weights, which decay, and others, which do not. Its
/// state can be saved and put back to the bit.
class Optimiser {
 public:
  /// The tensors are changed in place by `step`; their gradients are taken from them.
  Optimiser(const OptimiserOptions& options,
            std::vector<Tensor> decaying,
            std::vector<Tensor> others);
  ~Optimiser();

  void step();
  void zero_grad();
  void set_learning_rate(double learning_rate);

  TensorMap state() const;
  void load_state(const TensorMap& state);

 private:
  OptimiserOptions::Rule rule_;
  double max_gradient_norm_;
  std::vector<Tensor> tensors_;
  std::unique_ptr<torch::optim::Optimizer> optimiser_;
};

}  // namespace crossloom
