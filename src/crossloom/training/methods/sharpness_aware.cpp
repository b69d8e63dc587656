#include "crossloom/training/gradient_method.h"
#include "crossloom/training/losses.h"

namespace crossloom {
namespace {

/// Sharpness-aware minimisation: the gradient is taken at the worst weights nearby.
///
///   g = gradient at w,   step with the gradient at w + radius g / |g|
///
/// Both gradients see the same noise. Source: P. Foret et al., ICLR 2021, arXiv:2010.01412.
class SharpnessAware final : public GradientMethod {
 public:
  std::int64_t forwards_per_step() const override { return 2; }

 private:
  void describe_own(ParamList& params) override {
    noise_.describe(params);
    params.add("radius", radius_, {0, 100}, "1", "how far away the worst weights are looked for");
  }

  Tensor loss(const Batch& batch) override { return loss(batch, Norms::kFollow); }

  Tensor loss(const Batch& batch, Norms norms) {
    const double sigma = noise_.at(setup().noise.sigma, batch.step, setup().num_steps);
    return cross_entropy(forward(batch.x, {batch.step, 0, sigma, norms})[0], batch.labels);
  }

  double gradients(const Batch& batch) override {
    const double mean = GradientMethod::gradients(batch);
    const std::vector<Tensor> before = climb();
    for (const Tensor& tensor : trained()) tensor.mutable_grad() = Tensor();
    loss(batch, Norms::kBatch).backward();
    const at::NoGradGuard no_grad;
    for (std::size_t i = 0; i < before.size(); ++i) trained()[i].copy_(before[i]);
    return mean;
  }

  /// Moves all weights up their gradient; returns what they were.
  std::vector<Tensor> climb() {
    const at::NoGradGuard no_grad;
    Tensor squares = at::zeros({});
    for (const Tensor& tensor : trained()) squares += tensor.grad().square().sum();
    const double length = squares.sqrt().item<double>();
    std::vector<Tensor> before;
    for (const Tensor& tensor : trained()) {
      before.push_back(tensor.clone());
      if (length > 0) tensor.add_(tensor.grad(), radius_ / length);
    }
    return before;
  }

  TrainingNoise noise_;
  double radius_ = 0.05;
};

const RegisteredMethod<SharpnessAware> registered{"sharpness_aware"};

}  // namespace
}  // namespace crossloom
