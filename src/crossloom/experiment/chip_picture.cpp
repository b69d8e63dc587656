#include "crossloom/experiment/chip_picture.h"

namespace crossloom {
namespace {

/// [S, 2, C, C_in, k, k] -> [rows, C S 2]: the cells as they stand in the crossbars, the pairs of a
/// weight side by side.
Tensor as_crossbar(const Tensor& cells) {
  const Tensor flat = cells.flatten(3);  // [S, 2, C, rows]
  return flat.permute({3, 2, 0, 1}).reshape({flat.size(3), -1});
}

Json writes_histogram(const Tensor& counts) {
  const std::int64_t largest = counts.max().item<std::int64_t>();
  const std::int64_t width = std::max<std::int64_t>(1, (largest + 60) / 60);
  const std::int64_t bins = largest / width + 1;
  const Tensor binned = at::bincount(counts.flatten().to(at::kLong).div(width, "floor"), {}, bins);
  Json edges = Json::array();
  Json numbers = Json::array();
  for (std::int64_t i = 0; i < bins; ++i) {
    edges.push_back(i * width);
    numbers.push_back(binned[i].item<std::int64_t>());
  }
  edges.push_back(bins * width);
  return {{"edges", edges}, {"counts", numbers}};
}

}  // namespace

Json picture_of_chip(const TrainingMethod& method) {
  const Chip* chip = method.chip();
  if (chip == nullptr) return nullptr;
  Json products = Json::array();
  for (std::size_t i = 0; i < chip->products().size(); ++i) {
    const AnalogProduct& product = chip->products()[i];
    const Tensor g = as_crossbar(product.conductances(chip->clock())) * 1e6;  // [uS]
    const Tensor writes = product.write_counts();
    Json map = Json::array();
    const bool is_small = g.numel() <= 40000;  // larger maps say nothing on a screen
    for (std::int64_t k = 0; is_small && k < g.numel(); ++k) {
      map.push_back(std::round(1000.0 * g.reshape(-1)[k].item<double>()) / 1000);
    }
    products.push_back({{"name", method.network().product_name(i)},
                        {"rows", g.size(0)},
                        {"cols", g.size(1)},
                        {"conductances_uS", map},
                        {"writes", writes_histogram(writes)},
                        {"mean_writes", writes.to(at::kDouble).mean().item<double>()},
                        {"max_writes", writes.max().item<std::int64_t>()}});
  }
  return {{"products", products}};
}

}  // namespace crossloom
