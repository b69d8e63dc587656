#include "crossloom/training/gradient_method.h"
#include "crossloom/training/losses.h"

namespace crossloom {
namespace {

/// Weights are left out at random, and the others scaled up, in each forward pass; the noise of the
/// chip comes on top unless noise_scale is 0.
/// Source: L. Wan et al., "Regularization of neural networks using DropConnect", ICML 2013.
class DropConnect final : public GradientMethod {
 private:
  void describe_own(ParamList& params) override {
    noise_.describe(params);
    params.add("drop", drop_, {0, 0.99}, "1", "share of the weights that are left out");
  }

  Tensor loss(const Batch& batch) override {
    const double sigma = noise_.at(setup().noise.sigma, batch.step, setup().num_steps);
    const ChangeWeight with_noise = noisy({batch.step, 0, sigma});
    const ChangeWeight change = [&](std::size_t index, const Tensor& weight) {
      Rng rng = Rng(setup().seed)
                    .fork(Purpose::kFault)
                    .fork(static_cast<std::uint64_t>(batch.step))
                    .fork(index);
      const Tensor kept = rng.uniform(weight.sizes()) >= drop_;
      return with_noise(index, weight) * kept / (1 - drop_);
    };
    return cross_entropy(forward(batch.x, change, Norms::kFollow)[0], batch.labels);
  }

  TrainingNoise noise_;
  double drop_ = 0.1;
};

const RegisteredMethod<DropConnect> registered{"drop_connect"};

}  // namespace
}  // namespace crossloom
