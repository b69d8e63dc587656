#include "crossloom/network/inventory.h"

#include "crossloom/network/shapes.h"

namespace crossloom {
namespace {

std::string kind_of(const ProductGeometry& geometry) {
  if (geometry.kind == ProductGeometry::Kind::kLinear) return "linear";
  if (geometry.is_depthwise()) return "depthwise";
  return geometry.groups > 1 ? "grouped" : "conv";
}

double utilisation(std::int64_t num_weights, std::int64_t num_crossbars, const ArraySize& array) {
  const auto num_cells = static_cast<double>(array.num_rows * array.num_cols);
  if (num_crossbars == 0) return 0;
  return 2 * static_cast<double>(num_weights) / (static_cast<double>(num_crossbars) * num_cells);
}

void add_crossbars(const ProductGeometry& geometry, const ArraySize& array, LayerInventory& layer) {
  const Tiling tiling = tile_product(geometry, array);
  layer.num_crossbars = tiling.num_crossbars;
  layer.utilisation = tiling.utilisation();
}

}  // namespace

std::vector<LayerInventory> take_inventory(const Network& network, const ArraySize& array) {
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
    add_crossbars(stored.geometry, array, layer);
    layers.push_back(layer);
  }
  return layers;
}

LayerInventory total(const std::vector<LayerInventory>& layers, const ArraySize& array) {
  LayerInventory sum;
  sum.name = "total";
  std::int64_t num_weights = 0;
  for (const LayerInventory& layer : layers) {
    sum.num_parameters += layer.num_parameters;
    sum.num_products += layer.num_products;
    sum.num_crossbars += layer.num_crossbars;
    num_weights += c10::multiply_integers(layer.weight_sizes);
  }
  sum.utilisation = utilisation(num_weights, sum.num_crossbars, array);
  return sum;
}

}  // namespace crossloom
