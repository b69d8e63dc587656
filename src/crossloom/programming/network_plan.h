#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "crossloom/programming/plan.h"

namespace crossloom {

/// Called after each layer with the number of layers planned so far.
using LayerDone = std::function<void(std::size_t done)>;

/// Plans the layers of `network` (names and weights [outputs, inputs]) one after another.
/// With a `path` the plan is written there, whole or not at all.
PlanCost plan_network(const std::vector<std::pair<std::string, Tensor>>& network,
                      const CrossbarPool& pool,
                      const PlanOptions& options,
                      const WriteCost& write_cost,
                      const std::filesystem::path& path,
                      const LayerDone& layer_done);

}  // namespace crossloom
