#include <gtest/gtest.h>

#include "crossloom/network/architectures.h"
#include "crossloom/training/method.h"
#include "crossloom/training/squares_testing.h"

namespace crossloom {
namespace {

Batch make_batch(const Network& network, std::int64_t step) {
  Batch batch;
  const auto seed = static_cast<std::uint64_t>(step % 4);
  batch.x = network.prepare((Rng(seed).uniform({32, 1, 28, 28}) * 255).to(torch::kByte));
  batch.labels = (Rng(seed + 100).uniform({32}) * 10).to(torch::kLong);
  batch.step = step;
  return batch;
}

class MixedPrecisionTest : public testing::Test {
 protected:
  /// A method started with `values`; the device is `device` with `device_values`.
  std::unique_ptr<TrainingMethod> start(const std::string& name,
                                        const Json& values,
                                        const std::string& device = "bulk_switching_wu2023",
                                        const Json& device_values = Json::object()) {
    hardware_.device = Device(device);
    ParamList device_params;
    hardware_.device.describe(device_params);
    device_params.assign(device_values);
    auto method = make_method(name, values);
    const Network network = random_network("lenet_wu2023", 1);
    method->start({network, place_by_rule(network, hardware_), optimiser_, {}, 1});
    return method;
  }

  /// Runs steps first … last-1.
  static void run(TrainingMethod& method, std::int64_t first, std::int64_t last) {
    for (std::int64_t step = first; step < last; ++step) {
      method.step(make_batch(method.network(), step));
    }
  }

  static Tensor writes(const TrainingMethod& method, std::size_t product) {
    return method.chip()->products()[product].cells().write_count.clone();
  }

  Hardware hardware_;
  OptimiserOptions optimiser_;
};

TEST_F(MixedPrecisionTest, StartsFromTheCellsAsTheyAre) {
  const auto method = start("mixed_precision", {}, "bulk_switching_wu2023", {{"read_noise", 0}});
  for (std::size_t i = 0; i < 3; ++i) {
    const Tensor cells = method->chip()->products()[i].weights(0);
    EXPECT_TRUE(method->network().products()[i].weight.allclose(cells, 1e-5, 1e-7));
    EXPECT_EQ(writes(*method, i).sum().item<std::int64_t>(), 0);
  }
}

TEST_F(MixedPrecisionTest, NoSumIsLeftBeyondTheThreshold) {
  for (const char* after : {"reset", "keep_remainder"}) {
    const auto method = start("mixed_precision", {{"after_write", after}});
    run(*method, 0, 40);
    std::int64_t updates = 0;
    for (const std::int64_t count : method->num_updates()) updates += count;
    EXPECT_GT(updates, 100);
    for (std::size_t i = 0; i < 3; ++i) {
      const double threshold = method->chip()->products()[i].level_weight();
      const TensorMap state = without_prefix(method->state(), "product" + std::to_string(i) + ".");
      const Tensor left = (state.at("sum") - state.at("weight")).abs();
      EXPECT_LE(left.max().item<double>(), threshold * (1 + 1e-5)) << after;
    }
  }
}

TEST_F(MixedPrecisionTest, OnlyWeightsPastTheThresholdAreWritten) {
  const auto method = start("mixed_precision", {});
  run(*method, 0, 20);
  for (std::int64_t step = 20; step < 25; ++step) {
    std::vector<Tensor> weights, counts;
    for (std::size_t i = 0; i < 3; ++i) {
      weights.push_back(method->network().products()[i].weight.detach().clone());
      counts.push_back(writes(*method, i));
    }
    run(*method, step, step + 1);
    for (std::size_t i = 0; i < 3; ++i) {
      const Tensor changed = method->network().products()[i].weight.detach().ne(weights[i]);
      const Tensor written = (writes(*method, i) - counts[i]).gt(0).flatten(0, 1).any(0);
      EXPECT_TRUE(written.equal(changed)) << "a cell was written if and only if its weight changed";
    }
  }
}

TEST_F(MixedPrecisionTest, ResetForgetsAndRemainderKeeps) {
  // One step from the same start: where a weight fires, reset leaves sum = weight, the remainder
  // leaves the sum as the optimiser made it and moves the weight by whole thresholds.
  optimiser_.learning_rate = 0.09;  // Adam's first step is the learning rate: 1.35 thresholds
  optimiser_.weight_decay = 0;
  const auto reset = start("mixed_precision", {{"after_write", "reset"}});
  const auto keep = start("mixed_precision", {{"after_write", "keep_remainder"}});
  const Tensor before = keep->network().products()[2].weight.detach().clone();
  run(*reset, 0, 1);
  run(*keep, 0, 1);
  const TensorMap a = without_prefix(reset->state(), "product2.");
  const TensorMap b = without_prefix(keep->state(), "product2.");
  EXPECT_TRUE(a.at("sum").equal(a.at("weight")));
  const double threshold = keep->chip()->products()[2].level_weight();
  const Tensor moved = ((b.at("weight") - before).abs() / threshold);
  const Tensor fired = b.at("sum").abs().lt(0.199) & b.at("weight").ne(before);
  ASSERT_GT(fired.sum().item<std::int64_t>(), 100);
  EXPECT_TRUE(moved.masked_select(fired).allclose(torch::ones({1}), 1e-4));
  EXPECT_GT((b.at("sum") - before).abs().masked_select(fired).min().item<double>(), threshold);
  EXPECT_FALSE(b.at("sum").equal(b.at("weight")));
}

// Accumulate, truncate, keep the remainder, send pulses: without imperfections the cells hold
// exactly what the digital side believes.
TEST_F(MixedPrecisionTest, BlindPulsesOfIdealCellsFollowTheDigitalWeights) {
  optimiser_.learning_rate = 0.002;
  const auto method = start("mixed_precision",
                            {{"after_write", "keep_remainder"},
                             {"programming", "blind_pulses"},
                             {"first_weights", "programmed"}},
                            "ideal",
                            {{"num_levels", 64}});
  run(*method, 0, 10);
  const StoredProduct& stored = method->network().products()[2];
  const Tensor cells = method->chip()->products()[2].weights(0);
  // A pulse train that would take a cell below g_min stops there, so weights that cross zero or
  // reach the edge differ; all others agree.
  const Tensor is_plain = stored.weight.abs().gt(0.03) & stored.weight.abs().lt(0.19);
  EXPECT_TRUE(
      cells.masked_select(is_plain).allclose(stored.weight.masked_select(is_plain), 1e-3, 1e-4));
}

TEST_F(MixedPrecisionTest, SnappedTargetsLieOnTheLevels) {
  const auto method = start("mixed_precision", {{"targets", "snapped"}});
  const Tensor before = method->network().products()[2].weight.detach().clone();
  run(*method, 0, 30);
  const Tensor after = method->network().products()[2].weight.detach();
  const double level = method->chip()->products()[2].level_weight();
  const Tensor steps = after.masked_select(after.ne(before)) / level;
  ASSERT_GT(steps.numel(), 20);
  EXPECT_TRUE(steps.allclose(steps.round(), 0, 1e-4));
}

TEST_F(MixedPrecisionTest, NaiveWritesNearlyEveryWeightAtEveryBatch) {
  const auto naive = start("naive_in_situ", {});
  run(*naive, 0, 10);
  const double updates = static_cast<double>(naive->num_updates()[2]);
  EXPECT_GT(updates / (10 * 1920), 0.9);  // all but those that the window holds back
  const auto mixed = start("mixed_precision", {});
  run(*mixed, 0, 10);
  EXPECT_LT(static_cast<double>(mixed->num_updates()[2]) / (10 * 1920), 0.2);
}

TEST_F(MixedPrecisionTest, NaiveWithoutADigitalCopyTakesItsWeightsFromTheArray) {
  const auto in_array = start("naive_in_situ", {});
  const auto copy = start("naive_in_situ", {{"weights", "digital_copy"}});
  run(*in_array, 0, 6);
  run(*copy, 0, 6);
  // The sum of six steps cannot move a weight of the copy further than 6 learning rates.
  const auto fresh = start("naive_in_situ", {});
  const Tensor first = fresh->network().products()[2].weight.detach();
  const auto moved = [&](const TrainingMethod& method) {
    return (method.network().products()[2].weight.detach() - first).abs().mean().item<double>();
  };
  EXPECT_LT(moved(*copy), 6 * optimiser_.learning_rate);
  EXPECT_GT(moved(*in_array), 3 * 6 * optimiser_.learning_rate);
}

TEST_F(MixedPrecisionTest, WeightsStayWithinTheWindow) {
  optimiser_.learning_rate = 0.1;
  const auto method = start("mixed_precision", {{"w_max", 0.2}});
  run(*method, 0, 30);
  for (const StoredProduct& stored : method->network().products()) {
    EXPECT_LE(stored.weight.abs().max().item<double>(), 0.2 * (1 + 1e-6));
  }
}

TEST_F(MixedPrecisionTest, DeviceWithoutLevelsIsRefused) {
  const auto method = start("mixed_precision", {}, "ideal");
  EXPECT_THROW(run(*method, 0, 1), ConfigError);
}

TEST_F(MixedPrecisionTest, EveryMethodLearnsSquaresByHeart) {
  for (const std::string& name : Registry<TrainingMethod>::instance().names()) {
    if (name == "naive_in_situ") continue;  // it does not, which is its point
    for (const char* backward : {"digital", "on_array"}) {
      const Json values = name == "mixed_precision"
                              ? Json{{"backward", backward}, {"scale_gain", 0.5}}
                              : Json::object();
      const auto method = start(name, values);
      const Split squares = make_squares(40);
      const Batch batch{method->network().prepare(squares.images), squares.labels, 0};
      const double first = method->step(batch);
      double last = 0;
      for (std::int64_t step = 1; step < 120; ++step) {
        Batch again = batch;
        again.step = step;
        last = method->step(again);
      }
      EXPECT_LT(last, 0.6 * first) << name << " " << backward;
    }
  }
}

TEST_F(MixedPrecisionTest, StateRoundTripGoesOnToTheBit) {
  for (const std::string& name : Registry<TrainingMethod>::instance().names()) {
    const auto first = start(name, {});
    run(*first, 0, 5);
    const auto second = start(name, {});
    second->load_state(first->state());
    run(*first, 5, 9);
    run(*second, 5, 9);
    const TensorMap a = first->state();
    const TensorMap b = second->state();
    ASSERT_EQ(a.size(), b.size());
    for (const auto& [key, tensor] : a) EXPECT_TRUE(tensor.equal(b.at(key))) << name << " " << key;
  }
}

}  // namespace
}  // namespace crossloom
