#include <cmath>

#include "crossloom/training/gradient_method.h"
#include "crossloom/training/losses.h"

namespace crossloom {
namespace {

/// Noise injection with a penalty on weights that are far from orthogonal, so that layers do not
/// amplify what goes wrong before them.
class Orthogonalising : public GradientMethod {
 protected:
  Tensor loss(const Batch& batch) override {
    const double sigma = noise_.at(setup().noise.sigma, batch.step, setup().num_steps);
    const Tensor logits = forward(batch.x, {batch.step, 0, sigma})[0];
    return cross_entropy(logits, batch.labels) + strength_ * penalty();
  }

  virtual Tensor penalty() const = 0;

  TrainingNoise noise_;
  double strength_ = 5e-4;
};

/// "CorrectNet" as the code of arXiv:2305.14561 has it (commit 29dbe24): the last two indices of
/// every weight are taken for its matrix, which for a convolution is each k x k slice.
///
///   L = CE(z, y) + strength sum || W^T W - target I ||_F^2
class CorrectNetLite final : public Orthogonalising {
 private:
  void describe_own(ParamList& params) override {
    noise_.describe(params);
    params.add("strength", strength_, {0, 1e3}, "1", "weight of the penalty");
    params.add("target", target_, {0, 1e3}, "1", "square of the wanted singular values");
  }

  Tensor penalty() const override { return orthogonality(products(), MatrixOf::kLastTwo, target_); }

  double target_ = 1;
};

/// CorrectNet: the matrices that stand on the crossbars get singular values whose product with the
/// largest likely error is `bound`; then small digital layers learn to correct what is left.
///
///   first   L = CE(z, y) + strength sum || W^T W - lambda^2 I ||_F^2,   lambda = bound / (1 + 3 s)
///   then    L = CE(z, y), all held but the layers of `with_compensation` behind `compensated`
///
/// s is the spread of a weight's error over the largest weight. The published bound is for
/// log-normal errors, lambda = k / (mu + 3 s) with mean mu and spread s of exp(theta); here the
/// error is additive (assumption: mu = 1). Places and filters are given: the published search for
/// them by reinforcement learning is not built. Running statistics of batch normalisations are
/// followed in both parts.
/// Source: A. Eldebiky et al., "CorrectNet", DATE 2023, arXiv:2211.14917.
class CorrectNet final : public Orthogonalising {
 public:
  void start(const TrainingSetup& setup) override {
    TrainingSetup compensated = setup;
    if (!compensated_.empty()) {
      compensated.network =
          with_compensation(setup.network,
                            compensated_,
                            filters_,
                            Rng(setup.seed).fork(Purpose::kInitialisation).fork(kCompensation));
      Placement beside;
      beside.is_analog = false;
      compensated.placements.clear();
      auto given = setup.placements.begin();
      for (const StoredProduct& stored : compensated.network.products()) {
        compensated.placements.push_back(stored.is_digital ? beside : *given++);
      }
    }
    GradientMethod::start(compensated);
    hold(/*compensates=*/false);
  }

 private:
  static constexpr std::uint64_t kCompensation = 1 << 20;  // a stream beside those of products

  void describe_own(ParamList& params) override {
    noise_.describe(params);
    params.add("strength", strength_, {0, 1e3}, "1", "weight of the penalty");
    params.add("bound", bound_, {1e-3, 1e3}, "1", "Lipschitz bound of each layer with its errors");
    params.add("compensated", compensated_, "products behind which errors are corrected digitally");
    params.add("filters", filters_, {1, 4096}, "1", "compensated: outputs of the first layer");
    params.add("compensation_share",
               compensation_share_,
               {0, 1},
               "1",
               "compensated: share of the training, at its end, in which only these layers learn");
  }

  /// Lets either the layers that compensate learn, or all others.
  void hold(bool compensates) {
    const auto set = [](Tensor tensor, bool learns) {
      tensor.set_requires_grad(learns);
      if (!learns) tensor.mutable_grad().reset();
    };
    for (const Tensor& tensor : trained()) set(tensor, !compensates);
    for (const StoredProduct& stored : products()) {
      if (!stored.is_digital) continue;
      set(stored.weight, compensates);
      set(stored.bias, compensates);
    }
  }

  Tensor loss(const Batch& batch) override {
    const double first = (1 - compensation_share_) * static_cast<double>(setup().num_steps);
    compensates_ = !compensated_.empty() && static_cast<double>(batch.step) >= first;
    hold(compensates_);
    return Orthogonalising::loss(batch);
  }

  Tensor penalty() const override {
    if (compensates_) return at::zeros({});
    const double spread = setup().noise.factor() * setup().noise.sigma;
    const double lambda = bound_ / (1 + 3 * spread);
    std::vector<StoredProduct> erring;
    for (const StoredProduct& stored : products()) {
      if (!stored.is_digital) erring.push_back(stored);
    }
    return orthogonality(erring, MatrixOf::kFlattened, lambda * lambda);
  }

  double bound_ = 1;
  std::vector<std::string> compensated_;
  std::int64_t filters_ = 8;
  double compensation_share_ = 0.3;
  bool compensates_ = false;
};

const RegisteredMethod<CorrectNetLite> registered_lite{"correctnet_lite"};
const RegisteredMethod<CorrectNet> registered{"correctnet"};

}  // namespace
}  // namespace crossloom
