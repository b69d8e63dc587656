#include <gtest/gtest.h>

#include "crossloom/training/method.h"
#include "crossloom/training/squares_testing.h"

namespace crossloom {
namespace {

constexpr std::int64_t kSteps = 10;
const Json kCompensated = {
    {"compensated", {"fc1", "fc2"}}, {"filters", 6}, {"compensation_share", 0.4}};

std::unique_ptr<TrainingMethod> start(const std::string& name, const Json& values) {
  auto method = make_method(name, values);
  const Network network = random_network("mlp_digits", 1);
  TrainingSetup setup{network, place_by_rule(network, Hardware()), {}, {}, 1, kSteps};
  setup.noise.sigma = 0.2;
  method->start(setup);
  return method;
}

void run(TrainingMethod& method, std::int64_t first, std::int64_t last) {
  for (std::int64_t step = first; step < last; ++step) {
    const auto seed = static_cast<std::uint64_t>(step);
    method.step({Rng(seed).normal({40, 1, 8, 8}),
                 (Rng(seed + 100).uniform({40}) * 10).to(at::kLong),
                 step});
  }
}

TensorMap copied(TensorMap tensors) {
  for (auto& [name, tensor] : tensors) tensor = tensor.detach().clone();
  return tensors;
}

TEST(CorrectNet, FirstTheNetworkLearnsThenOnlyItsCompensation) {
  const auto method = start("correctnet", kCompensated);
  const TensorMap before = copied(method->network().weights());
  run(*method, 0, 6);
  const TensorMap between = copied(method->network().weights());
  run(*method, 6, kSteps);
  const TensorMap after = copied(method->network().weights());
  for (const auto& [name, tensor] : after) {
    if (name.find("running") != std::string::npos) continue;
    const bool compensates = name.find("compensation") != std::string::npos;
    const bool moved_first = !between.at(name).equal(before.at(name));
    const bool moved_then = !tensor.equal(between.at(name));
    EXPECT_EQ(moved_first, !compensates) << name;
    EXPECT_EQ(moved_then, compensates) << name;
  }
}

TEST(CorrectNet, GoesOnFromACheckpointInEitherPartToTheBit) {
  for (const std::int64_t stop : {3, 6, 8}) {
    const auto whole = start("correctnet", kCompensated);
    run(*whole, 0, stop);
    const TensorMap state = copied(whole->state());
    run(*whole, stop, kSteps);
    const auto rest = start("correctnet", kCompensated);
    rest->load_state(state);
    run(*rest, stop, kSteps);
    for (const auto& [name, tensor] : whole->network().weights()) {
      EXPECT_TRUE(tensor.equal(rest->network().weights().at(name))) << name << " from " << stop;
    }
  }
}

TEST(CorrectNet, WithoutBoundAndCompensationItIsNoiseInjection) {
  const auto method = start("correctnet", {{"strength", 0}});
  const auto control = start("noise_injection", Json::object());
  run(*method, 0, 4);
  run(*control, 0, 4);
  for (const auto& [name, tensor] : control->network().weights()) {
    EXPECT_TRUE(tensor.allclose(method->network().weights().at(name), 1e-4, 1e-6)) << name;
  }
}

TEST(CorrectNet, CompensationDoesNotErr) {
  Json values = kCompensated;
  values["compensated"] = {"fc3"};
  const auto method = start("correctnet", values);
  run(*method, 6, kSteps);
  const at::NoGradGuard no_grad;
  const Tensor x = Rng(1).normal({5, 1, 8, 8});
  EXPECT_FALSE(method->predict(x, 0, 0).equal(method->predict(x, 1, 0)));
  // Without weights on the chip there is nothing that errs.
  for (StoredProduct stored : method->network().products()) {
    if (!stored.is_digital) stored.weight.fill_(0);
  }
  EXPECT_TRUE(method->predict(x, 0, 0).equal(method->predict(x, 1, 0)));
}

}  // namespace
}  // namespace crossloom
