#include "crossloom/training/optimiser.h"

#include <torch/torch.h>

namespace crossloom {
namespace {

std::string key_of(const Tensor& tensor) {
  return c10::guts::to_string(tensor.unsafeGetTensorImpl());
}

const Tensor& take(const TensorMap& state, const std::string& name) {
  const auto found = state.find(name);
  if (found == state.end()) {
    throw ConfigError("the state of the optimiser lacks '" + name +
                      "' (an incomplete checkpoint); start the run anew");
  }
  return found->second;
}

}  // namespace

void OptimiserOptions::describe(ParamList& params) {
  params.add_choice<Rule>("optimiser",
                          rule,
                          {{"adamw", Rule::kAdamW}, {"sgd", Rule::kSgd}},
                          "rule of the steps; adamw decouples the decay of weights");
  params.add("learning_rate", learning_rate, {1e-9, 10}, "1", "step size at the start");
  params.add("weight_decay",
             weight_decay,
             {0, 1},
             "1",
             "decay of weights, not of biases and scales (assumption: PyTorch's default)");
  params.add("momentum", momentum, {0, 0.9999}, "1", "sgd: momentum");
  params.add(
      "max_gradient_norm",
      max_gradient_norm,
      {0, 1e6},
      "1",
      "gradients that are longer, over all weights together, are shortened to it; 0 = never");
}

Optimiser::Optimiser(const OptimiserOptions& options,
                     std::vector<Tensor> decaying,
                     std::vector<Tensor> others)
    : rule_(options.rule), max_gradient_norm_(options.max_gradient_norm) {
  tensors_ = decaying;
  tensors_.insert(tensors_.end(), others.begin(), others.end());
  if (rule_ == OptimiserOptions::Rule::kAdamW) {
    torch::optim::AdamWOptions with_decay(options.learning_rate);
    with_decay.weight_decay(options.weight_decay);
    torch::optim::AdamWOptions without(options.learning_rate);
    without.weight_decay(0);
    std::vector<torch::optim::OptimizerParamGroup> groups;
    groups.emplace_back(std::move(decaying),
                        std::make_unique<torch::optim::AdamWOptions>(with_decay));
    groups.emplace_back(std::move(others), std::make_unique<torch::optim::AdamWOptions>(without));
    optimiser_ = std::make_unique<torch::optim::AdamW>(groups, without);
  } else {
    torch::optim::SGDOptions with_decay(options.learning_rate);
    with_decay.momentum(options.momentum).weight_decay(options.weight_decay);
    torch::optim::SGDOptions without(options.learning_rate);
    without.momentum(options.momentum);
    std::vector<torch::optim::OptimizerParamGroup> groups;
    groups.emplace_back(std::move(decaying),
                        std::make_unique<torch::optim::SGDOptions>(with_decay));
    groups.emplace_back(std::move(others), std::make_unique<torch::optim::SGDOptions>(without));
    optimiser_ = std::make_unique<torch::optim::SGD>(groups, without);
  }
}

Optimiser::~Optimiser() = default;

void Optimiser::step() {
  if (max_gradient_norm_ > 0) torch::nn::utils::clip_grad_norm_(tensors_, max_gradient_norm_);
  optimiser_->step();
}

void Optimiser::zero_grad() {
  optimiser_->zero_grad();
}

void Optimiser::set_learning_rate(double learning_rate) {
  for (auto& group : optimiser_->param_groups()) group.options().set_lr(learning_rate);
}

TensorMap Optimiser::state() const {
  TensorMap state;
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const auto found = optimiser_->state().find(key_of(tensors_[i]));
    if (found == optimiser_->state().end()) continue;
    const std::string prefix = std::to_string(i) + ".";
    if (rule_ == OptimiserOptions::Rule::kAdamW) {
      const auto& entry = static_cast<const torch::optim::AdamWParamState&>(*found->second);
      state[prefix + "step"] = torch::tensor(entry.step(), torch::kLong);
      state[prefix + "exp_avg"] = entry.exp_avg().clone();
      state[prefix + "exp_avg_sq"] = entry.exp_avg_sq().clone();
    } else {
      const auto& entry = static_cast<const torch::optim::SGDParamState&>(*found->second);
      if (entry.momentum_buffer().defined())
        state[prefix + "momentum"] = entry.momentum_buffer().clone();
    }
  }
  return state;
}

void Optimiser::load_state(const TensorMap& state) {
  if (state.empty()) return;  // saved before the first step
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const std::string prefix = std::to_string(i) + ".";
    if (rule_ == OptimiserOptions::Rule::kAdamW) {
      // Tensors that are held have no moments before they are let go.
      if (!tensors_[i].requires_grad() && state.count(prefix + "step") == 0) continue;
      auto entry = std::make_unique<torch::optim::AdamWParamState>();
      entry->step(take(state, prefix + "step").item<std::int64_t>());
      entry->exp_avg(take(state, prefix + "exp_avg").clone());
      entry->exp_avg_sq(take(state, prefix + "exp_avg_sq").clone());
      optimiser_->state()[key_of(tensors_[i])] = std::move(entry);
    } else if (state.count(prefix + "momentum") > 0) {
      auto entry = std::make_unique<torch::optim::SGDParamState>();
      entry->momentum_buffer(take(state, prefix + "momentum").clone());
      optimiser_->state()[key_of(tensors_[i])] = std::move(entry);
    }
  }
}

}  // namespace crossloom
