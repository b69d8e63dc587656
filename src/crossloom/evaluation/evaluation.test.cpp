#include <cmath>

#include <gtest/gtest.h>

#include "crossloom/evaluation/cost.h"
#include "crossloom/evaluation/statistics.h"
#include "crossloom/evaluation/transfer.h"
#include "crossloom/network/architectures.h"
#include "crossloom/network/layer_rule.h"
#include "crossloom/training/accuracy.h"

namespace crossloom {
namespace {

/// A row of Table 2 of arXiv:2305.14547.
struct TableRow {
  const char* network;
  ArraySize array;
  double tile_op_energy;  // [J]
  std::int64_t devices, crossbars, ops, tile_ops;
  // As the paper rounds them, with half a unit of their last digit.
  double flops, flops_rounding;
  double latency, latency_rounding;  // [s]
  double energy, energy_rounding;    // [J]
};

TEST(ChipCost, ReproducesTheTableOfThePaper) {
  const TableRow table[] = {{"lenet_wu2023",
                             {64, 64},
                             2.66e-9,
                             6440,
                             6,
                             641,
                             707,
                             272.6e3,
                             0.05e3,
                             0.462e-3,
                             0.5e-6,
                             1.88e-6,
                             0.005e-6},
                            {"vgg8_cifar10",
                             {256, 64},
                             2.93e-9,
                             1099968,
                             78,
                             2690,
                             7713,
                             77.79e6,
                             0.005e6,
                             1.937e-3,
                             0.5e-6,
                             22.6e-6,
                             0.05e-6},
                            {"resnet18_cifar10",
                             {256, 64},
                             2.93e-9,
                             22328704,
                             1480,
                             6801,
                             81922,
                             1.111e9,
                             0.5e6,
                             4.897e-3,
                             0.5e-6,
                             240e-6,
                             0.5e-6}};
  for (const TableRow& row : table) {
    OperationCost operation;
    operation.energy = row.tile_op_energy;
    Hardware hardware;
    hardware.array = row.array;
    hardware.adc.columns_per_adc = 8;
    const ChipCost cost = count_cost(make_network(row.network), hardware, operation);
    EXPECT_EQ(cost.total.devices, row.devices) << row.network;
    EXPECT_NEAR(static_cast<double>(cost.total.flops), row.flops, row.flops_rounding)
        << row.network;
    EXPECT_EQ(cost.total.crossbars, row.crossbars) << row.network;
    EXPECT_EQ(cost.total.ops, row.ops) << row.network;
    EXPECT_EQ(cost.total.tile_ops, row.tile_ops) << row.network;
    EXPECT_NEAR(cost.latency, row.latency, row.latency_rounding * 1.0001) << row.network;
    EXPECT_NEAR(cost.energy, row.energy, row.energy_rounding * 1.0001) << row.network;
  }
}

TEST(Statistics, AgreeWithTheirDefinitions) {
  const Statistics s = summarise({2, 4, 4, 4, 5, 5, 7, 9});
  EXPECT_DOUBLE_EQ(s.mean, 5);
  EXPECT_DOUBLE_EQ(s.std, std::sqrt(32.0 / 7));
  EXPECT_DOUBLE_EQ(s.standard_error, std::sqrt(32.0 / 7 / 8));
  EXPECT_DOUBLE_EQ(s.median, 4.5);
  EXPECT_EQ(s.min, 2);
  EXPECT_EQ(s.max, 9);
  EXPECT_NEAR(s.ci95 / s.standard_error, 2.3646, 0.003 * 2.3646);  // t table, 7 degrees of freedom
}

TEST(Statistics, ConfidenceFollowsTheTableOfStudent) {
  // 97.5 % quantiles from a printed table.
  const std::pair<int, double> table[] = {
      {2, 4.303}, {3, 3.182}, {4, 2.776}, {9, 2.262}, {29, 2.045}, {99, 1.984}};
  for (const auto& [degrees, quantile] : table) {
    std::vector<double> values;
    for (int i = 0; i <= degrees; ++i) values.push_back(i % 3);
    const Statistics s = summarise(values);
    EXPECT_NEAR(s.ci95 / s.standard_error, quantile, 0.004 * quantile) << degrees;
  }
}

TEST(Statistics, OneValueHasNoSpread) {
  const Statistics s = summarise({3});
  EXPECT_EQ(s.std, 0);
  EXPECT_EQ(s.ci95, 0);
  EXPECT_THROW(summarise({}), c10::Error);
}

Dataset make_dataset() {
  Dataset dataset;
  dataset.num_classes = 10;
  for (Split* split : {&dataset.train, &dataset.test}) {
    split->images = (Rng(3).uniform({300, 1, 28, 28}) * 255).to(at::kByte);
    split->labels = (Rng(4).uniform({300}) * 10).to(at::kLong);
  }
  return dataset;
}

double accuracy_on_chip(const Network& network,
                        const Hardware& hardware,
                        const Dataset& dataset,
                        std::int64_t number) {
  const ChipPlan plan{network, place_by_rule(network, hardware), {}, 1, {}};
  const ImageTask task(examples_of(dataset.test, ""));
  const InputBatches calibration = {{network.prepare(dataset.train.images.slice(0, 0, 256))}};
  return test_on_fresh_chip(plan, task, calibration, {}, number).at(0);
}

TEST(Transfer, ToAnIdealChipKeepsTheAccuracy) {
  const Dataset dataset = make_dataset();
  Network network = make_network("lenet_wu2023");
  network.initialise(Rng(1));
  Hardware hardware;
  hardware.dac.bits = 0;
  hardware.adc.bits = 0;
  const double digital = accuracy(
      network, dataset.test, 0, [&](const Tensor& x, std::int64_t) { return network.forward(x); });
  EXPECT_NEAR(accuracy_on_chip(network, hardware, dataset, 1), digital, 1.5 / 300);
}

TEST(Transfer, ChipsDifferAndRepeat) {
  const Dataset dataset = make_dataset();
  Network network = make_network("lenet_wu2023");
  network.initialise(Rng(1));
  Hardware hardware;
  hardware.device = Device("bulk_switching_wu2023");
  hardware.adc.range.policy = RangePolicy::kTracked;
  const double first = accuracy_on_chip(network, hardware, dataset, 1);
  EXPECT_EQ(accuracy_on_chip(network, hardware, dataset, 1), first);
  bool differs = false;
  for (std::int64_t chip = 2; chip < 6; ++chip) {
    differs = differs || accuracy_on_chip(network, hardware, dataset, chip) != first;
  }
  EXPECT_TRUE(differs);
}

}  // namespace
}  // namespace crossloom
