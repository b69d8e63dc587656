#include "crossloom/crossbar/analog_product.h"

#include "crossloom/crossbar/column_conversion.h"

namespace crossloom {
namespace {

std::vector<std::int64_t> pair_sizes(const ProductGeometry& geometry) {
  std::vector<std::int64_t> sizes = geometry.weight_sizes();
  sizes.insert(sizes.begin(), 2);
  return sizes;
}

}  // namespace

AnalogProduct::AnalogProduct(const Hardware& hardware,
                             const ProductGeometry& geometry,
                             InputSign sign,
                             double w_max,
                             const Rng& place)
    : hardware_(hardware),
      geometry_(geometry),
      sign_(sign),
      tiling_(tile_product(geometry, hardware.array)),
      mapping_(hardware.device.range(), w_max),
      cells_(hardware.device.make_cells(pair_sizes(geometry), place)) {
  const bool has_fixed_input = hardware.dac.range.policy == RangePolicy::kFixed;
  const bool has_fixed_columns = hardware.adc.range.policy == RangePolicy::kFixed;
  input_range_ = at::full({1}, has_fixed_input ? hardware.dac.x_max : 0.0, at::kFloat);
  column_range_ =
      at::full({tiling_.row_tiles}, has_fixed_columns ? hardware.adc.i_max : 0.0, at::kFloat);
}

double AnalogProduct::level_weight() const {
  const double step = hardware_.device.level_step();
  if (step == 0) {
    throw ConfigError("the device " + hardware_.device.name() +
                      " has no levels (a threshold of one level has no meaning); give "
                      "device.num_levels");
  }
  return step * mapping_.weight_scale();
}

void AnalogProduct::write(const Tensor& mask, const Tensor& w, double clock, Rng& rng) {
  const Tensor target = mapping_.to_conductances(w);
  const auto [g_min, g_max] = hardware_.device.range();
  // A target that moves by less than a millionth of the window is the same target, rounded.
  const Tensor is_new = (target - cells_.g_target).abs() > 1e-6 * (g_max - g_min);
  hardware_.device.write(cells_, mask.unsqueeze(0).logical_and(is_new), target, clock, rng);
  packed_clock_ = -1;
}

void AnalogProduct::pulse(const Tensor& num_pulses, const Tensor& w, double clock, Rng& rng) {
  const Tensor is_positive = w.gt(0);
  hardware_.device.pulse(
      cells_,
      at::stack({num_pulses * is_positive, -num_pulses * is_positive.logical_not()}),
      clock,
      rng);
  packed_clock_ = -1;
}

Tensor AnalogProduct::conductances(double clock) const {
  return hardware_.device.conductance(cells_, clock);
}

Tensor AnalogProduct::weights(double clock) const {
  return mapping_.to_weights(conductances(clock));
}

Tensor AnalogProduct::read_weights(double clock, Rng& rng) const {
  const Tensor sigma = hardware_.device.read_sigma(cells_, clock);
  return mapping_.to_weights(conductances(clock) + sigma * rng.normal(sigma.sizes()));
}

/// [2, C, C_in, k, k] -> [T 2 C, channels per tile, k, k] for a grouped convolution, or
/// [2, C, C_in] -> [T, channels per tile, 2 C] for a batched product. Missing channels are zero.
Tensor AnalogProduct::pack(const Tensor& per_cell) const {
  const std::int64_t channels = tiling_.row_tiles * tiling_.channels_per_tile;
  const std::int64_t area = geometry_.kernel_area();
  const Tensor flat = per_cell.reshape({2 * geometry_.out_channels, geometry_.in_channels, area});
  const Tensor padded = at::constant_pad_nd(flat, {0, 0, 0, channels - geometry_.in_channels});
  const Tensor tiles =
      padded.view({2 * geometry_.out_channels, tiling_.row_tiles, tiling_.channels_per_tile, area});
  if (geometry_.kind == ProductGeometry::Kind::kLinear) {
    return tiles.squeeze(3).permute({1, 2, 0}).contiguous();
  }
  return tiles.transpose(0, 1).contiguous().view({tiling_.row_tiles * 2 * geometry_.out_channels,
                                                  tiling_.channels_per_tile,
                                                  geometry_.kernel[0],
                                                  geometry_.kernel[1]});
}

/// Sum over the rows of each tile: [B, T, 2, C, L].
Tensor AnalogProduct::column_product(const Tensor& v, const Tensor& packed) const {
  const std::int64_t missing =
      tiling_.row_tiles * tiling_.channels_per_tile - geometry_.in_channels;
  const std::int64_t batch = v.size(0);
  if (geometry_.kind == ProductGeometry::Kind::kLinear) {
    const Tensor padded = missing > 0 ? at::constant_pad_nd(v, {0, missing}) : v;
    const Tensor rows =
        padded.view({batch, tiling_.row_tiles, tiling_.channels_per_tile}).transpose(0, 1);
    const Tensor columns = at::bmm(rows, packed).transpose(0, 1);
    return columns.contiguous().view({batch, tiling_.row_tiles, 2, geometry_.out_channels, 1});
  }
  const Tensor padded = missing > 0 ? at::constant_pad_nd(v, {0, 0, 0, 0, 0, missing}) : v;
  ProductGeometry all_tiles = geometry_;
  all_tiles.groups = tiling_.row_tiles;
  const Tensor columns = digital_product(padded, packed, all_tiles);
  return columns.contiguous().view({batch, tiling_.row_tiles, 2, geometry_.out_channels, -1});
}

void AnalogProduct::refresh(double clock) {
  if (packed_clock_ == clock) return;
  packed_g_ = pack(hardware_.device.conductance(cells_, clock));
  const Tensor sigma = hardware_.device.read_sigma(cells_, clock);
  packed_variance_ = sigma.max().item<float>() > 0 ? pack(sigma.square()) : Tensor();
  packed_clock_ = clock;
}

void AnalogProduct::update_input_range(const Tensor& x, RangeUse use) {
  input_range_ = update_range(hardware_.dac.range, input_range_, x.reshape({1, -1}), use);
  // Nothing but zeros so far: any range serves.
  if (!(input_range_.item<float>() > 0)) input_range_ = at::ones({1});
}

void AnalogProduct::update_column_ranges(const Tensor& mean, RangeUse use) {
  column_range_ = update_range(hardware_.adc.range, column_range_, mean.transpose(0, 1), use);
  // Columns without a current still need a converter: a millionth of one cell's largest current.
  column_range_ =
      column_range_.clamp_min(hardware_.dac.v_read * hardware_.device.range().g_max * 1e-6);
}

Tensor AnalogProduct::behavioural_forward(const Tensor& x, const ReadContext& context) {
  update_input_range(x, context.ranges);
  refresh(context.clock);
  const double full_scale = input_range_.item<double>();
  const Drive drive = hardware_.dac.drive(
      x,
      full_scale,
      packed_variance_.defined() ? Dac::Want::kVoltageAndSquare : Dac::Want::kVoltage);
  ColumnCurrents currents;
  currents.mean = column_product(drive.v, packed_g_);
  if (packed_variance_.defined()) {
    // Rounding in a fast convolution may leave a variance just below zero.
    currents.variance = column_product(drive.v_square, packed_variance_).clamp_min_(0);
  }
  if (hardware_.adc.bits > 0) update_column_ranges(currents.mean, context.ranges);
  ColumnConversion conversion;
  conversion.adc = hardware_.adc;
  conversion.polarity =
      sign_ == InputSign::kSigned ? Adc::Polarity::kBipolar : Adc::Polarity::kUnipolar;
  conversion.i_max = column_range_;
  conversion.first_image = context.first_image;
  const Tensor i = convert_columns(currents, conversion, context.rng);
  return i.mul_(full_scale / hardware_.dac.v_read * mapping_.weight_scale());
}

Tensor AnalogProduct::statistical_forward(const Tensor& x, const ReadContext& context) const {
  Rng rng = context.rng;
  return digital_product(x, read_weights(context.clock, rng), geometry_);
}

Tensor AnalogProduct::forward(const Tensor& x, const ReadContext& context) {
  if (hardware_.fidelity == Fidelity::kStatistical) return statistical_forward(x, context);
  const Tensor y = behavioural_forward(x, context);
  if (geometry_.kind == ProductGeometry::Kind::kLinear) return y.squeeze(2);
  return y.view(geometry_.output_sizes(x.sizes()));
}

Tensor AnalogProduct::transposed(const Tensor& grad_output,
                                 at::IntArrayRef input_size,
                                 const ReadContext& context) const {
  const double largest = grad_output.abs().max().item<double>();
  if (!(largest > 0)) return at::zeros(input_size, grad_output.options());
  const Drive drive = hardware_.dac.drive(grad_output, largest, Dac::Want::kVoltageAndSquare);
  const Tensor mean = transposed_product(drive.v, weights(context.clock), geometry_, input_size);
  const Tensor sigma = hardware_.device.read_sigma(cells_, context.clock) * mapping_.weight_scale();
  const Tensor variance =
      transposed_product(drive.v_square, sigma.square().sum(0), geometry_, input_size);
  Rng rng = context.rng;
  return (mean + variance.clamp_min(0).sqrt() * rng.normal(mean.sizes())) *
         (largest / hardware_.dac.v_read);
}

std::map<std::string, Tensor> AnalogProduct::state() const {
  std::map<std::string, Tensor> state = to_tensors(cells_);
  state["input_range"] = input_range_;
  state["column_range"] = column_range_;
  return state;
}

void AnalogProduct::load_state(const std::map<std::string, Tensor>& state) {
  Cells cells = cells_from_tensors(state);
  if (cells.g_written.sizes() != cells_.g_written.sizes() || state.count("input_range") == 0 ||
      state.count("column_range") == 0) {
    throw ConfigError(
        "the state of a product does not fit the network (another shape or an "
        "incomplete checkpoint); start the run anew");
  }
  cells_ = std::move(cells);
  input_range_ = state.at("input_range");
  column_range_ = state.at("column_range");
  packed_clock_ = -1;
}

}  // namespace crossloom
