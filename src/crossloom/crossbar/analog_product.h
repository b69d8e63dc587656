#pragma once

#include <map>
#include <string>

#include "crossloom/circuit/range_search.h"
#include "crossloom/crossbar/column_conversion.h"
#include "crossloom/crossbar/column_currents.h"
#include "crossloom/crossbar/converter_spread.h"
#include "crossloom/crossbar/weight_cells.h"

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

/// A stored weight on crossbars: slices of cells, cut into row tiles, with converters.
///
///   y[c, l] = x_max / v_full * weight_scale[c] * sum over tiles, slices and reads of
///             read_weight significance_s (ADC(i_pos) - ADC(i_neg))    digital subtraction
///             read_weight significance_s ADC(i_pos - i_neg)           analog subtraction
///             read_weight (significance_s ADC(i) - ADC(i_ref))        offset column, once a tile
///
/// What acts, in this order (docs/physics.md): DAC (quantise, clip, levels), current law of the
/// cells (programming error, ageing, faults), read noise, line resistance, sum over rows, ADC
/// (noise, gain, offset, quantise, clip), shift-and-add of the input bits, subtraction of the pair
/// or the reference, shift-and-add of the slices, sum over tiles, scales. The mean of the column
/// currents costs one product of matrices per slice and term of the current law (two with digital
/// subtraction) and so does their variance, unless all cells have the same read noise: then it is
/// that of one column. Images are taken in blocks, so that currents are converted out of the cache;
/// no tensor of batch x rows x columns is ever made.
///
/// At statistical fidelity the same weights, each with the noise of one read for the whole batch,
/// meet the inputs as the current law of the cells transforms them; with a linear law the inputs
/// are exact and not clipped.
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
  const WeightCells& weight_cells() const { return cells_; }
  Cells cells() const { return cells_.cells(); }
  std::int64_t num_cells() const { return cells_.num_cells(); }
  Tensor write_counts() const { return cells_.write_counts(); }
  const WeightMapping& mapping() const { return cells_.mapping(); }

  /// See `WeightCells`.
  double level_weight() const { return cells_.level_weight(); }
  void write(const Tensor& mask, const Tensor& w, double clock, Rng& rng);
  void pulse(const Tensor& num_pulses, const Tensor& w, double clock, Rng& rng);

  /// Conductances at the time `clock`, ageing and faults included: [S, P, weight shape], in S.
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
  /// outputs are not quantised. Where Newton's method finds the currents of `forward`, the lines
  /// are left out here.
  ///
  ///   grad_output  as the output of `forward`
  ///   input_size   of the input of `forward`
  Tensor transposed(const Tensor& grad_output,
                    at::IntArrayRef input_size,
                    const ReadContext& context) const;

  /// Full scale of the DAC, in numbers; zero before any were seen, unless it is fixed.
  double input_range() const { return input_range_.item<double>(); }

  /// Forgets the ranges that converters found, so that the next values set them.
  void reset_ranges();

  /// Sets the ranges to those of `other`, a product of the same shape.
  void take_ranges(const AnalogProduct& other);

  /// Everything that changes, for checkpoints.
  std::map<std::string, Tensor> state() const;
  void load_state(const std::map<std::string, Tensor>& state);

 private:
  Tensor statistical_forward(const Tensor& x, const ReadContext& context);
  Tensor behavioural_forward(const Tensor& x, const ReadContext& context);
  void read_block(const Tensor& x, const ReadContext& context, Tensor& sum);
  void subtract_references(const Tensor& of_references, Tensor& sum) const;
  void update_input_range(const Tensor& x, const ReadContext& context);
  double learn_input_range(const Tensor& x, double clock);
  bool column_range_moves(double range, RangeUse use) const;
  void update_column_ranges(std::int64_t tile,
                            const ColumnCurrents::OfTile& currents,
                            RangeUse use);
  double learn_column_range(std::size_t converter, const Tensor& mean);
  Adc::Polarity column_polarity() const;
  void refresh(double clock);

  enum class Columns { kWeights, kReferences };
  std::vector<ColumnGroup> groups_of(const Currents& currents,
                                     std::int64_t tile,
                                     const ConverterSpread::Errors& errors,
                                     Columns columns) const;

  Hardware hardware_;
  ProductGeometry geometry_;
  InputSign sign_;
  Tiling tiling_;
  WeightCells cells_;
  ConverterSpread spread_;
  Tensor input_range_;   // [1]     full scale of the DAC, in numbers
  Tensor column_range_;  // [S, T]  A  full scale of the ADCs; those of references are a further row
  std::vector<RangeSearch> input_search_;  // none until it is learned
  std::vector<RangeSearch>
      column_search_;  // one for each of `column_range_`, once they are learned

  ColumnCurrents currents_;  // of the cells at `summed_clock_`
  double summed_clock_ = -1;
};

}  // namespace crossloom
