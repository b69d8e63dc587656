#pragma once

#include <functional>
#include <optional>

#include "crossloom/network/network.h"
#include "crossloom/programming/network_plan.h"
#include "crossloom/programming/replay.h"

namespace crossloom {

/// The products of `network` as layers to plan, in the order they are computed. `network` must
/// outlive it.
WeightSource product_source(const Network& network);

/// A copy of `network` whose products have the weights that plans program, layer by layer: what the
/// network computes when it is streamed through a chip without other errors.
class PlannedNetwork {
 public:
  PlannedNetwork(const Network& network, const PlanOptions& options);

  /// Takes over the weights of the next layer.
  void add(const LayerPlan& plan);

  const Network& network() const { return network_; }

 private:
  Network network_;
  PlanOptions options_;
  std::size_t next_ = 0;
};

/// How the integer products of a replay compare with those of the codes themselves.
struct ReplayCheck {
  std::int64_t num_products = 0;     // integers compared
  std::int64_t num_differences = 0;  // that are not those of the planned weights
  std::int64_t largest_error = 0;    // steps by which a planned weight is off its code
  Writes writes;                     // cells written, first load included
};

/// Executes a network of which every product is streamed through simulated cells, by a plan.
///
/// The inputs of a product become integers, `input_bits` bits with their sign and a scale for the
/// batch; the plan's indices route them to the rows of its sections, and the column sums come back
/// as outputs. Each product is compared with the exact product of the same integers and the weights
/// that the plan is said to program.
class PlanExecution {
 public:
  /// Gives the plan of the next layer; nothing behind the last.
  using NextPlan = std::function<std::optional<LayerPlan>()>;

  PlanExecution(const CrossbarPool& pool,
                const PlanOptions& options,
                std::int64_t input_bits,
                NextPlan next);

  /// Outputs for one batch. Each section is loaded once and serves all of it; for the next batch
  /// the plan begins anew, with another object.
  std::vector<Tensor> forward(const Network& network, const std::vector<Tensor>& inputs);

  const ReplayCheck& check() const { return check_; }

 private:
  Tensor product(const StoredProduct& stored, const Tensor& x);

  PlanOptions options_;
  std::int64_t input_bits_;
  NextPlan next_;
  Replay replay_;
  ReplayCheck check_;
};

/// The rows of a product's inputs, as the weights [outputs, inputs] of each group meet them.
///
///   x        [B, C_in, H, W]  or [..., C_in]
///   returns  [B * positions, groups * inputs]
Tensor product_rows(const Tensor& x, const ProductGeometry& geometry);

}  // namespace crossloom
