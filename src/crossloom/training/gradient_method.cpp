#include "crossloom/training/gradient_method.h"

#include <algorithm>

namespace crossloom {
namespace {

// Chips are numbered: those of training steps, those of tests, and from 1 on those that are
// measured afterwards (`VariationTest`).
constexpr std::uint64_t kTrainingChips = std::uint64_t{1} << 42;
constexpr std::uint64_t kTestChips = std::uint64_t{1} << 41;
constexpr std::uint64_t kMostDraws = 1 << 10;  // in one step

constexpr double kFollowMomentum = 0.9;  // as PyTorch's default
constexpr double kKeep = 1;

}  // namespace

void TrainingNoise::describe(ParamList& params) {
  params.add("noise_scale",
             scale,
             {0, 10},
             "1",
             "errors of devices in training, as a multiple of those of the chip");
  params.add("noise_warmup",
             warmup,
             {0, 1},
             "1",
             "share of the training in which the device error rises from zero");
}

double TrainingNoise::at(double sigma, std::int64_t step, std::int64_t num_steps) const {
  const double share =
      warmup > 0 ? static_cast<double>(step) / (warmup * static_cast<double>(num_steps)) : 1;
  return scale * sigma * std::min(1.0, share);
}

void GradientMethod::describe(ParamList& params) {
  describe_own(params);
  params.add("clip_std",
             clip_std_,
             {0, 100},
             "1",
             "after each step the weights of a product on the chip are cut at this many of their "
             "standard deviations; 0 = never");
  params.add_choice<ClipPer>("clip_per",
                             clip_per_,
                             {{"product", ClipPer::kProduct}, {"output", ClipPer::kOutput}},
                             "whose standard deviation cuts a weight: that of its product, or of "
                             "its output, as mapping.scale = column gives each a scale");
}

void GradientMethod::start(const TrainingSetup& setup) {
  setup_ = setup;
  setup_->noise.validate();
  network_ = std::make_unique<Network>(setup.network.clone());
  running_ = std::make_unique<Network>(
      extend(*network_, Rng(setup.seed).fork(Purpose::kInitialisation).fork(kTrainingChips)));
  std::vector<Tensor> weights;
  std::vector<Tensor> others;
  for (StoredProduct& stored : running_->products()) {
    weights.push_back(stored.weight.requires_grad_());
    if (stored.has_bias) others.push_back(stored.bias.requires_grad_());
  }
  for (Parameter& parameter : running_->parameters()) {
    if (parameter.is_trainable) others.push_back(parameter.value.requires_grad_());
  }
  follow_ = std::make_unique<Network>(with_batch_statistics(*running_, kFollowMomentum));
  batch_ = std::make_unique<Network>(with_batch_statistics(*running_, kKeep));
  const std::vector<Tensor> own = own_parameters();
  others.insert(others.end(), own.begin(), own.end());
  trained_ = weights;
  trained_.insert(trained_.end(), others.begin(), others.end());
  optimiser_ = std::make_unique<Optimiser>(setup.optimiser, weights, others);
}

const Network& GradientMethod::form(Norms norms) const {
  switch (norms) {
    case Norms::kFollow:
      return *follow_;
    case Norms::kBatch:
      return *batch_;
    default:
      return *running_;
  }
}

std::vector<Tensor> GradientMethod::run(const Network& network,
                                        const Tensor& x,
                                        const Network::Products& products) const {
  const Autocast in_precision(setup_->precision);
  std::vector<Tensor> outputs = network.forward(network_->inputs_in(channels_last(x)), products);
  for (Tensor& output : outputs) output = as_float(output);
  return outputs;
}

std::vector<Tensor> GradientMethod::forward(const Tensor& x,
                                            const ChangeWeight& change,
                                            Norms norms) const {
  return logits_and_exits(run(with_weights(form(norms), change), x));
}

std::vector<Tensor> GradientMethod::forward_through(const Tensor& x,
                                                    const Network::Products& products,
                                                    Norms norms) const {
  return logits_and_exits(run(form(norms), x, products));
}

/// The outputs of the network as one, then those of the exits.
std::vector<Tensor> GradientMethod::logits_and_exits(const std::vector<Tensor>& outputs) const {
  const auto exits = outputs.begin() + static_cast<std::ptrdiff_t>(network_->outputs().size());
  std::vector<Tensor> all = {Network::as_one({outputs.begin(), exits})};
  all.insert(all.end(), exits, outputs.end());
  return all;
}

ChangeWeight GradientMethod::noisy(const Pass& pass) const {
  const std::uint64_t chip =
      kTrainingChips + static_cast<std::uint64_t>(pass.step) * kMostDraws + pass.draw;
  WeightNoise of_exits = setup_->noise;
  of_exits.device = WeightNoise::DeviceType::kRram1;
  return [this, chip, sigma = pass.sigma, of_exits](std::size_t index, const Tensor& weight) {
    Rng rng = stream(setup_->seed, {chip, index, 0}, Purpose::kVariation);
    return (is_exit(index) ? of_exits : setup_->noise).on_chip(weight, sigma, rng);
  };
}

std::vector<Tensor> GradientMethod::forward(const Tensor& x, const Pass& pass) const {
  return forward(x, noisy(pass), pass.norms);
}

double GradientMethod::gradients(const Batch& batch) {
  const Tensor mean = loss(batch);
  mean.backward();
  return mean.item<double>();
}

double GradientMethod::step(const Batch& batch) {
  optimiser_->zero_grad();
  const double mean = gradients(batch);
  optimiser_->step();
  constrain();
  return mean;
}

void GradientMethod::constrain() {
  constrain_own();
  if (clip_std_ == 0) return;
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < setup_->placements.size(); ++i) {
    if (!setup_->placements[i].is_analog) continue;
    Tensor& weight = network_->products()[i].weight;
    if (clip_per_ == ClipPer::kProduct) {
      const double limit = clip_std_ * weight.std().item<double>();
      weight.clamp_(-limit, limit);
    } else {
      const Tensor rows = weight.flatten(1);  // of each output
      const Tensor limit = clip_std_ * rows.std(1, /*unbiased=*/true, /*keepdim=*/true);
      weight.copy_(at::max(at::min(rows, limit), -limit).view(weight.sizes()));
    }
  }
}

Tensor GradientMethod::predict(const Tensor& x, std::uint64_t pass, std::int64_t /*first_image*/) {
  const ChangeWeight change = [&](std::size_t index, const Tensor& weight) {
    Rng rng = stream(setup_->seed, {kTestChips + pass, index, 0}, Purpose::kVariation);
    return setup_->noise.on_chip(weight, setup_->noise.sigma, rng);
  };
  return with_weights(*network_, change).forward(x);
}

void GradientMethod::set_learning_rate(double learning_rate) {
  optimiser_->set_learning_rate(learning_rate);
}

TensorMap GradientMethod::state() const {
  // The network in training holds all tensors of the one that is exported.
  TensorMap state = with_prefix(running_->weights(), "network.");
  state.merge(with_prefix(optimiser_->state(), "optimiser."));
  return state;
}

void GradientMethod::load_state(const TensorMap& state) {
  const at::NoGradGuard no_grad;
  Network saved = running_->clone();
  saved.load_weights(without_prefix(state, "network."), "the checkpoint");
  for (std::size_t i = 0; i < saved.products().size(); ++i) {
    running_->products()[i].weight.copy_(saved.products()[i].weight);
    running_->products()[i].bias.copy_(saved.products()[i].bias);
  }
  for (std::size_t i = 0; i < saved.parameters().size(); ++i) {
    running_->parameters()[i].value.copy_(saved.parameters()[i].value);
  }
  optimiser_->load_state(without_prefix(state, "optimiser."));
}

}  // namespace crossloom
