#pragma once

#include <vector>

#include "crossloom/core/params.h"
#include "crossloom/device/device_model.h"

namespace crossloom {

/// Measured ageing: how far cells have moved, on average and by what spread, over the conductance
/// right after the write, the time since, and the temperature.
///
///   g(t) = g + mean(g, t) + sigma(g, t) q(xi(t), g)
///
/// Linear between the entries in g, log t and 1 / T, constant beyond the conductances. Before the
/// first time t_1 both moments are (t / t_1)^early_exponent of those at t_1. The deviate xi is a
/// standard normal path of each write: its values at `path_times` are a Markov chain of the
/// correlations `path_correlations` from each to the next; between them it is linear in log t, at
/// unit variance. q is the quantile function of the moves, of mean 0 and variance 1; the identity,
/// that is Gaussian moves, where there is no `shape`.
struct AgeingTable {
  std::vector<double> conductances;       // [B]      S  ascending
  std::vector<double> temperatures;       // [T]      K  ascending; empty: any, T = 1
  std::vector<double> times;              // [T * K]  s  ascending for each temperature
  std::vector<double> mean;               // [T * K * B]  S
  std::vector<double> sigma;              // [T * K * B]  S
  std::vector<double> path_times;         // [P]      s  ascending; empty: one deviate for all times
  std::vector<double> path_correlations;  // [P - 1]  1
  std::vector<double> shape;              // [B * 17]  1  q at xi = -4, -3.5 ... 4
  double early_exponent = 0.2;            // 1

  /// Deviates at which `shape` is given.
  static constexpr int kShapeNodes = 17;
  static constexpr double kShapeReach = 4;

  void describe(ParamList& params);

  bool is_empty() const { return conductances.empty(); }

  /// Throws `ConfigError` when the lists do not fit together.
  void validate() const;

  /// Longest time that is known at `temperature` [K]. Throws `ConfigError` outside of the
  /// temperatures.
  double max_elapsed(double temperature) const;

  /// Mean and standard deviation [S] of the moves of cells of `g` [S] after `elapsed` [s], of
  /// shapes that broadcast, at `temperature` [K].
  struct Moments {
    Tensor mean;
    Tensor sigma;
  };
  Moments moments(const Tensor& g, const Tensor& elapsed, double temperature) const;

  /// Values of the path of a write, standard normal.
  Latents draw_path(at::IntArrayRef sizes, Rng& rng) const;

  /// Conductance [S], never negative, of cells written to `g` [S].
  Tensor age(const Tensor& g,
             const Tensor& elapsed,
             const Latents& latent,
             double temperature) const;

 private:
  struct Between {
    std::size_t below;  // temperature
    double share;       // of the one above
  };

  std::size_t num_times() const;
  Between between(double temperature) const;
  Moments at_temperature(std::size_t index, const Tensor& g_position, const Tensor& elapsed) const;
  Tensor deviate(const Tensor& elapsed, const Latents& latent) const;
};

}  // namespace crossloom
