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

/// The Lipschitz bound of CorrectNet: the matrices that stand on the crossbars get singular values
/// whose product with the largest likely error is `bound`.
///
///   L = CE(z, y) + strength sum || W^T W - lambda^2 I ||_F^2,   lambda = bound / (1 + 3 s)
///
/// s is the spread of a weight's error over the largest weight. The published bound is for
/// log-normal errors, lambda = k / (mu + 3 s) with mean mu and spread s of exp(theta); here the
/// error is additive (assumption: mu = 1). Its second half, error compensation by small digital
/// layers at places that reinforcement learning chooses, is not built.
/// Source: A. Eldebiky et al., "CorrectNet", DATE 2023, arXiv:2211.14917.
class CorrectNetLipschitz final : public Orthogonalising {
 private:
  void describe_own(ParamList& params) override {
    noise_.describe(params);
    params.add("strength", strength_, {0, 1e3}, "1", "weight of the penalty");
    params.add("bound", bound_, {1e-3, 1e3}, "1", "Lipschitz bound of each layer with its errors");
  }

  Tensor penalty() const override {
    const double spread = setup().noise.factor() * setup().noise.sigma;
    const double lambda = bound_ / (1 + 3 * spread);
    return orthogonality(products(), MatrixOf::kFlattened, lambda * lambda);
  }

  double bound_ = 1;
};

const RegisteredMethod<CorrectNetLite> registered_lite{"correctnet_lite"};
const RegisteredMethod<CorrectNetLipschitz> registered_lipschitz{"correctnet_lipschitz"};

}  // namespace
}  // namespace crossloom
