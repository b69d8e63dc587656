#pragma once

#include "crossloom/core/registry.h"
#include "crossloom/network/layer_rule.h"
#include "crossloom/network/pass_format.h"
#include "crossloom/training/optimiser.h"
#include "crossloom/training/weight_noise.h"

namespace crossloom {

/// One step of training for one mini-batch.
struct Batch {
  Tensor x;               // [B, C, H, W]  as the network wants it
  Tensor labels;          // [B]           int64
  std::int64_t step = 0;  // number of the batch since the start
};

/// What a method is given to train.
struct TrainingSetup {
  Network network;                    // with its first weights; not changed
  std::vector<Placement> placements;  // of its products
  OptimiserOptions optimiser;
  WeightNoise noise;  // of the chips that the network is meant for
  std::uint64_t seed = 0;
  std::int64_t num_steps = 0;                 // of the whole training
  Precision precision = Precision::kFloat32;  // of the passes of training
};

/// A way of training a network, on a chip or not. One file under `methods/` each, registered by
/// name; those that go down a gradient are compositions of parts (`GradientMethod`).
///
/// All randomness is keyed by the seed given to `start` and the number of the step, so that a
/// method put back by `load_state` goes on to the bit.
class TrainingMethod {
 public:
  virtual ~TrainingMethod() = default;

  /// Declare the parameters of this method.
  virtual void describe(ParamList& params) = 0;

  /// Called once, before anything else.
  virtual void start(const TrainingSetup& setup) = 0;

  /// Learns from one mini-batch; returns its mean loss.
  virtual double step(const Batch& batch) = 0;

  /// Logits as the trained thing, chip or network, gives them now. Passes differ in what is drawn
  /// anew: the read noise of a chip, or the errors of a chip that the network is programmed on.
  virtual Tensor predict(const Tensor& x, std::uint64_t pass, std::int64_t first_image) = 0;

  virtual void set_learning_rate(double learning_rate) = 0;

  /// The digital side: weights as the method believes them to be, biases, scales.
  virtual const Network& network() const = 0;

  /// Forward passes of a step, the measure of its cost.
  virtual std::int64_t forwards_per_step() const { return 1; }

  /// The chip that learns; null when there is none.
  virtual const Chip* chip() const { return nullptr; }

  /// Weight at the edge of the conductance window, for each product; empty without a chip.
  virtual std::vector<Tensor> windows() const { return {}; }

  /// Weight updates sent to the chip since the start, for each product; empty without a chip.
  virtual std::vector<std::int64_t> num_updates() const { return {}; }

  /// What was learned of the hardware: for products, by name, the tables that win over those of the
  /// chip, as [layer] of a chip file has them.
  virtual Json learned_hardware() const { return Json::object(); }

  /// Whether steps change anything; without, no training takes place.
  virtual bool learns() const { return true; }

  /// Whether the training images must show every class.
  virtual bool needs_all_classes() const { return false; }

  virtual TensorMap state() const = 0;
  virtual void load_state(const TensorMap& state) = 0;
};

template <class Method>
using RegisteredMethod = Registered<TrainingMethod, Method>;

/// The part of `tensors` under `prefix`, without it; and the reverse.
TensorMap with_prefix(const TensorMap& tensors, const std::string& prefix);
TensorMap without_prefix(const TensorMap& tensors, const std::string& prefix);

}  // namespace crossloom
