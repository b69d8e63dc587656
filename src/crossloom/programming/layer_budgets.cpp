#include "crossloom/programming/layer_budgets.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "crossloom/core/errors.h"
#include "crossloom/programming/rows.h"

namespace crossloom {

std::vector<std::int64_t> layer_budgets(const std::vector<LayerSensitivity>& layers,
                                        double mean_budget) {
  double harm = 0;
  double num_weights = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const LayerSensitivity& layer = layers[i];
    if (!(layer.curvature > 0) || !std::isfinite(layer.curvature)) {
      throw ConfigError("layer " + std::to_string(i) + " has the sensitivity " +
                        std::to_string(layer.curvature) +
                        " (a budget goes with its inverse root); give positive finite ones");
    }
    const auto count = static_cast<double>(layer.num_weights);
    harm += count * layer.curvature * layer.lsb * layer.lsb;
    num_weights += count;
  }
  const double k = mean_budget * std::sqrt(harm / num_weights);
  std::vector<std::int64_t> budgets;
  for (const LayerSensitivity& layer : layers) {
    const double budget = std::floor(k / (layer.lsb * std::sqrt(layer.curvature)) + 1e-9);
    budgets.push_back(static_cast<std::int64_t>(std::min(budget, static_cast<double>(kMaxBudget))));
  }
  return budgets;
}

}  // namespace crossloom
