#pragma once

#include <cstdint>
#include <vector>

#include "crossloom/programming/plan.h"

namespace crossloom {

/// Executes a plan on simulated cells, in integers: what a chip without errors would compute.
///
/// Each section is programmed into its crossbar, only cells that differ are written; then its rows
/// are driven with the activations that the plan's indices name, and what the cells hold is summed
/// into the plan's outputs. Nothing but the plan is looked at, so a product equal to that of the
/// network's own integers says that the plan is right.
class Replay {
 public:
  Replay(const CrossbarPool& pool, const PlanOptions& options);

  /// The product of the next layer. Layers must come in the order they were planned. Outputs that
  /// see only their own group's inputs (grouped convolutions) take the groups side by side.
  ///
  ///   x        [B, groups * inputs]  1  int64
  ///   returns  [B, outputs]          1  int64
  Tensor product(const LayerPlan& plan, const Tensor& x);

  /// Cells written so far, first load included.
  Writes writes() const { return writes_; }

 private:
  void program(std::int64_t cells, std::uint32_t word);
  std::uint32_t read(std::int64_t cells) const;

  CrossbarPool pool_;
  PlanOptions options_;
  std::int64_t num_cols_;
  std::vector<std::uint8_t> levels_;  // [crossbars, rows, columns]
  Writes writes_;
};

}  // namespace crossloom
