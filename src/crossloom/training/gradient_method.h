#pragma once

#include <memory>
#include <optional>

#include "crossloom/training/method.h"
#include "crossloom/training/network_forms.h"

namespace crossloom {

/// What batch normalisations do in a pass.
enum class Norms {
  kFollow,   // statistics of the batch; the running ones follow
  kBatch,    // statistics of the batch; the running ones stay
  kRunning,  // the running statistics, as after training
};

/// One forward pass of the network in training.
struct Pass {
  std::int64_t step = 0;
  std::int64_t draw = 0;  // of the passes of this step; another draw, other noise
  double sigma = 0;       // error of the devices
  Norms norms = Norms::kFollow;
};

/// How much of the chip's noise there is in training.
struct TrainingNoise {
  double scale = 1;   // times the noise of the chip
  double warmup = 0;  // share of the training in which it rises from zero

  void describe(ParamList& params);

  /// Device error at `step` of `num_steps`, for chips with an error of `sigma`.
  double at(double sigma, std::int64_t step, std::int64_t num_steps) const;
};

/// A method that goes down the gradient of a loss: the parts that all of these share.
///
///   for each batch   gradients of the loss        what a method is about
///                    step of the optimiser
///                    constraint on the weights    |w| <= clip_std std(w) for each product on the
///                    chip
///
/// A method declares its parameters and says its loss, composed of forward passes (`forward`: of
/// any noise), of what is made of their logits, and of penalties on the weights. What needs more
/// than one gradient for a step says `gradients` instead.
class GradientMethod : public TrainingMethod {
 public:
  void describe(ParamList& params) final;
  void start(const TrainingSetup& setup) override;
  double step(const Batch& batch) final;
  Tensor predict(const Tensor& x, std::uint64_t pass, std::int64_t first_image) override;
  void set_learning_rate(double learning_rate) final;
  const Network& network() const final { return *network_; }
  TensorMap state() const override;
  void load_state(const TensorMap& state) override;

 protected:
  /// Declares what is the method's own.
  virtual void describe_own(ParamList& /*params*/) {}

  /// The network in training: `network` itself, or with exits behind it. Called by `start`.
  virtual Network extend(const Network& network, Rng /*rng*/) const { return network; }

  /// Further tensors that are trained, without decay. Called by `start`, with the network in place.
  virtual std::vector<Tensor> own_parameters() { return {}; }

  /// Keeps `own_parameters` in bounds. Called after each step.
  virtual void constrain_own() {}

  /// Mean loss of a batch, with its graph.
  virtual Tensor loss(const Batch& batch) = 0;

  /// Puts the gradients of all weights in place; returns the loss.
  virtual double gradients(const Batch& batch);

  /// Outputs of the network in training: its logits, then those of its exits.
  std::vector<Tensor> forward(const Tensor& x, const Pass& pass) const;

  /// The same with weights that `change` makes instead of those with noise.
  std::vector<Tensor> forward(const Tensor& x, const ChangeWeight& change, Norms norms) const;

  /// The same with products of another kind.
  std::vector<Tensor> forward_through(const Tensor& x,
                                      const Network::Products& products,
                                      Norms norms) const;

  /// Outputs [B, ...] of any network of the same inputs as float32, computed in the precision of
  /// the training.
  std::vector<Tensor> run(const Network& network,
                          const Tensor& x,
                          const Network::Products& products = {}) const;

  /// The weights of `pass`: with fresh noise, the exits' of the plainest device.
  ChangeWeight noisy(const Pass& pass) const;

  const TrainingSetup& setup() const { return *setup_; }
  /// All tensors that are trained.
  const std::vector<Tensor>& trained() const { return trained_; }
  bool is_exit(std::size_t product) const { return product >= network_->products().size(); }
  /// Stored products of the network in training, those of the exits last.
  std::vector<StoredProduct>& products() { return follow_->products(); }
  const std::vector<StoredProduct>& products() const { return follow_->products(); }
  std::int64_t num_classes() const { return network_->products().back().geometry.out_channels; }

 private:
  void constrain();
  std::vector<Tensor> logits_and_exits(const std::vector<Tensor>& outputs) const;
  const Network& form(Norms norms) const;

  enum class ClipPer { kProduct, kOutput };

  double clip_std_ = 0;
  ClipPer clip_per_ = ClipPer::kProduct;
  std::optional<TrainingSetup> setup_;  // from `start` on
  std::unique_ptr<Network> network_;    // what is exported
  std::unique_ptr<Network> follow_, batch_, running_;
  std::vector<Tensor> trained_;  // weights and others in the order of the optimiser
  std::unique_ptr<Optimiser> optimiser_;
};

}  // namespace crossloom
