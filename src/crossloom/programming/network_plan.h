#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "crossloom/programming/plan.h"

namespace crossloom {

/// The weights of a network, one layer at a time, so that a network may be larger than the memory.
struct WeightSource {
  std::vector<std::string> names;                    // of the layers
  std::function<Tensor(std::size_t index)> weights;  // [outputs, inputs]  the same at each call

  /// With the bits and the scale of `options`.
  LayerCodes codes(std::size_t index, const PlanOptions& options) const {
    return quantise(names[index], weights(index), options.bits, options.scale);
  }
};

/// The layers of a list of names and weights [outputs, inputs].
WeightSource source_of(const std::vector<std::pair<std::string, Tensor>>& network);

/// `checksum` of the codes of all layers.
std::string checksum(const WeightSource& network, const PlanOptions& options);

/// How a network is planned, and where the plan goes.
struct NetworkPlanRequest {
  CrossbarPool pool;
  PlanOptions options;
  WriteCost write_cost;
  std::vector<std::int64_t> budgets;  // [layers]  steps; empty: that of the options for all
  std::filesystem::path path;         // plan file; empty: none
  bool may_resume = false;            // go on with what there is of the file
};

/// Told of the layer at work and how many of its sections are done; by one thread at a time.
using PlanProgress = std::function<void(std::size_t layer, std::int64_t sections)>;

/// Sees the plan of each layer, in order.
using PlanUse = std::function<void(const LayerPlan& plan)>;

/// Plans the layers of `network` one after another. A plan file appears whole or not at all; what
/// was done of it when the work was stopped or killed is kept beside it, layer by layer, and
/// `may_resume` goes on from there: the file and the costs are those of a plan made at once. Throws
/// `ConfigError` when an unfinished plan is in the way, or belongs to another network, pool or
/// options; `Interrupted` when the user asks to stop.
PlanCost plan_network(const WeightSource& network,
                      const NetworkPlanRequest& request,
                      const PlanProgress& progress = {},
                      const PlanUse& use = {});

}  // namespace crossloom
