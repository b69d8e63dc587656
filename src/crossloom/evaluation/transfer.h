#pragma once

#include "crossloom/data/dataset.h"
#include "crossloom/evaluation/evaluate.h"

namespace crossloom {

/// Monte Carlo over chips: how many, and what is measured on each.
struct TransferOptions {
  std::int64_t chips = 20;
  std::int64_t test_images = 0;  // 0: all
  std::int64_t calibration_images = 256;
  std::vector<double> elapsed = {0};  // [s] from programming to the tests

  void describe(ParamList& params);
};

/// A trained network and how it is put on chips.
struct Transfer {
  Network network;
  std::vector<Placement> placements;  // of its products
  TransferOptions options;
  std::uint64_t seed = 0;
};

/// The chips of `transfer`, with inputs that set the ranges of their converters.
ChipPlan plan_of(const Transfer& transfer);
InputBatches calibration_of(const Transfer& transfer, const Dataset& dataset);

/// Accuracies of the network on fresh chip `number` (from 1 on; 0 is the chip that learned) at each
/// time, by `test_chip`: the ranges of its converters are set with the first images of the training
/// set.
std::vector<double> test_on_fresh_chip(const Transfer& transfer,
                                       const Dataset& dataset,
                                       std::int64_t number);

}  // namespace crossloom
