#pragma once

#include <functional>
#include <string>
#include <vector>

#include "crossloom/evaluation/calibration.h"
#include "crossloom/evaluation/task.h"
#include "crossloom/network/layer_rule.h"

namespace crossloom {

/// A network and the chips it is put on.
struct ChipPlan {
  Network network;                    // as given, batch normalisations unfolded
  std::vector<Placement> placements;  // of the products of `mapped_network`
  CalibrationOptions calibration;
  std::uint64_t seed = 0;
  std::vector<ComputedPlacement> computed;  // of the same network
};

/// The network that is mapped: with its batch normalisations folded unless calibration keeps them.
Network mapped_network(const Network& network, const CalibrationOptions& options);

/// How well one chip did at one time.
struct ChipResult {
  std::int64_t chip = 0;  // from 1 on
  double time = 0;        // [s] since programming
  std::vector<std::pair<std::string, double>> figures;
  std::vector<std::string> predictions;
};

/// Chip, time and figures.
Json to_json(const ChipResult& result);

/// Signal to noise of the outputs of one product on a chip.
struct LayerQuality {
  std::string name;
  double own = 0;    // [dB] against the exact product of the same inputs
  double total = 0;  // [dB] against the exact network
  // Products of two activations only:
  std::int64_t cells = 0;  // that hold one operand
  double writes = 0;       // of cells for each example
};

/// Outputs of a network for the first `count` examples of `task` (0: all).
std::vector<Tensor> exact_outputs(const Network& network,
                                  const Task& task,
                                  std::int64_t batch_size,
                                  std::int64_t count);

struct TestOptions {
  std::vector<double> times = {0};  // [s] in order
  std::int64_t count = 0;           // first examples used; 0: all
  std::int64_t batch_size = 50;
};

/// Programs chip `number` once, calibrates it with the inputs `calibration`, and tests it at each
/// of the times that is not in `done`. Calls `report` after each. Throws `Interrupted` when the
/// user asks to stop.
void test_chip(const ChipPlan& plan,
               const Task& task,
               const InputBatches& calibration,
               const TestOptions& options,
               std::int64_t number,
               const std::vector<double>& done,
               const std::function<void(const ChipResult&)>& report);

/// When, and on how many chips and inputs, products are looked at.
struct QualityOptions {
  double time = 0;            // [s] after programming
  std::int64_t chips = 1;     // from chip 1 on; powers are summed over them
  std::int64_t examples = 0;  // first inputs of the calibration; 0: all
};

/// Signal to noise of all products, those of two activations after the others, for inputs of
/// `calibration`.
std::vector<LayerQuality> layer_quality(const ChipPlan& plan,
                                        const InputBatches& calibration,
                                        const QualityOptions& options);

}  // namespace crossloom
