#pragma once

#include "crossloom/evaluation/evaluate.h"

namespace crossloom {

/// Monte Carlo over chips: how many, and what is measured on each.
struct TransferOptions {
  std::int64_t chips = 20;
  std::int64_t test_images = 0;       // 0: all
  std::vector<double> elapsed = {0};  // [s] from programming to the tests

  void describe(ParamList& params);
};

/// Accuracies of the network of `plan` on fresh chip `number` (from 1 on; 0 is the chip that
/// learned) at each time of `options`, by `test_chip`.
std::vector<double> test_on_fresh_chip(const ChipPlan& plan,
                                       const Task& task,
                                       const InputBatches& calibration,
                                       const TransferOptions& options,
                                       std::int64_t number);

}  // namespace crossloom
