#pragma once

#include <map>
#include <string>

#include "crossloom/crossbar/hardware.h"
#include "crossloom/mapping/differential_pair.h"

namespace crossloom {

/// Whether the inputs of a product can be negative. Known from the network, never from data.
enum class InputSign { kNonNegative, kSigned };

/// The circumstances of one read of a product.
struct ReadContext {
  double clock = 0;              // [s] time on the chip's clock
  Rng rng{0};                    // stream of this read
  std::int64_t first_image = 0;  // number of the first image of the batch within the stream
  RangeUse ranges = RangeUse::kFrozen;
};

/// A stored weight on crossbars: cells in differential pairs, cut into row tiles, with converters.
///
///   y[c, l] = x_max / v_read * weight_scale * sum over tiles (ADC(i_pos) - ADC(i_neg))
///
/// What acts, in this order: DAC (quantise, clip), cells (programming error, ageing, faults), read
/// noise, ADC (noise, quantise, clip), subtraction of the pair, digital sum over tiles. The mean
/// and the variance of the column currents cost one product each, with all tiles in one call; no
/// tensor of batch x rows x columns is ever made.
class AnalogProduct {
 public:
  /// Pristine cells; `place` is the stream of this chip and layer. `w_max` is the weight at the
  /// edge of the conductance window.
  AnalogProduct(const Hardware& hardware,
                const ProductGeometry& geometry,
                InputSign sign,
                double w_max,
                const Rng& place);

  const ProductGeometry& geometry() const { return geometry_; }
  const Tiling& tiling() const { return tiling_; }
  const Cells& cells() const { return cells_; }
  const DifferentialPair& mapping() const { return mapping_; }

  /// Weight of one level of the device; throws `ConfigError` when the device has no levels.
  double level_weight() const;

  /// Programs the weights where `mask` is true: cells whose target changes are written.
  ///
  ///   mask, w  as the weight [C, C_in, k, k] or [C, C_in]
  void write(const Tensor& mask, const Tensor& w, double clock, Rng& rng);

  /// Moves the weights by `num_pulses` blind pulses: on the positive cell where `w` is positive,
  /// with the opposite sign on the negative cell elsewhere.
  void pulse(const Tensor& num_pulses, const Tensor& w, double clock, Rng& rng);

  /// Conductances at the time `clock`, ageing and faults included: [2, weight shape], S.
  Tensor conductances(double clock) const;

  /// Weights that the conductances stand for at the time `clock`, without read noise.
  Tensor weights(double clock) const;

  /// The same as one read of every cell sees them.
  Tensor read_weights(double clock, Rng& rng) const;

  ///   x        [B, C_in, H, W]  or [B, C_in]
  ///   returns  [B, C, H', W']   or [B, C]
  Tensor forward(const Tensor& x, const ReadContext& context);

  /// The transposed product on the same cells, driven from the columns: what an on-array backward
  /// pass sees. Inputs are quantised by the DAC (range: their largest value), reads are noisy; the
  /// outputs are not quantised.
  ///
  ///   grad_output  as the output of `forward`
  ///   input_size   of the input of `forward`
  Tensor transposed(const Tensor& grad_output,
                    at::IntArrayRef input_size,
                    const ReadContext& context) const;

  /// Everything that changes, for checkpoints.
  std::map<std::string, Tensor> state() const;
  void load_state(const std::map<std::string, Tensor>& state);

 private:
  Tensor statistical_forward(const Tensor& x, const ReadContext& context) const;
  Tensor behavioural_forward(const Tensor& x, const ReadContext& context);
  void update_input_range(const Tensor& x, RangeUse use);
  void update_column_ranges(const Tensor& mean, RangeUse use);
  Tensor pack(const Tensor& per_cell) const;
  Tensor column_product(const Tensor& v, const Tensor& packed) const;
  void refresh(double clock);

  Hardware hardware_;
  ProductGeometry geometry_;
  InputSign sign_;
  Tiling tiling_;
  DifferentialPair mapping_;
  Cells cells_;          // [2, weight shape]: positive cells, negative cells
  Tensor input_range_;   // [1]  full scale of the DAC, in numbers
  Tensor column_range_;  // [T]  A  full scale of the ADCs

  // Conductances and read variances at `packed_clock_`, in the order of the product.
  double packed_clock_ = -1;
  Tensor packed_g_;
  Tensor packed_variance_;  // undefined: no read noise
};

}  // namespace crossloom
