#include <gtest/gtest.h>

#include "crossloom/training/losses.h"
#include "crossloom/training/method.h"
#include "crossloom/training/squares_testing.h"

namespace crossloom {
namespace {

const char* const kNetwork = "mlp_digits";

const Json kExits = {{"feedback", "exits"},
                     {"exits", {"relu1", "relu2"}},
                     {"exit_sizes", {1, 1}},
                     {"exit_width", 16},
                     {"beta", 0.1}};

Json with(Json values, const Json& changes) {
  values.update(changes);
  return values;
}

class NegativeFeedbackTest : public testing::Test {
 protected:
  std::unique_ptr<TrainingMethod> start(const std::string& name,
                                        const Json& values,
                                        double sigma) const {
    auto method = make_method(name, values);
    const Network network = random_network(kNetwork, 1);
    TrainingSetup setup{network, place_by_rule(network, Hardware()), {}, {}, 1, 100};
    setup.noise.sigma = sigma;
    method->start(setup);
    return method;
  }

  static Batch make_batch(std::int64_t step) {
    const auto seed = static_cast<std::uint64_t>(step);
    return {
        Rng(seed).normal({40, 1, 8, 8}), (Rng(seed + 100).uniform({40}) * 10).to(at::kLong), step};
  }

  static void run(TrainingMethod& method, std::int64_t first, std::int64_t last) {
    for (std::int64_t step = first; step < last; ++step) method.step(make_batch(step));
  }

  static void expect_equal(const TensorMap& a, const TensorMap& b) {
    ASSERT_EQ(a.size(), b.size());
    for (const auto& [name, tensor] : a) EXPECT_TRUE(tensor.equal(b.at(name))) << name;
  }
};

TEST_F(NegativeFeedbackTest, WithoutBetaOnlyTheTemperatureIsLeft) {
  const auto feedback =
      start("negative_feedback", {{"beta", 0.0}, {"batch_norm", "main_only"}}, 0.2);
  const auto control = start("noise_injection", {{"temperature", 4.0}}, 0.2);
  run(*feedback, 0, 5);
  run(*control, 0, 5);
  expect_equal(feedback->network().weights(), control->network().weights());
}

TEST_F(NegativeFeedbackTest, PassesOfMoreNoiseMoveTheRunningStatisticsUnlessKeptFromIt) {
  const auto all = start("negative_feedback", {{"beta", 0.0}}, 0.2);
  const auto main_only =
      start("negative_feedback", {{"beta", 0.0}, {"batch_norm", "main_only"}}, 0.2);
  run(*all, 0, 1);
  run(*main_only, 0, 1);
  const TensorMap a = all->network().weights();
  const TensorMap b = main_only->network().weights();
  EXPECT_TRUE(a.at("fc1.weight").equal(b.at("fc1.weight")));
  EXPECT_FALSE(a.at("bn1.running_var").allclose(b.at("bn1.running_var"), 1e-3));
}

TEST_F(NegativeFeedbackTest, WithoutNoiseAndOffsetsTheLogitsAreOnlyScaled) {
  const auto feedback =
      start("negative_feedback",
            {{"offsets", {0.0, 0.0, 0.0}}, {"beta", 0.5}, {"gamma", {1, 0.5, 0.1}}},
            0);
  // (z - 0.5 (1 + 0.5 + 0.1) z) / 4 = z / 20
  const auto control = start("noise_injection", {{"temperature", 20.0}}, 0);
  const Batch batch = make_batch(0);
  EXPECT_NEAR(feedback->step(batch), control->step(batch), 1e-5);
  const TensorMap a = feedback->network().weights();
  for (const auto& [name, tensor] : control->network().weights()) {
    // Normalisations take the biases in front of them out again: their gradients are rounding.
    const bool has_no_effect = name.rfind("fc", 0) == 0 && name.find("bias") != std::string::npos;
    if (has_no_effect || name.find("running") != std::string::npos) continue;
    EXPECT_TRUE(tensor.allclose(a.at(name), 1e-3, 2e-4)) << name;
  }
}

TEST_F(NegativeFeedbackTest, ExitsWithoutBetaGetNoGradient) {
  const auto method = start("negative_feedback", with(kExits, {{"beta", 0.0}}), 0.2);
  const TensorMap before = without_prefix(method->state(), "network.");
  run(*method, 0, 3);
  const TensorMap after = without_prefix(method->state(), "network.");
  EXPECT_TRUE(after.at("exit1.fc1.weight").equal(before.at("exit1.fc1.weight")));
  EXPECT_FALSE(after.at("fc1.weight").equal(before.at("fc1.weight")));
  const auto control = start("noise_injection", {{"temperature", 3.0}}, 0.2);
  run(*control, 0, 3);
  expect_equal(method->network().weights(), control->network().weights());
}

TEST_F(NegativeFeedbackTest, ExitsLearnAndAreNotExported) {
  const auto method = start("negative_feedback", kExits, 0.2);
  const TensorMap before = without_prefix(method->state(), "network.");
  run(*method, 0, 3);
  const TensorMap after = without_prefix(method->state(), "network.");
  EXPECT_FALSE(after.at("exit1.fc1.weight").equal(before.at("exit1.fc1.weight")));
  EXPECT_FALSE(after.at("exit2.fc2.weight").equal(before.at("exit2.fc2.weight")));
  const Network base = make_network(kNetwork);
  ASSERT_EQ(method->network().nodes().size(), base.nodes().size());
  for (std::size_t i = 0; i < base.nodes().size(); ++i) {
    EXPECT_EQ(method->network().nodes()[i].name, base.nodes()[i].name);
  }
  EXPECT_EQ(method->network().weights().count("exit1.fc1.weight"), 0U);
}

TEST_F(NegativeFeedbackTest, TurningSignAndLastLayersOfTheExitsChangesNothingElse) {
  // With noise everywhere but in the exits, whose own draws would have to be negated too.
  const Json quiet = with(kExits, {{"exit_noise", 0.0}});
  const auto minus = start("negative_feedback", quiet, 0.2);
  const auto plus = start("negative_feedback", with(quiet, {{"sign", "plus"}}), 0.2);
  TensorMap state = plus->state();
  for (const char* name :
       {"exit1.fc2.weight", "exit1.fc2.bias", "exit2.fc2.weight", "exit2.fc2.bias"}) {
    state[std::string("network.") + name] = -state.at(std::string("network.") + name);
  }
  plus->load_state(state);
  run(*minus, 0, 5);
  run(*plus, 0, 5);
  expect_equal(minus->network().weights(), plus->network().weights());
  const TensorMap a = without_prefix(minus->state(), "network.");
  const TensorMap b = without_prefix(plus->state(), "network.");
  EXPECT_TRUE(a.at("exit1.fc2.weight").equal(-b.at("exit1.fc2.weight")));
  EXPECT_TRUE(a.at("exit1.fc1.weight").equal(b.at("exit1.fc1.weight")));
}

TEST_F(NegativeFeedbackTest, DetachedFeedbackHasTheSameLossAndOtherGradients) {
  const Json values = {{"beta", 1.0}};
  const auto whole = start("negative_feedback", values, 0.2);
  const auto detached = start("negative_feedback", with(values, {{"detach", true}}), 0.2);
  EXPECT_EQ(whole->step(make_batch(0)), detached->step(make_batch(0)));
  EXPECT_FALSE(
      whole->network().products()[0].weight.equal(detached->network().products()[0].weight));
}

TEST_F(NegativeFeedbackTest, ScopeLeavesInnerProductsAtTheirNoise) {
  // With offsets for the outer products alone the second pass differs from the whole one, and
  // from none at all.
  const Json values = {{"beta", 1.0}, {"offsets", {0.5}}};
  const double all = start("negative_feedback", values, 0)->step(make_batch(0));
  const double outer =
      start("negative_feedback", with(values, {{"scope", "stem_fc"}}), 0)->step(make_batch(0));
  const double none =
      start("negative_feedback", with(values, {{"offsets", {0.0}}}), 0)->step(make_batch(0));
  EXPECT_NE(all, outer);
  EXPECT_NE(outer, none);
}

TEST_F(NegativeFeedbackTest, EveryMethodWithBatchNormGoesOnToTheBit) {
  for (const std::string& name : Registry<TrainingMethod>::instance().names()) {
    if (name == "mixed_precision" || name == "naive_in_situ") continue;
    const Json values =
        name == "negative_feedback" ? kExits : Json{{"clip_std", name == "digital" ? 0.0 : 2.0}};
    const auto whole = start(name, values, 0.1);
    run(*whole, 0, 6);
    const auto first = start(name, values, 0.1);
    run(*first, 0, 3);
    const auto second = start(name, values, 0.1);
    second->load_state(first->state());
    run(*second, 3, 6);
    for (const auto& [key, tensor] : whole->state()) {
      EXPECT_TRUE(tensor.equal(second->state().at(key))) << name << " " << key;
    }
  }
}

TEST_F(NegativeFeedbackTest, ClippedWeightsStayWithinTheirSpreads) {
  const auto method = start("noise_injection", {{"clip_std", 1.5}}, 0.2);
  run(*method, 0, 5);
  for (const StoredProduct& stored : method->network().products()) {
    // Cutting makes the spread smaller than the one that the limit was taken from.
    const double share = (stored.weight.abs().max() / stored.weight.std()).item<double>();
    EXPECT_LT(share, 1.9);
  }
}

TEST_F(NegativeFeedbackTest, NoiseOfTestsIsThatOfTheirPass) {
  const auto method = start("noise_injection", Json::object(), 0.2);
  const Tensor x = make_batch(0).x;
  EXPECT_TRUE(method->predict(x, 1, 0).equal(method->predict(x, 1, 0)));
  EXPECT_FALSE(method->predict(x, 1, 0).equal(method->predict(x, 2, 0)));
}

TEST_F(NegativeFeedbackTest, ListsOfTheWrongLengthAreRefused) {
  const auto message = [&](const Json& values) -> std::string {
    try {
      start("negative_feedback", values, 0.1);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(message({{"gamma", {1.0, 0.1}}}).find("gamma has 2"), std::string::npos);
  EXPECT_NE(message(with(kExits, {{"exit_sizes", {1}}})).find("exit_sizes has 1"),
            std::string::npos);
  EXPECT_NE(message({{"offsets", Json::array()}}).find("offsets"), std::string::npos);
  EXPECT_NE(message({{"feedback", "exits"}}).find("exits"), std::string::npos);
  EXPECT_NE(message(with(kExits, {{"exits", {"relu1", "pool7"}}})).find("pool7"),
            std::string::npos);
}

}  // namespace
}  // namespace crossloom
