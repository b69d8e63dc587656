#include "crossloom/evaluation/cost.h"

namespace crossloom {

void OperationCost::describe(ParamList& params) {
  params.add("conversion_time",
             conversion_time,
             {0, 1},
             "s",
             "of one column, inputs included: 9 cycles at 100 MHz (arXiv:2305.14547); an operation "
             "takes adc.columns_per_adc of them");
  params.add("tile_op_energy",
             energy,
             {0, 1},
             "J",
             "one operation of one crossbar: 2.66 nJ for 64 x 64, 2.93 nJ for 256 x 64 "
             "(arXiv:2305.14547)");
}

ChipCost count_cost(const Network& network,
                    const Hardware& hardware,
                    const OperationCost& operation) {
  const auto sizes = network.output_sizes();
  ChipCost cost;
  cost.total.name = "total";
  for (std::size_t node = 0; node < network.nodes().size(); ++node) {
    if (network.nodes()[node].product < 0) continue;
    const ProductGeometry& geometry =
        network.products()[static_cast<std::size_t>(network.nodes()[node].product)].geometry;
    const Tiling tiling = tile_product(geometry, hardware.array, hardware.mapping.footprint());
    const std::int64_t positions = c10::multiply_integers(sizes[node]) / geometry.out_channels;
    ProductCost product;
    product.name = network.nodes()[node].name;
    product.devices = tiling.used_cells;
    product.flops = 2 * geometry.num_weights() * positions;
    product.crossbars = tiling.num_crossbars;
    product.cells = tiling.all_cells;
    product.ops = positions;
    product.tile_ops = positions * product.crossbars;
    cost.products.push_back(product);
    cost.total.devices += product.devices;
    cost.total.flops += product.flops;
    cost.total.crossbars += product.crossbars;
    cost.total.cells += product.cells;
    cost.total.ops += product.ops;
    cost.total.tile_ops += product.tile_ops;
  }
  const auto conversions = static_cast<double>(cost.total.ops * hardware.adc.columns_per_adc);
  cost.latency = conversions * operation.conversion_time;
  cost.energy = static_cast<double>(cost.total.tile_ops) * operation.energy;
  return cost;
}

Json to_json(const ChipCost& cost) {
  const auto row = [](const ProductCost& product) {
    return Json{{"name", product.name},
                {"devices", product.devices},
                {"flops", product.flops},
                {"crossbars", product.crossbars},
                {"cells", product.cells},
                {"ops", product.ops},
                {"tile_ops", product.tile_ops}};
  };
  Json json = {{"products", Json::array()},
               {"total", row(cost.total)},
               {"latency_s", cost.latency},
               {"energy_J", cost.energy}};
  for (const ProductCost& product : cost.products) json["products"].push_back(row(product));
  return json;
}

}  // namespace crossloom
