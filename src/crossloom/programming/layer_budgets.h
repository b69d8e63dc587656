#pragma once

#include <cstdint>
#include <vector>

namespace crossloom {

/// What an error in a layer's weights costs.
struct LayerSensitivity {
  std::int64_t num_weights = 0;
  double lsb = 0;        // weight per step; of the outputs' steps their root mean square
  double curvature = 0;  // mean second derivative of the loss by a weight: the diagonal of the
                         // Hessian, or in its place the mean squared input of the layer
};

/// Error budgets of layers [steps], so that errors lie where they are cheap.
///
///   e_l = k / (lsb_l sqrt(curvature_l)),   sum over l of n_l curvature_l (lsb_l e_l)^2 as for
///                                          e_l = mean_budget everywhere
///
/// The harm of layer l is half its curvature times the squared errors, which grow with (lsb e)^2. A
/// doubled budget saves about the same part of the writes in every layer, so that savings go with
/// n_l log e_l; their largest sum at a given harm is where n_l curvature_l (lsb_l e_l)^2 / n_l is
/// equal in all layers. Budgets are rounded down and end at `kMaxBudget`.
///
/// Throws `ConfigError` when a curvature is not positive and finite.
std::vector<std::int64_t> layer_budgets(const std::vector<LayerSensitivity>& layers,
                                        double mean_budget);

}  // namespace crossloom
