#include "crossloom/training/gradient_method.h"
#include "crossloom/training/losses.h"

namespace crossloom {
namespace {

/// The network as it was given: what any treatment is compared with.
class Untreated final : public GradientMethod {
 public:
  bool learns() const override { return false; }

 private:
  Tensor loss(const Batch& batch) override {
    return cross_entropy(network().forward(batch.x), batch.labels);
  }
};

const RegisteredMethod<Untreated> registered{"untreated"};

}  // namespace
}  // namespace crossloom
