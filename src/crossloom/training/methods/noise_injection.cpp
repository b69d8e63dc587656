#include "crossloom/training/gradient_method.h"
#include "crossloom/training/losses.h"

namespace crossloom {
namespace {

/// Variation-aware training: the weights of every forward pass carry fresh noise of the chip.
///
///   L = mean over `draws` passes of CE(z_d / temperature, y)
///
/// With a temperature of N + 1 and no more than that it is the control of negative feedback, whose
/// loss divides the logits by N + 1.
class NoiseInjection final : public GradientMethod {
 public:
  std::int64_t forwards_per_step() const override { return draws_; }

 private:
  void describe_own(ParamList& params) override {
    noise_.describe(params);
    params.add("temperature", temperature_, {1e-3, 1e3}, "1", "divides the logits in the loss");
    params.add("draws", draws_, {1, 64}, "1", "passes of a step, each with its own noise");
  }

  Tensor loss(const Batch& batch) override {
    Tensor sum;
    for (std::int64_t draw = 0; draw < draws_; ++draw) {
      const double sigma = noise_.at(setup().noise.sigma, batch.step, setup().num_steps);
      const Tensor logits = forward(batch.x, {batch.step, draw, sigma})[0];
      const Tensor part = cross_entropy(logits, batch.labels, temperature_);
      sum = sum.defined() ? sum + part : part;
    }
    return draws_ == 1 ? sum : sum / static_cast<double>(draws_);
  }

  TrainingNoise noise_;
  double temperature_ = 1;
  std::int64_t draws_ = 1;
};

const RegisteredMethod<NoiseInjection> registered{"noise_injection"};

}  // namespace
}  // namespace crossloom
