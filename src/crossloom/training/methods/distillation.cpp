#include "crossloom/training/gradient_method.h"
#include "crossloom/training/losses.h"

namespace crossloom {
namespace {

/// The network with noise learns from labels and from one without.
///
///   L = (1 - share) CE(z, y) + share T^2 KL(softmax(t / T) || softmax(z / T))
///
/// The teacher t is the network as it was given (`start`, for finetuning), or its own weights
/// without noise at each step (`self`).
class Distillation final : public GradientMethod {
 public:
  void start(const TrainingSetup& setup) override {
    GradientMethod::start(setup);
    teacher_ = std::make_unique<Network>(setup.network.clone());
  }

  std::int64_t forwards_per_step() const override { return 2; }

 private:
  enum class Teacher { kSelf, kStart };

  void describe_own(ParamList& params) override {
    noise_.describe(params);
    params.add_choice<Teacher>("teacher",
                               who_,
                               {{"self", Teacher::kSelf}, {"start", Teacher::kStart}},
                               "its own weights without noise, or the network as it was given");
    params.add("share", share_, {0, 1}, "1", "of the teacher in the loss");
    params.add("temperature", temperature_, {1e-3, 1e3}, "1", "of both softmaxes");
  }

  Tensor teach(const Tensor& x) const {
    const at::NoGradGuard no_grad;
    if (who_ == Teacher::kStart) return Network::as_one(run(*teacher_, x));
    const ChangeWeight exact = [](std::size_t, const Tensor& weight) { return weight; };
    return forward(x, exact, Norms::kBatch)[0];
  }

  Tensor loss(const Batch& batch) override {
    const double sigma = noise_.at(setup().noise.sigma, batch.step, setup().num_steps);
    const Tensor logits = forward(batch.x, {batch.step, 0, sigma})[0];
    return taught(logits, batch.labels, teach(batch.x), share_, temperature_);
  }

  TrainingNoise noise_;
  Teacher who_ = Teacher::kSelf;
  double share_ = 0.5;
  double temperature_ = 2;
  std::unique_ptr<Network> teacher_;
};

const RegisteredMethod<Distillation> registered{"distillation"};

}  // namespace
}  // namespace crossloom
