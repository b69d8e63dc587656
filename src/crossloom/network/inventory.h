#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "crossloom/network/chip.h"

namespace crossloom {

/// What one stored product needs.
struct LayerInventory {
  std::string name;
  std::string kind;                        // conv, grouped, depthwise or linear
  std::vector<std::int64_t> weight_sizes;  // as stored
  std::vector<std::int64_t> output_sizes;  // of one example
  std::int64_t num_parameters = 0;         // weights and biases
  std::int64_t num_products = 0;           // multiply-accumulates for one example
  bool is_analog = true;                   // otherwise it needs no crossbars
  std::int64_t num_crossbars = 0;
  std::int64_t used_cells = 0;  // that hold a part of a weight
  std::int64_t all_cells = 0;   // of these crossbars

  /// Share of the cells that are used; 0 without any.
  double utilisation() const;
};

/// The stored products of `network`, in the order of its nodes, where
/// `placements` has them. Throws `ConfigError` when a weight does not fit into
/// a crossbar.
std::vector<LayerInventory> take_inventory(const Network& network,
                                           const std::vector<Placement>& placements);

/// The same with all of them on crossbars of `array`, in pairs of cells.
std::vector<LayerInventory> take_inventory(const Network& network, const ArraySize& array);

/// The sum of `layers`.
LayerInventory total(const std::vector<LayerInventory>& layers);

}  // namespace crossloom
