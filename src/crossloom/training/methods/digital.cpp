#include "crossloom/training/method.h"

namespace crossloom {
namespace {

/// Plain training in float, without a chip: the baseline of every other method.
class Digital final : public TrainingMethod {
 public:
  void describe(ParamList& /*params*/) override {}

  void start(const Network& network,
             const Hardware& /*hardware*/,
             const OptimiserOptions& optimiser,
             std::uint64_t seed) override {
    network_ = std::make_unique<Network>(network.clone());
    network_->initialise(Rng(seed).fork(Purpose::kInitialisation));
    std::vector<Tensor> weights;
    std::vector<Tensor> biases;
    for (StoredProduct& stored : network_->products()) {
      weights.push_back(stored.weight.requires_grad_());
      biases.push_back(stored.bias.requires_grad_());
    }
    optimiser_ = std::make_unique<Optimiser>(optimiser, weights, biases);
  }

  double step(const Batch& batch) override {
    optimiser_->zero_grad();
    const Tensor loss = torch::cross_entropy_loss(network_->forward(batch.x), batch.labels);
    loss.backward();
    optimiser_->step();
    return loss.item<double>();
  }

  Tensor predict(const Tensor& x, std::uint64_t /*pass*/, std::int64_t /*first_image*/) override {
    return network_->forward(x);
  }

  void set_learning_rate(double learning_rate) override {
    optimiser_->set_learning_rate(learning_rate);
  }

  const Network& network() const override { return *network_; }

  TensorMap state() const override {
    TensorMap state = with_prefix(network_->weights(), "network.");
    state.merge(with_prefix(optimiser_->state(), "optimiser."));
    return state;
  }

  void load_state(const TensorMap& state) override {
    const torch::NoGradGuard no_grad;
    Network saved = network_->clone();
    saved.load_weights(without_prefix(state, "network."), "the checkpoint");
    for (std::size_t i = 0; i < saved.products().size(); ++i) {
      network_->products()[i].weight.copy_(saved.products()[i].weight);
      network_->products()[i].bias.copy_(saved.products()[i].bias);
    }
    optimiser_->load_state(without_prefix(state, "optimiser."));
  }

 private:
  std::unique_ptr<Network> network_;
  std::unique_ptr<Optimiser> optimiser_;
};

const RegisteredMethod<Digital> registered{"digital"};

}  // namespace
}  // namespace crossloom
