#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "crossloom/circuit/row_driver.h"
#include "crossloom/crossbar/weight_error.h"
#include "crossloom/network/chip.h"

namespace crossloom {

/// A chip as training sees it: differentiable, at about the price of the exact network.
///
///   y = sum_k W_k * T_k(x) + noise
///
/// T_k is what the DAC and term k of the cells' current law make of the inputs
/// (`RowDriver::transform`), W_0 the weights with the errors that cells have `elapsed` after
/// programming (`WeightErrorLaw`), W_k what the further terms see of them. The noise is that of the
/// amplifiers in front of the ADCs, which a shrunk range makes larger. All of it is taken from the
/// hardware that evaluation simulates cell by cell, of each product its own, with the steps of the
/// DAC; steps of the ADCs and clipping at their ends are left out.
///
/// Products that are digital stay exact.
class ChipModel {
 public:
  /// `placements`, one for each product of `network`; windows are those of the weights at each
  /// pass. `drive_scale` multiplies the read voltage: a current law other than the chip's, on
  /// purpose. Throws `ConfigError` when a device has no law at `elapsed` [s].
  ChipModel(const Network& network,
            const std::vector<Placement>& placements,
            double elapsed,
            double drive_scale,
            std::uint64_t seed);

  /// Sets the full scale of each DAC by what the exact `network` has at its inputs for `x`; after
  /// the first time moves towards it by `kRangeMomentum`. Fixed ranges stay.
  void observe_inputs(const Network& network, const Tensor& x);
  static constexpr double kRangeMomentum = 0.2;

  /// Second moments of the inputs and outputs of the analog products of one pass.
  struct Activity {
    std::vector<Tensor> inputs;   // [C_in]  mean of x^2 behind the DAC, without gradients
    std::vector<Tensor> outputs;  // []      mean of y^2 of one output, with gradients
  };

  /// How a pass goes over the model.
  struct Draw {
    Rng rng{0};              // of the errors of its cells
    Rng amplifiers{1};       // of the noise of its amplifiers
    double error = 1;        // factor of the errors of weights
    double drive = 1;        // factor of the range that is used (annealing)
    bool is_linear = false;  // the current law is left out
    // Each output has a gain and an offset of its own: of the line, in this batch, from what the
    // chip gives to the exact product of the same inputs.
    bool corrects_columns = false;
    Activity* activity = nullptr;  // is filled
  };

  /// The products of a pass, of the weights in `stored`, which must outlive it.
  Network::Products products(const std::vector<StoredProduct>& stored, const Draw& draw) const;

  /// Sums over the analog products of
  ///
  ///   state            [sum_i mean_i^2 + sigma_i^2] / ||W||^2, by the smooth law of the states;
  ///                    the windows and norms are held fixed
  ///   noise to signal  the same, by the windows and the norms; the states are held fixed
  ///   activity         sum_ij var_ij E[x_j^2] / E[y^2] over outputs, as noise to signal
  Tensor state_penalty(const std::vector<StoredProduct>& stored) const;
  Tensor noise_to_signal(const std::vector<StoredProduct>& stored) const;
  Tensor activity_penalty(const std::vector<StoredProduct>& stored, const Activity& activity) const;

  /// Makes the share of the range that each product drives, or the full scale of its DAC, a
  /// parameter; returns those of the analog products.
  std::vector<Tensor> learn_shares();
  std::vector<Tensor> learn_ranges();

  /// Keeps learned values in bounds: shares within 0.02 … 1, ranges above zero.
  void constrain();

  /// Whether the ranges of all analog products are known.
  bool has_ranges() const;

  bool is_analog(std::size_t index) const { return is_analog_.at(index); }
  /// Share of the read voltage that the largest input of a product drives; full scale of its DAC.
  double range_use(std::size_t index) const;
  double input_range(std::size_t index) const;
  const WeightErrorLaw& errors(std::size_t index) const { return *kind_of(index).errors; }

  TensorMap state() const;
  void load_state(const TensorMap& state);

 private:
  /// What products of one hardware have in common.
  struct Kind {
    Hardware hardware;
    RowDriver driver;
    std::size_t num_terms;  // of the current law
    bool is_linear;
    double noise_of_weight;  // see `amplifier_sigma`
    std::shared_ptr<const WeightErrorLaw> errors;

    Kind(const Hardware& hardware, double elapsed, std::uint64_t seed);
    RowDriver driver_of(const Draw& draw) const;
    Tensor window(const Tensor& weight) const;
    Tensor with_error(const Tensor& weight, const Tensor& w_max, double scale, Rng& rng) const;
    /// Of the errors of a weight, by its window.
    Tensor variance(const Tensor& weight) const;
    Tensor amplifier_sigma(const ProductGeometry& geometry,
                           const Tensor& w_max,
                           const Tensor& range,
                           const Tensor& use) const;
  };

  const Kind& kind_of(std::size_t index) const { return kinds_.at(kind_of_.at(index)); }
  /// Of an analog product.
  Tensor product(const StoredProduct& stored,
                 std::size_t index,
                 const Tensor& x,
                 const RowDriver& driver,
                 const Draw& draw) const;
  Tensor sum_over_analog(const std::function<Tensor(std::size_t index)>& part) const;
  std::vector<Tensor> learn(std::vector<Tensor>& values) const;

  std::vector<Kind> kinds_;
  std::vector<std::size_t> kind_of_;  // each product
  std::vector<bool> is_analog_;
  std::vector<Tensor> ranges_;  // [] each; zero before any input was seen
  std::vector<Tensor> shares_;  // [] each; one unless learned
};

}  // namespace crossloom
