#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "crossloom/mapping/geometry.h"
#include "crossloom/network/network.h"

namespace crossloom {

/// What one stored product needs.
struct LayerInventory {
  std::string name;
  std::string kind;                        // conv, grouped, depthwise or linear
  std::vector<std::int64_t> weight_sizes;  // as stored
  std::vector<std::int64_t> output_sizes;  // of one example
  std::int64_t num_parameters = 0;         // weights and biases
  std::int64_t num_products = 0;           // multiply-accumulates for one example
  std::int64_t num_crossbars = 0;
  double utilisation = 0;  // cells that hold a weight / cells of these crossbars
};

/// The stored products of `network`, in the order of its nodes, on crossbars of `array`. Throws
/// `ConfigError` when a kernel does not fit into one.
std::vector<LayerInventory> take_inventory(const Network& network, const ArraySize& array);

/// The sum of `layers`.
LayerInventory total(const std::vector<LayerInventory>& layers, const ArraySize& array);

}  // namespace crossloom
