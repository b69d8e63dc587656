#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "crossloom/training/accuracy.h"
#include "crossloom/training/losses.h"
#include "crossloom/training/squares_testing.h"
#include "crossloom/training/training_run.h"

namespace crossloom {
namespace {

Dataset squares() {
  Dataset dataset;
  dataset.train = make_squares(320);
  dataset.test = make_squares(100);
  dataset.num_classes = 10;
  return dataset;
}

/// HfOx cells driven to where sinh(10 v) is 1.8 times its slope.
Hardware harsh() {
  Hardware hardware;
  hardware.device = Device("hfox_neurram_wan2022");
  ParamList params;
  hardware.device.describe(params);
  params.assign({{"iv", "sinh"}, {"iv_curvature", 10}, {"programming_noise_scale", 6}});
  hardware.dac.v_read = 0.2;
  hardware.dac.range = {RangePolicy::kCalibrated, 0.999, 0.02};
  hardware.adc.range = {RangePolicy::kCalibrated, 0.9999, 0.02};
  return hardware;
}

TrainingSetup setup_for(const Network& network) {
  return {network, place_by_rule(network, harsh()), {}, {}, 1};
}

TrainingOptions options_for(std::int64_t epochs) {
  TrainingOptions options;
  options.epochs = epochs;
  options.batch_size = 32;
  options.optimiser.rule = OptimiserOptions::Rule::kSgd;
  options.optimiser.learning_rate = 0.002;
  options.optimiser.weight_decay = 0;
  return options;
}

/// LeNet that has learned the squares in float.
Network trained() {
  static const Network network = [] {
    auto method = make_method("digital", Json::object());
    TrainingOptions options = options_for(6);
    options.optimiser = OptimiserOptions();
    const Dataset dataset = squares();
    TrainingRun run(*method, setup_for(random_network("lenet_wu2023", 1)), dataset, options);
    while (!run.is_finished()) run.advance();
    return run.result();
  }();
  return network;
}

TEST(Finetune, EveryCompositionTrains) {
  const Dataset dataset = squares();
  const std::vector<Json> variants = {
      {{"retention", "none"}},
      {{"retention", "consistency"}, {"penalty", "noise_to_signal"}},
      {{"penalty", "state"}, {"distillation", 0.5}},
      {{"penalty", "activity"}, {"distillation", 1.0}},
      {{"retention", "consistency"}, {"distillation", 1.0}, {"hint_weight", 1}},
      {{"shrink", "learned"}, {"ranges", "learned"}, {"anneal", 0.5}, {"clip_std", 2.5}}};
  for (const Json& values : variants) {
    auto method = make_method("finetune", values);
    TrainingRun run(*method, setup_for(trained()), dataset, options_for(2));
    while (!run.is_finished()) run.advance();
    EXPECT_TRUE(std::isfinite(run.records()[1].loss)) << values.dump();
    EXPECT_GT(run.records()[1].accuracy, 0.85) << values.dump();
  }
}

TEST(Finetune, RepairsWhatTheChipBreaks) {
  const Dataset dataset = squares();
  const Tensor calibration = trained().prepare(dataset.train.images.slice(0, 0, 100));
  const auto on_chips = [&](const Network& network) {
    const at::NoGradGuard no_grad;
    double sum = 0;
    for (std::uint64_t number = 1; number <= 20; ++number) {
      Chip chip(network, harsh(), largest_weights(network), 1, number);
      chip.program(network);
      ChipRead read;
      read.ranges = RangeUse::kCalibrate;
      chip.forward(network, calibration, read);
      chip.age_to(86400);
      read.ranges = RangeUse::kFrozen;
      read.pass = 1;
      sum += accuracy(network, dataset.test, 0, [&](const Tensor& x, std::int64_t) {
        return chip.forward(network, x, read);
      });
    }
    return sum / 20;
  };
  auto method = make_method("finetune", {{"clip_std", 2.0}, {"noise_scale", 1.5}});
  TrainingRun run(*method, setup_for(trained()), dataset, options_for(6));
  while (!run.is_finished()) run.advance();
  const double before = on_chips(trained());
  const double after = on_chips(run.result());
  EXPECT_LT(before, 0.97);
  EXPECT_GT(after, before + (1 - before) / 2);
}

TEST(Finetune, GoesOnFromACheckpointToTheBit) {
  const Dataset dataset = squares();
  const Json values = {{"shrink", "learned"}, {"retention", "consistency"}};
  auto whole = make_method("finetune", values);
  TrainingRun run(*whole, setup_for(trained()), dataset, options_for(2));
  TensorFile checkpoint;
  for (int i = 0; !run.is_finished(); ++i) {
    if (i == 7) checkpoint = run.checkpoint();
    run.advance();
  }
  auto rest = make_method("finetune", values);
  TrainingRun resumed(*rest, setup_for(trained()), dataset, options_for(2));
  resumed.restore(checkpoint);
  while (!resumed.is_finished()) resumed.advance();
  for (const auto& [name, tensor] : run.result().weights()) {
    EXPECT_TRUE(tensor.equal(resumed.result().weights().at(name))) << name;
  }
}

TEST(Finetune, WithoutTheChipItIsPlainTraining) {
  const Dataset dataset = squares();
  const auto weights_of = [&](const std::string& name, const Json& values, Hardware hardware) {
    auto method = make_method(name, values);
    TrainingSetup setup = setup_for(trained());
    setup.placements = place_by_rule(setup.network, hardware);
    TrainingRun run(*method, setup, dataset, options_for(1));
    while (!run.is_finished()) run.advance();
    return run.result().weights();
  };
  Hardware ideal;
  ideal.dac.range.percentile = 1;
  const TensorMap plain = weights_of("digital", Json::object(), ideal);
  const TensorMap tuned = weights_of("finetune", {{"retention", "none"}}, ideal);
  for (const auto& [name, tensor] : plain) {
    EXPECT_TRUE(tensor.allclose(tuned.at(name), 1e-3, 1e-4)) << name;
  }
}

TEST(Finetune, ClipsWhatIsOnTheChip) {
  const Dataset dataset = squares();
  auto method = make_method("finetune", {{"clip_std", 1.5}});
  TrainingSetup setup = setup_for(trained());
  setup.placements.back().is_analog = false;
  TrainingRun run(*method, setup, dataset, options_for(1));
  while (!run.is_finished()) run.advance();
  const Network result = run.result();
  for (std::size_t i = 0; i < result.products().size(); ++i) {
    const Tensor& weight = result.products()[i].weight;
    const double share = (weight.abs().max() / weight.std()).item<double>();
    // A cut makes the spread itself smaller, so that the largest is a little above.
    if (i + 1 < result.products().size()) {
      EXPECT_LT(share, 1.5 * 1.3) << i;
    } else {
      EXPECT_GT(share, 2) << i;
    }
  }
}

TEST(Finetune, ClipsEachOutputByItself) {
  const Dataset dataset = squares();
  Network network = trained().clone();
  network.products()[0].weight[0] *= 20;  // its spread would let all others pass
  auto method = make_method("finetune", {{"clip_std", 1.5}, {"clip_per", "output"}});
  TrainingOptions options = options_for(1);
  options.optimiser.learning_rate = 1e-6;
  TrainingRun run(*method, setup_for(network), dataset, options);
  while (!run.is_finished()) run.advance();
  const Tensor rows = run.result().products()[0].weight.flatten(1);
  const Tensor share = std::get<0>(rows.abs().max(1)) / rows.std(1);
  EXPECT_LT(share.max().item<double>(), 1.5 * 1.3);
  EXPECT_GT((std::get<0>(network.products()[0].weight.flatten(1).abs().max(1)) /
             network.products()[0].weight.flatten(1).std(1))
                .max()
                .item<double>(),
            1.5 * 1.3);
}

TEST(Finetune, PlacesWhatItLearnedOfTheHardware) {
  const Dataset dataset = squares();
  auto method = make_method("finetune", {{"shrink", "learned"}, {"ranges", "learned"}});
  TrainingRun run(*method, setup_for(trained()), dataset, options_for(1));
  while (!run.is_finished()) run.advance();
  const Json learned = run.learned_hardware();
  EXPECT_EQ(learned.size(), trained().products().size());
  for (const auto& item : learned.items()) {
    const Json& dac = item.value().at("dac");
    EXPECT_EQ(dac.at("range"), "fixed");
    EXPECT_GT(dac.at("x_max").get<double>(), 0);
    EXPECT_LE(dac.at("range_use").get<double>(), 1);
  }
}

TEST(Finetune, WhatItLearnedOfTheHardwareIsOfTheEpochOfItsWeights) {
  const Dataset dataset = squares();
  const Json values = {{"shrink", "learned"}, {"ranges", "learned"}};
  TrainingOptions options = options_for(4);
  options.training_images = 256;
  options.validation_images = 64;
  options.optimiser.learning_rate = 0.3;  // too much: the first epochs are the best
  auto method = make_method("finetune", values);
  TrainingRun run(*method, setup_for(trained()), dataset, options);
  std::vector<Json> of_epochs;
  while (!run.is_finished()) {
    if (run.advance()) of_epochs.push_back(method->learned_hardware());
  }
  const auto best = static_cast<std::size_t>(run.best_epoch());
  ASSERT_LT(best, of_epochs.size() - 1);
  EXPECT_NE(of_epochs[best], of_epochs.back());
  EXPECT_EQ(run.learned_hardware(), of_epochs[best]);
  auto other = make_method("finetune", values);
  TrainingRun resumed(*other, setup_for(trained()), dataset, options);
  resumed.restore(run.checkpoint());
  EXPECT_EQ(resumed.learned_hardware(), of_epochs[best]);
}

TEST(Finetune, RefusesLabelsOfAFewClasses) {
  Dataset dataset = squares();
  dataset.num_classes = 12;
  const auto start = [&](const Json& values) {
    auto method = make_method("finetune", values);
    TrainingRun run(*method, setup_for(trained()), dataset, options_for(1));
  };
  try {
    start(Json::object());
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("10 of the 12 classes"), std::string::npos)
        << error.what();
  }
  EXPECT_NO_THROW(start({{"distillation", 1.0}}));
}

TEST(Finetune, HintsKeepTheProductsWhereTheyWere) {
  const Dataset dataset = squares();
  const Tensor x = trained().prepare(dataset.test.images);
  const auto outputs_of = [&](const Network& network) {
    const at::NoGradGuard no_grad;
    std::vector<Tensor> outputs;
    network.forward(x, [&](std::size_t index, const Tensor& input) {
      const StoredProduct& stored = network.products()[index];
      outputs.push_back(digital_product(input, stored.weight, stored.geometry));
      return outputs.back();
    });
    return outputs;
  };
  const auto distance_with = [&](double weight) {
    auto method =
        make_method("finetune", {{"distillation", 1}, {"clip_std", 1.5}, {"hint_weight", weight}});
    TrainingSetup setup = setup_for(trained());
    setup.placements = place_by_rule(setup.network, Hardware());  // nothing but the cut disturbs
    TrainingRun run(*method, setup, dataset, options_for(4));
    while (!run.is_finished()) run.advance();
    return hints(outputs_of(run.result()), outputs_of(trained())).item<double>();
  };
  EXPECT_LT(distance_with(20), 0.6 * distance_with(0));
}

TEST(Finetune, StopsWhereTheLossIsNoNumber) {
  const Dataset dataset = squares();
  Network broken = trained().clone();
  broken.products()[0].weight[0].fill_(std::numeric_limits<float>::quiet_NaN());
  auto method = make_method("finetune", Json::object());
  TrainingRun run(*method, setup_for(broken), dataset, options_for(1));
  EXPECT_THROW(run.advance(), Diverged);
}

TEST(Untreated, IsWhatWasGiven) {
  const Dataset dataset = squares();
  auto method = make_method("untreated", Json::object());
  TrainingRun run(*method, setup_for(trained()), dataset, options_for(5));
  EXPECT_TRUE(run.is_finished());
  for (const auto& [name, tensor] : trained().weights()) {
    EXPECT_TRUE(tensor.equal(run.result().weights().at(name))) << name;
  }
}

}  // namespace
}  // namespace crossloom
