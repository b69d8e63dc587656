#include "crossloom/experiment/deployment_picture.h"

#include "crossloom/circuit/row_driver.h"

namespace crossloom {
namespace {

constexpr std::int64_t kBins = 50;
constexpr std::int64_t kExamples = 16;  // on which products are looked at

Json as_json(const Tensor& counts, double low, double high) {
  Json edges = Json::array();
  Json numbers = Json::array();
  for (std::int64_t i = 0; i <= kBins; ++i) {
    edges.push_back(low + (high - low) * static_cast<double>(i) / static_cast<double>(kBins));
  }
  for (std::int64_t i = 0; i < kBins; ++i) numbers.push_back(counts[i].item<double>());
  return {{"edges", edges}, {"counts", numbers}};
}

Tensor count(const Tensor& values, double low, double high) {
  return at::histc(values.flatten().to(at::kFloat), kBins, low, high).to(at::kDouble);
}

}  // namespace

Json picture_of_deployment(const ChipPlan& plan,
                           const InputBatches& calibration,
                           double time,
                           std::int64_t chips) {
  Tensor weights = at::zeros({kBins}, at::kDouble);
  Tensor conductances = at::zeros({kBins}, at::kDouble);
  double g_max = 0;
  for (const Placement& placement : plan.placements) {
    if (placement.is_analog) {
      g_max = std::max(g_max, 1e6 * placement.hardware.device.range().g_max);
    }
  }
  for (std::size_t i = 0; i < plan.placements.size(); ++i) {
    const Placement& placement = plan.placements[i];
    if (!placement.is_analog) continue;
    const Tensor w = plan.network.products()[i].weight.detach();
    const Tensor rows = w.flatten(1).to(at::kDouble);
    const Tensor edge = placement.w_max.dim() == 0 ? placement.w_max : placement.w_max.unsqueeze(1);
    weights += count(rows / edge, -1, 1);
    const Hardware& hardware = placement.hardware;
    const WeightMapping mapping(hardware.mapping, hardware.device.range(), placement.w_max);
    conductances += count(mapping.to_conductances(w) * 1e6, 0, g_max);
  }
  Json layers = Json::array();
  for (const LayerQuality& layer : layer_quality(plan, calibration, {time, chips, kExamples})) {
    layers.push_back(
        {{"name", layer.name}, {"own_snr_dB", layer.own}, {"total_snr_dB", layer.total}});
  }
  return {{"weights", as_json(weights, -1, 1)},
          {"conductances", as_json(conductances, 0, g_max)},
          {"time_s", time},
          {"chips", chips},
          {"layers", layers}};
}

Json picture_of_current_law(const Hardware& hardware) {
  const IvLaw law = hardware.device.iv_law();
  const Dac& dac = hardware.dac;
  if (is_linear(law, dac.v_read)) return nullptr;
  const Tensor v = at::linspace(-dac.v_read, dac.v_read, 101, at::kDouble);
  const Tensor current = law[0].shape(v) / dac.v_read;
  Json picture = {{"used_v", dac.v_full()}};
  for (std::int64_t i = 0; i < v.size(0); ++i) {
    picture["v"].push_back(v[i].item<double>());
    picture["current"].push_back(current[i].item<double>());
    picture["linear"].push_back(v[i].item<double>() / dac.v_read);
  }
  return picture;
}

}  // namespace crossloom
