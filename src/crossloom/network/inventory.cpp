#include "crossloom/network/inventory.h"

#include "crossloom/network/shapes.h"

namespace crossloom {
namespace {

std::string kind_of(const ProductGeometry& geometry) {
  if (geometry.kind == ProductGeometry::Kind::kLinear) return "linear";
  if (geometry.is_depthwise()) return "depthwise";
  return geometry.groups > 1 ? "grouped" : "conv";
}

void add_crossbars(const ProductGeometry& geometry,
                   const Placement& placement,
                   LayerInventory& layer) {
  layer.is_analog = placement.is_analog;
  if (!placement.is_analog) return;
  const Hardware& hardware = placement.hardware;
  const Tiling tiling = tile_product(geometry, hardware.array, hardware.mapping.footprint());
  layer.num_crossbars = tiling.num_crossbars;
  layer.used_cells = tiling.used_cells;
  layer.all_cells = tiling.all_cells;
}

}  // namespace

double LayerInventory::utilisation() const {
  return all_cells > 0 ? static_cast<double>(used_cells) / static_cast<double>(all_cells) : 0;
}

std::vector<LayerInventory> take_inventory(const Network& network,
                                           const std::vector<Placement>& placements) {
  const std::vector<std::vector<std::int64_t>> shapes = find_shapes(network);
  std::vector<LayerInventory> layers;
  for (std::size_t i = 0; i < network.nodes().size(); ++i) {
    const Node& node = network.nodes()[i];
    if (node.product < 0) continue;
    const StoredProduct& stored = network.products()[static_cast<std::size_t>(node.product)];
    LayerInventory layer;
    layer.name = node.name;
    layer.kind = kind_of(stored.geometry);
    layer.weight_sizes = stored.geometry.weight_sizes();
    layer.output_sizes.assign(shapes[i].begin() + 1, shapes[i].end());
    layer.num_parameters =
        stored.weight.numel() + (stored.has_bias ? stored.geometry.out_channels : 0);
    layer.num_products = stored.geometry.num_rows() * c10::multiply_integers(layer.output_sizes);
    add_crossbars(stored.geometry, placements.at(static_cast<std::size_t>(node.product)), layer);
    layers.push_back(layer);
  }
  return layers;
}

std::vector<LayerInventory> take_inventory(const Network& network, const ArraySize& array) {
  Placement placement;
  placement.hardware.array = array;
  return take_inventory(network, std::vector<Placement>(network.products().size(), placement));
}

LayerInventory total(const std::vector<LayerInventory>& layers) {
  LayerInventory sum;
  sum.name = "total";
  for (const LayerInventory& layer : layers) {
    sum.num_parameters += layer.num_parameters;
    sum.num_products += layer.num_products;
    sum.num_crossbars += layer.num_crossbars;
    sum.used_cells += layer.used_cells;
    sum.all_cells += layer.all_cells;
  }
  return sum;
}

}  // namespace crossloom
