#include "crossloom/training/gradient_method.h"
#include "crossloom/training/losses.h"

namespace crossloom {
namespace {

/// Plain training in float with exact weights: the baseline of every other method.
class Digital final : public GradientMethod {
 private:
  Tensor loss(const Batch& batch) override {
    const ChangeWeight exact = [](std::size_t, const Tensor& weight) { return weight; };
    return cross_entropy(forward(batch.x, exact, Norms::kFollow)[0], batch.labels);
  }
};

const RegisteredMethod<Digital> registered{"digital"};

}  // namespace
}  // namespace crossloom
