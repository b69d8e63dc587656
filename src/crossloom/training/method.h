#pragma once

#include "crossloom/core/registry.h"
#include "crossloom/network/chip.h"
#include "crossloom/training/optimiser.h"

namespace crossloom {

/// One step of training for one mini-batch.
struct Batch {
  Tensor x;               // [B, C, H, W]  as the network wants it
  Tensor labels;          // [B]           int64
  std::int64_t step = 0;  // number of the batch since the start
};

/// A way of training a network, on a chip or not. One file under `methods/` each, registered by
/// name.
///
/// All randomness is keyed by the seed given to `start` and the number of the step, so that a
/// method put back by `load_state` goes on to the bit.
class TrainingMethod {
 public:
  virtual ~TrainingMethod() = default;

  /// Declare the parameters of this method.
  virtual void describe(ParamList& params) = 0;

  /// Takes `network` with its first weights; called once, before anything else.
  virtual void start(const Network& network,
                     const Hardware& hardware,
                     const OptimiserOptions& optimiser,
                     std::uint64_t seed) = 0;

  /// Learns from one mini-batch; returns its mean loss.
  virtual double step(const Batch& batch) = 0;

  /// Logits as the trained thing, chip or network, gives them now.
  virtual Tensor predict(const Tensor& x, std::uint64_t pass, std::int64_t first_image) = 0;

  virtual void set_learning_rate(double learning_rate) = 0;

  /// The digital side: weights as the method believes them to be, biases, scales.
  virtual const Network& network() const = 0;

  /// The chip that learns; null when there is none.
  virtual const Chip* chip() const { return nullptr; }

  /// Weight at the edge of the conductance window, for each product; empty without a chip.
  virtual std::vector<Tensor> windows() const { return {}; }

  /// Weight updates sent to the chip since the start, for each product; empty without a chip.
  virtual std::vector<std::int64_t> num_updates() const { return {}; }

  virtual TensorMap state() const = 0;
  virtual void load_state(const TensorMap& state) = 0;
};

template <class Method>
using RegisteredMethod = Registered<TrainingMethod, Method>;

/// The part of `tensors` under `prefix`, without it; and the reverse.
TensorMap with_prefix(const TensorMap& tensors, const std::string& prefix);
TensorMap without_prefix(const TensorMap& tensors, const std::string& prefix);

}  // namespace crossloom
