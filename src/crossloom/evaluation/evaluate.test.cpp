#include "crossloom/evaluation/evaluate.h"

#include <cmath>

#include <gtest/gtest.h>

#include "crossloom/network/architectures.h"

namespace crossloom {
namespace {

/// Random images, whose labels are what the exact network says.
class OwnLabels final : public Task {
 public:
  explicit OwnLabels(std::vector<std::int64_t> sizes) {
    sizes.insert(sizes.begin(), 12);
    images_ = Rng(4).uniform(sizes);
  }
  std::int64_t size() const override { return 12; }
  std::string provenance() const override { return "random images"; }
  void for_each_batch(const Network& /*network*/,
                      std::int64_t batch_size,
                      std::int64_t count,
                      const Use& use) const override {
    const std::int64_t last = count > 0 ? count : size();
    for (std::int64_t first = 0; first < last; first += batch_size) {
      use(first, {images_.slice(0, first, std::min(first + batch_size, last))});
    }
  }
  Score score(const std::vector<Tensor>& outputs) const override {
    Score score;
    const Tensor guess = outputs.at(0).argmax(1);
    for (std::int64_t i = 0; i < guess.size(0); ++i) {
      score.predictions.push_back(std::to_string(guess[i].item<std::int64_t>()));
    }
    score.figures = {{"mean", outputs.at(0).to(at::kDouble).mean().item<double>()}};
    return score;
  }
  const Tensor& images() const { return images_; }

 private:
  Tensor images_;
};

ChipPlan make_plan(const Network& network, const Hardware& hardware) {
  ChipPlan plan{network, {}, {}, 3, {}};
  const Network mapped = mapped_network(network, plan.calibration);
  plan.placements = place_by_rule(mapped, hardware);
  return plan;
}

Hardware quiet_hardware() {
  Hardware hardware;
  hardware.dac.bits = 0;
  hardware.adc.bits = 0;
  return hardware;
}

Network make_resnet() {
  Network network = make_network("resnet20_cifar10");
  network.initialise(Rng(1));
  return network;
}

std::vector<ChipResult> test_all(const ChipPlan& plan, const OwnLabels& task, TestOptions options) {
  std::vector<ChipResult> results;
  test_chip(
      plan, task, {{task.images()}}, options, 1, {}, [&](const auto& r) { results.push_back(r); });
  return results;
}

TEST(TestChip, PerfectChipAgreesWithTheExactNetwork) {
  const OwnLabels task({3, 32, 32});
  const ChipPlan plan = make_plan(make_resnet(), quiet_hardware());
  const std::vector<ChipResult> results = test_all(plan, task, {{0, 10}, 0, 5});
  ASSERT_EQ(results.size(), 2U);
  const Score exact = task.score(exact_outputs(plan.network, task, 5, 0));
  for (const ChipResult& result : results) EXPECT_EQ(result.predictions, exact.predictions);
  for (const LayerQuality& layer : layer_quality(plan, {{task.images()}}, {})) {
    EXPECT_GT(layer.own, 100) << layer.name;
    EXPECT_GT(layer.total, 80) << layer.name;
  }
}

TEST(LayerQualityOfChips, IsTheMeanOfTheirErrors) {
  const OwnLabels task({3, 32, 32});
  Hardware hardware;
  hardware.device = Device("hfox_neurram_wan2022");
  const ChipPlan plan = make_plan(make_resnet(), hardware);
  const auto noise_of = [&](std::int64_t chips) {
    return std::pow(10, -layer_quality(plan, {{task.images()}}, {0, chips, 2})[0].own / 10);
  };
  const double one = noise_of(1);
  const double two = noise_of(2);
  EXPECT_NE(one, two);
  // The second chip alone: twice the mean without the first, of about the same size.
  EXPECT_GT(2 * two - one, one / 3);
  EXPECT_LT(2 * two - one, one * 3);
}

TEST(TestChip, ResultsDoNotDependOnTheBatchSizeNorOnTimesDoneBefore) {
  const OwnLabels task({3, 32, 32});
  Hardware hardware;
  hardware.device = Device("hfox_neurram_wan2022");
  hardware.mapping.scale = ScalePer::kColumn;
  const ChipPlan plan = make_plan(make_resnet(), hardware);
  const auto all = test_all(plan, task, {{1, 3600}, 0, 12});
  const auto cut = test_all(plan, task, {{1, 3600}, 0, 5});
  ASSERT_EQ(all.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_NEAR(all[i].figures[0].second, cut[i].figures[0].second, 1e-5);
  }
  EXPECT_NE(all[0].figures[0].second, all[1].figures[0].second);  // it has aged
  std::vector<ChipResult> late;
  test_chip(plan, task, {{task.images()}}, {{1, 3600}, 0, 12}, 1, {1}, [&](const auto& r) {
    late.push_back(r);
  });
  ASSERT_EQ(late.size(), 1U);
  EXPECT_EQ(late[0].figures[0].second, all[1].figures[0].second);
}

TEST(TestChip, ResultsAreThoseOfAChipThatKeepsItsCells) {
  const OwnLabels task({3, 32, 32});
  for (const WeightScheme scheme :
       {WeightScheme::kSignSplit, WeightScheme::kOffset, WeightScheme::kSignMagnitude}) {
    Hardware hardware;
    hardware.device = Device("hfox_neurram_wan2022");
    hardware.mapping.scheme = scheme;
    const ChipPlan plan = make_plan(make_resnet(), hardware);
    const std::vector<ChipResult> results = test_all(plan, task, {{1, 3600}, 0, 12});
    const at::NoGradGuard no_grad;
    const Network mapped = mapped_network(plan.network, plan.calibration);
    Chip chip(mapped, plan.placements, plan.seed, 1);
    chip.program(mapped);
    Network network = mapped.clone();
    const Calibration calibration(plan.calibration, chip, network, {{task.images()}});
    ASSERT_EQ(results.size(), 2U);
    for (std::size_t i = 0; i < 2; ++i) {
      chip.age_to(results[i].time);
      ChipRead read;
      read.pass = 1 + i;
      const Tensor y = chip.forward(mapped, std::vector<Tensor>{task.images()}, read)[0];
      EXPECT_EQ(results[i].figures[0].second, y.to(at::kDouble).mean().item<double>());
    }
  }
}

TEST(TestChip, AttentionOnPerfectCrossbarsAgreesWithTheExactNetwork) {
  Network network = make_network("cct4_cifar10");
  network.initialise(Rng(1));
  const OwnLabels task({3, 32, 32});
  ChipPlan plan = make_plan(network, quiet_hardware());
  Hardware hardware = quiet_hardware();
  hardware.dac.range = {RangePolicy::kCalibrated, 1, 0};
  for (const std::size_t node : computed_products(plan.network)) {
    plan.computed.push_back({node, hardware});
  }
  ASSERT_EQ(plan.computed.size(), 9U);  // two for each block, and the pooling of tokens
  TestOptions options;
  options.count = 2;
  std::vector<ChipResult> results;
  const Tensor inputs = task.images().slice(0, 0, 2);
  test_chip(plan, task, {{inputs}}, options, 1, {}, [&](const auto& r) { results.push_back(r); });
  EXPECT_EQ(results.at(0).predictions, task.score({network.forward(inputs)}).predictions);
  const std::vector<LayerQuality> layers = layer_quality(plan, {{inputs}}, {});
  ASSERT_EQ(layers.size(), network.products().size() + 9);
  for (const LayerQuality& layer : layers) EXPECT_GT(layer.own, 80) << layer.name;
  // Four heads of 32 x 256 scores: one cell of each pair is written for each example.
  EXPECT_EQ(layers.at(network.products().size()).cells, 2 * 4 * 32 * 256);
  EXPECT_NEAR(layers.at(network.products().size()).writes, 4 * 32 * 256, 100);
}

/// Mean squared error of the logits of a chip whose converters have `bits` and `range`.
double error_of_ranges(std::int64_t bits, const RangeOptions& range) {
  const Network network = make_resnet();
  Hardware hardware;
  hardware.dac.bits = bits;
  hardware.adc.bits = bits;
  hardware.adc.subtraction = PairSubtraction::kAnalog;
  hardware.dac.range = range;
  hardware.adc.range = range;
  const ChipPlan plan = make_plan(network, hardware);
  const OwnLabels task({3, 32, 32});
  InputBatches batches;
  for (std::int64_t i = 0; i < 12; i += 4) batches.push_back({task.images().slice(0, i, i + 4)});
  double noise = 0;
  for (const LayerQuality& layer : layer_quality(plan, batches, {})) {
    noise += std::pow(10, -layer.own / 10);
  }
  return noise;
}

TEST(Calibration, LearnedRangesHaveLessErrorThanPercentilesAndTheMaximum) {
  for (const std::int64_t bits : {4, 6}) {
    const double learned = error_of_ranges(bits, {RangePolicy::kLearned, 1, 0});
    EXPECT_LT(learned, error_of_ranges(bits, {RangePolicy::kCalibrated, 1, 0})) << bits;
    EXPECT_LT(learned, error_of_ranges(bits, {RangePolicy::kCalibrated, 0.9995, 0})) << bits;
  }
}

class Calibrated : public testing::Test {
 protected:
  Calibrated() : network_(make_resnet()), task_({3, 32, 32}) {}

  /// Error of the logits on a chip of drifting cells after a day, calibrated by `options`.
  double error(const CalibrationOptions& options) {
    Hardware hardware = quiet_hardware();
    hardware.device = Device("pcm_nandakumar2019");
    Network mapped = mapped_network(network_, options).clone();
    const at::NoGradGuard no_grad;
    Chip chip(mapped, hardware, largest_weights(mapped), 3, 1);
    chip.program(mapped);
    chip.age_to(0);
    Calibration calibration(options, chip, mapped, {{task_.images()}});
    chip.age_to(86400);
    calibration.follow_ageing();
    const Tensor y = chip.forward(mapped, std::vector<Tensor>{task_.images()}, {})[0];
    const Tensor exact = network_.forward(task_.images());
    return ((y - exact).norm() / exact.norm()).item<double>();
  }

  Network network_;
  OwnLabels task_;
};

TEST_F(Calibrated, DriftCompensationUndoesMostOfTheDriftOfPcm) {
  CalibrationOptions options;
  const double without = error(options);
  options.has_drift_compensation = true;
  EXPECT_LT(error(options), 0.5 * without);
}

TEST_F(Calibrated, ColumnsCorrectedAtEachTimeFollowCellsThatDriftApart) {
  CalibrationOptions options;
  options.has_drift_compensation = true;  // of what they have in common
  options.columns = CalibrationOptions::Columns::kGain;
  const double once = error(options);
  options.columns_at = CalibrationOptions::ColumnsAt::kEachTime;
  EXPECT_LT(error(options), 0.85 * once);
}

// Corrections are used as soon as they are found, so that those behind are found with inputs of the
// right size: errors of all layers together do not pile up.
TEST_F(Calibrated, ColumnsCorrectedAtEachTimeUndoTheDriftByThemselves) {
  CalibrationOptions options;
  const double without = error(options);
  options.has_drift_compensation = true;
  const double compensated = error(options);
  options.has_drift_compensation = false;
  options.columns = CalibrationOptions::Columns::kGainAndOffset;
  options.columns_at = CalibrationOptions::ColumnsAt::kEachTime;
  EXPECT_LT(error(options), 0.5 * without);
  EXPECT_LT(error(options), compensated);
}

TEST(Calibration, ColumnCorrectionFindsTheGainOfACoarseWindow) {
  // A window of half the largest weight clips; the best line through the outputs has a gain above
  // one.
  Network network = make_network("lenet_wu2023");
  network.initialise(Rng(1));
  std::vector<Placement> placements;
  for (const StoredProduct& stored : network.products()) {
    placements.push_back({true, quiet_hardware(), 0.5 * largest_weight(stored, ScalePer::kTensor)});
  }
  const Tensor x = Rng(4).uniform({64, 1, 28, 28});
  const at::NoGradGuard no_grad;
  const auto error = [&](CalibrationOptions::Columns columns) {
    CalibrationOptions options;
    options.columns = columns;
    Chip chip(network, placements, 3, 1);
    chip.program(network);
    const Calibration calibration(options, chip, network, {{x}});
    double squares = 0;
    chip.forward(network,
                 std::vector<Tensor>{x},
                 {},
                 [&](std::size_t index, const Tensor& in, const Tensor& y) {
                   const StoredProduct& stored = network.products()[index];
                   const Tensor corrected = chip.correction(index).apply(y, stored.geometry);
                   squares += (corrected - digital_product(in, stored.weight, stored.geometry))
                                  .square()
                                  .sum()
                                  .item<double>();
                 });
    return squares;
  };
  const double none = error(CalibrationOptions::Columns::kNone);
  const double gain = error(CalibrationOptions::Columns::kGain);
  const double line = error(CalibrationOptions::Columns::kGainAndOffset);
  EXPECT_LT(gain, none);
  EXPECT_LT(line, gain);
}

/// Error of the logits of a chip that is perfect but for a gain and an offset of its own in each
/// column, calibrated with batches of `batch_size`.
double error_of_columns(CalibrationOptions::BatchNorm batch_norm, std::int64_t batch_size) {
  const Network trained = make_resnet();
  Network network = trained.clone();
  const at::NoGradGuard no_grad;
  Chip chip(network, quiet_hardware(), largest_weights(network), 3, 1);
  chip.program(network);
  Rng rng(5);
  for (std::size_t i = 0; i + 1 < network.products().size();
       ++i) {  // behind the last is no batch norm
    const std::int64_t outputs = network.products()[i].geometry.out_channels;
    chip.set_correction(i, {1 + 0.3 * rng.normal({outputs}), 0.3 * rng.normal({outputs})});
  }
  const Tensor x = Rng(4).uniform({12, 3, 32, 32});
  InputBatches batches;
  for (const Tensor& batch : x.split(batch_size)) batches.push_back({batch});
  CalibrationOptions options;
  options.batch_norm = batch_norm;
  const Calibration calibration(options, chip, network, batches);
  const Tensor others = Rng(6).uniform({4, 3, 32, 32});
  const Tensor y = chip.forward(network, others, {});
  const Tensor exact = trained.forward(others);
  return ((y - exact).norm() / exact.norm()).item<double>();
}

TEST(Calibration, ReestimatedBatchNormUndoesTheGainAndOffsetOfEachColumn) {
  EXPECT_GT(error_of_columns(CalibrationOptions::BatchNorm::kKept, 12), 0.1);
  EXPECT_LT(error_of_columns(CalibrationOptions::BatchNorm::kReestimated, 12), 1e-3);
  EXPECT_LT(error_of_columns(CalibrationOptions::BatchNorm::kReestimated, 5), 1e-3);
}

TEST(Calibration, ReestimatedBatchNormOfAPerfectChipStaysAsItWasTrained) {
  Network network = make_resnet();
  const at::NoGradGuard no_grad;
  Chip chip(network, quiet_hardware(), largest_weights(network), 3, 1);
  chip.program(network);
  const TensorMap before = network.weights();
  CalibrationOptions options;
  options.batch_norm = CalibrationOptions::BatchNorm::kReestimated;
  const Calibration calibration(options, chip, network, {{Rng(4).uniform({2, 3, 32, 32})}});
  for (const auto& [name, value] : network.weights()) {
    EXPECT_TRUE(value.allclose(before.at(name), 1e-3, 1e-3)) << name;
  }
}

TEST(Agreement, CountsEqualPredictions) {
  EXPECT_DOUBLE_EQ(agreement({"1", "2", "3", "4"}, {"1", "2", "0", "4"}), 0.75);
}

}  // namespace
}  // namespace crossloom
