#include "crossloom/training/training_run.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "crossloom/training/squares_testing.h"

namespace crossloom {
namespace {

Dataset make_dataset() {
  Dataset dataset;
  dataset.num_classes = 10;
  dataset.train = make_squares(640);
  dataset.test = make_squares(200);
  return dataset;
}

TrainingOptions make_options() {
  TrainingOptions options;
  options.epochs = 4;
  options.batches_per_epoch = 8;
  options.batch_size = 32;
  return options;
}

struct Trained {
  explicit Trained(const std::string& name, const TrainingOptions& options = make_options())
      : method(Registry<TrainingMethod>::instance().create(name)) {
    hardware.device = Device("bulk_switching_wu2023");
    const Network network = random_network("lenet_wu2023", 1);
    run = std::make_unique<TrainingRun>(
        *method,
        TrainingSetup{network, place_by_rule(network, hardware), {}, noise, 1},
        dataset,
        options);
  }

  void finish() {
    while (!run->is_finished()) run->advance();
  }

  Dataset dataset = make_dataset();
  Hardware hardware;
  WeightNoise noise;
  std::unique_ptr<TrainingMethod> method;
  std::unique_ptr<TrainingRun> run;
};

TEST(TrainingRun, DigitalTrainingLearnsTheSquares) {
  Trained run("digital");
  run.finish();
  EXPECT_EQ(run.run->records().size(), 4U);
  EXPECT_GT(run.run->records().back().accuracy, 0.9);
  EXPECT_LT(run.run->records().back().loss, run.run->records().front().loss);
}

TEST(TrainingRun, GoesOnToTheBitFromAnyBatch) {
  for (const std::string& name : Registry<TrainingMethod>::instance().names()) {
    if (name == "naive_in_situ" || name == "negative_feedback" || name == "untreated") continue;
    Trained whole(name);
    whole.finish();
    for (const int stop : {0, 3, 8, 19}) {
      Trained first(name);
      for (int step = 0; step < stop; ++step) first.run->advance();
      Trained second(name);
      second.run->restore(first.run->checkpoint());
      second.finish();
      ASSERT_EQ(second.run->records().size(), whole.run->records().size());
      for (std::size_t e = 0; e < whole.run->records().size(); ++e) {
        EXPECT_EQ(to_json(second.run->records()[e]), to_json(whole.run->records()[e]))
            << name << stop;
      }
    }
  }
}

TEST(TrainingRun, InBfloat16EveryMethodLearnsWhatItLearnsInFloat) {
  TrainingOptions options = make_options();
  options.precision = Precision::kBfloat16;
  for (const std::string& name : Registry<TrainingMethod>::instance().names()) {
    if (name == "naive_in_situ" || name == "mixed_precision") {
      EXPECT_THROW(Trained(name, options), ConfigError);
      continue;
    }
    if (name == "negative_feedback" || name == "untreated") continue;
    Trained exact(name);
    Trained reduced(name, options);
    exact.run->advance();
    reduced.run->advance();
    const Tensor weight = reduced.method->network().products()[0].weight;
    EXPECT_EQ(weight.scalar_type(), at::kFloat);
    EXPECT_FALSE(weight.equal(exact.method->network().products()[0].weight)) << name;
    exact.finish();
    reduced.finish();
    const auto& given = reduced.run->records();
    const auto& wanted = exact.run->records();
    EXPECT_NEAR(given.front().loss / wanted.front().loss, 1, 0.02) << name;
    EXPECT_NEAR(given.back().loss / wanted.back().loss, 1, 0.2) << name;
  }
}

TEST(TrainingRun, UpdatesOfTheEpochsAddUpToTheTotal) {
  Trained run("mixed_precision");
  run.finish();
  std::vector<std::int64_t> sum(3, 0);
  for (const EpochRecord& record : run.run->records()) {
    for (std::size_t i = 0; i < 3; ++i) sum[i] += record.num_updates[i];
  }
  EXPECT_EQ(sum, run.method->num_updates());
}

TEST(TrainingRun, CosineEndsNearZeroAndPlateauHalves) {
  TrainingOptions options = make_options();
  options.schedule = TrainingOptions::Schedule::kCosine;
  Trained cosine("digital", options);
  cosine.finish();
  const auto& records = cosine.run->records();
  EXPECT_NEAR(records[1].learning_rate, 0.5 * options.optimiser.learning_rate, 1e-12);
  EXPECT_NEAR(records[3].learning_rate, 0, 1e-12);

  options.schedule = TrainingOptions::Schedule::kPlateau;
  options.patience = 1;
  options.epochs = 6;
  options.optimiser.learning_rate = 1e-9;  // learns nothing, so no test is better than the first
  Trained plateau("digital", options);
  plateau.finish();
  EXPECT_NEAR(plateau.run->records()[5].learning_rate, 1e-9 / 16, 1e-15);
}

TEST(TrainingRun, MoreBatchesThanImagesAreRefused) {
  TrainingOptions options = make_options();
  options.batches_per_epoch = 1000;
  EXPECT_THROW(Trained("digital", options), ConfigError);
  options.batches_per_epoch = 0;
  options.batch_size = 10000;
  EXPECT_THROW(Trained("digital", options), ConfigError);
}

TEST(TrainingRun, DivergenceIsSaid) {
  TrainingOptions options = make_options();
  options.optimiser.rule = OptimiserOptions::Rule::kSgd;
  options.optimiser.learning_rate = 1e30;
  Trained run("digital", options);
  EXPECT_THROW(run.finish(), ConfigError);
}

TEST(TrainingRun, WarmupRisesFromZeroToTheRate) {
  TrainingOptions options = make_options();
  options.warmup = 1;
  Trained run("digital", options);
  run.finish();
  for (std::size_t e = 0; e < 4; ++e) {
    const double share = static_cast<double>(8 * (e + 1) + 1) / 32;
    EXPECT_NEAR(run.run->records()[e].learning_rate,
                options.optimiser.learning_rate * std::min(1.0, share),
                1e-12);
  }
}

TEST(TrainingRun, ValidationImagesAreTheOnesBehindThoseLearned) {
  const Split train = make_squares(100);
  TrainingOptions options;
  options.validation_images = 30;
  const TrainingSplit rest(train, options);
  EXPECT_TRUE(rest.learned.labels.equal(train.labels.slice(0, 0, 70)));
  EXPECT_TRUE(rest.validation.images.equal(train.images.slice(0, 70)));
  options.training_images = 20;
  EXPECT_TRUE(TrainingSplit(train, options).validation.labels.equal(train.labels.slice(0, 20, 50)));
  options.training_images = 71;
  EXPECT_THROW(TrainingSplit(train, options), ConfigError);
  options.training_images = 0;
  options.validation_images = 100;
  EXPECT_THROW(TrainingSplit(train, options), ConfigError);
}

TEST(TrainingRun, ResultIsTheBestEpochAndSurvivesARestart) {
  TrainingOptions options = make_options();
  options.validation_images = 100;
  options.training_images = 540;
  options.epochs = 6;
  options.optimiser.learning_rate = 0.03;  // too large, so that epochs differ
  Trained run("digital", options);
  std::vector<TensorMap> weights;
  while (!run.run->is_finished()) {
    if (run.run->advance()) weights.push_back(run.method->network().weights());
  }
  const auto best = static_cast<std::size_t>(run.run->best_epoch());
  for (const EpochRecord& record : run.run->records()) {
    EXPECT_LE(record.accuracy, run.run->records()[best].accuracy);
  }
  Trained other("digital", options);
  other.run->restore(run.run->checkpoint());
  for (const auto& [name, tensor] : weights[best]) {
    EXPECT_TRUE(run.run->result().weights().at(name).equal(tensor)) << name;
    EXPECT_TRUE(other.run->result().weights().at(name).equal(tensor)) << name;
  }
}

TEST(TrainingRun, BatchesOfOneImageAreRefusedWithBatchNorm) {
  Dataset dataset = make_dataset();
  TrainingOptions options = make_options();
  options.batch_size = 1;
  const auto method = Registry<TrainingMethod>::instance().create("digital");
  const auto start = [&](const char* name) {
    const Network network = random_network(name, 1);
    const std::vector<Placement> placements = place_by_rule(network, Hardware());
    TrainingRun(*method, {network, placements, {}, {}, 1}, dataset, options);
  };
  EXPECT_NO_THROW(start("lenet_wu2023"));
  EXPECT_THROW(start("resnet18_cifar10"), ConfigError);
}

TEST(TrainingRun, DamagedCheckpointIsRefused) {
  Trained run("mixed_precision");
  run.run->advance();
  TensorFile checkpoint = run.run->checkpoint();
  checkpoint.metadata["records"] = "[{]";
  EXPECT_THROW(run.run->restore(checkpoint), ConfigError);
  checkpoint = run.run->checkpoint();
  checkpoint.tensors.erase("step");
  EXPECT_THROW(run.run->restore(checkpoint), ConfigError);
  checkpoint = run.run->checkpoint();
  checkpoint.tensors.erase("method.product1.sum");
  EXPECT_THROW(run.run->restore(checkpoint), ConfigError);
}

}  // namespace
}  // namespace crossloom
