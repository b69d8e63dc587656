#pragma once

#include "crossloom/data/dataset.h"
#include "crossloom/network/chip.h"

namespace crossloom {

/// Monte Carlo over chips: how many, and what is measured on each.
struct TransferOptions {
  std::int64_t chips = 20;
  std::int64_t test_images = 0;  // 0: all
  std::int64_t calibration_images = 256;
  double elapsed = 0;  // [s] from programming to the test

  void describe(ParamList& params);
};

/// A trained network and how it is put on chips.
struct Transfer {
  Network network;
  Hardware hardware;
  std::vector<Tensor> windows;  // weight at the edge of the window, for each product
  TransferOptions options;
  std::uint64_t seed = 0;
};

/// Accuracy of the network on fresh chip `number` (from 1 on; 0 is the chip that learned), by
/// `test_chip`: the ranges of its converters are set with the first images of the training set.
double test_on_fresh_chip(const Transfer& transfer, const Dataset& dataset, std::int64_t number);

}  // namespace crossloom
