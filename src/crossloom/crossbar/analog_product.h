#pragma once

#include <map>
#include <string>

#include "crossloom/circuit/range_search.h"
#include "crossloom/crossbar/column_conversion.h"
#include "crossloom/crossbar/column_sums.h"
#include "crossloom/crossbar/hardware.h"

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

/// A stored weight on crossbars: slices of differential pairs, cut into row tiles, with converters.
///
///   y[c, l] = x_max / v_read * weight_scale[c] * sum over tiles and slices of
///             significance_s (ADC(i_pos) - ADC(i_neg))       digital subtraction
///             significance_s ADC(i_pos - i_neg)              analog subtraction
///
/// What acts, in this order: DAC (quantise, clip), cells (programming error, ageing, faults), read
/// noise, ADC (noise, quantise, clip), subtraction of the pair, shift-and-add of the slices, sum
/// over tiles. The mean of the column currents costs one product per slice (two with digital
/// subtraction) and so does their variance, unless all cells have the same read noise: then it is
/// that of one column. Images are taken in blocks, so that currents are converted out of the cache;
/// no tensor of batch x rows x columns is ever made.
class AnalogProduct {
 public:
  /// Pristine cells; `place` is the stream of this chip and layer. `w_max`, [] or [C], is the
  /// weight at the edge of the conductance window.
  AnalogProduct(const Hardware& hardware,
                const ProductGeometry& geometry,
                InputSign sign,
                const Tensor& w_max,
                const Rng& place);

  const ProductGeometry& geometry() const { return geometry_; }
  const Tiling& tiling() const { return tiling_; }
  const Cells& cells() const { return cells_; }
  const WeightMapping& mapping() const { return mapping_; }

  /// The smallest change of a weight that its cells are made for: one step of the slices or,
  /// without slices, one level of the device. Throws `ConfigError` when there is neither.
  double level_weight() const;

  /// Programs the weights where `mask` is true: cells whose target changes are written.
  ///
  ///   mask, w  as the weight [C, C_in, k, k] or [C, C_in]
  void write(const Tensor& mask, const Tensor& w, double clock, Rng& rng);

  /// Moves the weights by `num_pulses` blind pulses: on the positive cell where `w` is positive,
  /// with the opposite sign on the negative cell elsewhere. Throws `ConfigError` when a weight has
  /// several slices.
  void pulse(const Tensor& num_pulses, const Tensor& w, double clock, Rng& rng);

  /// Conductances at the time `clock`, ageing and faults included: [S, 2, weight shape], in S.
  Tensor conductances(double clock) const;

  /// Weights that the conductances stand for at the time `clock`, without read noise.
  Tensor weights(double clock) const;

  /// The same as one read of every cell sees them.
  Tensor read_weights(double clock, Rng& rng) const;

  ///   x        [B, C_in, H, W]  or [B, ..., C_in]
  ///   returns  [B, C, H', W']   or [B, ..., C]
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

  /// Forgets the ranges that converters found, so that the next values set them.
  void reset_ranges();

  /// Sets the ranges to those of `other`, a product of the same shape.
  void take_ranges(const AnalogProduct& other);

  /// Everything that changes, for checkpoints.
  std::map<std::string, Tensor> state() const;
  void load_state(const std::map<std::string, Tensor>& state);

 private:
  Tensor statistical_forward(const Tensor& x, const ReadContext& context) const;
  Tensor behavioural_forward(const Tensor& x, const ReadContext& context);
  void read_block(const Tensor& x, const ReadContext& context, Tensor& sum);
  void update_input_range(const Tensor& x, const ReadContext& context);
  double learn_input_range(const Tensor& x, double clock);
  bool column_range_moves(double range, RangeUse use) const;
  void update_column_ranges(std::int64_t tile, const std::vector<Tensor>& means, RangeUse use);
  double learn_column_range(std::size_t converter, const Tensor& mean);
  Adc::Polarity column_polarity() const;
  void refresh(double clock);

  ColumnSums sums_of_variance(const Tensor& variance) const;
  std::vector<ColumnGroup> read_columns(const Drive& drive, std::int64_t tile, RangeUse use);

  /// What is converted of a pair: the difference of its columns, or both.
  std::int64_t columns_per_pair() const {
    return hardware_.adc.subtraction == PairSubtraction::kAnalog ? 1 : 2;
  }

  Hardware hardware_;
  ProductGeometry geometry_;
  InputSign sign_;
  Tiling tiling_;
  WeightMapping mapping_;
  Cells cells_;                             // [S, 2, weight shape]: positive cells, negative cells
  Tensor input_range_;                      // [1]     full scale of the DAC, in numbers
  Tensor column_range_;                     // [S, T]  A  full scale of the ADCs
  std::vector<RangeSearch> input_search_;   // none until it is learned
  std::vector<RangeSearch> column_search_;  // S T of them, once they are learned

  // Sums of the columns and of their read variances at `summed_clock_`.
  double summed_clock_ = -1;
  ColumnSums means_;
  ColumnSums variances_;  // empty: no read noise
};

}  // namespace crossloom
