#include "crossloom/crossbar/analog_product.h"

#include <algorithm>
#include <cmath>

namespace crossloom {
namespace {

/// Images are taken in blocks of at least that many column currents, which are then converted out
/// of the cache, and of that many positions, so that libraries that reorder the weights for each
/// call do it seldom.
constexpr std::int64_t kBlockCurrents = 1 << 18;
constexpr std::int64_t kBlockPositions = 512;

std::int64_t block_size(std::int64_t currents_per_image, std::int64_t positions) {
  return std::max(kBlockCurrents / currents_per_image, kBlockPositions / positions + 1);
}

std::vector<std::int64_t> cell_sizes(const ProductGeometry& geometry, std::int64_t num_slices) {
  std::vector<std::int64_t> sizes = geometry.weight_sizes();
  sizes.insert(sizes.begin(), {num_slices, 2});
  return sizes;
}

/// Full scale before any values were seen.
double first_range(const RangeOptions& range, double fixed) {
  return range.policy == RangePolicy::kFixed ? fixed : 0;
}

}  // namespace

AnalogProduct::AnalogProduct(const Hardware& hardware,
                             const ProductGeometry& geometry,
                             InputSign sign,
                             const Tensor& w_max,
                             const Rng& place)
    : hardware_(hardware),
      geometry_(geometry),
      sign_(sign),
      tiling_(tile_product(geometry, hardware.array, hardware.mapping.num_slices())),
      mapping_(hardware.mapping, hardware.device.range(), w_max),
      cells_(hardware.device.make_cells(cell_sizes(geometry, mapping_.num_slices()), place)) {
  TORCH_CHECK(w_max.dim() == 0 || w_max.size(0) == geometry.out_channels,
              "a largest weight for each of ",
              geometry.out_channels,
              " outputs, not ",
              w_max.sizes());
  reset_ranges();
}

void AnalogProduct::reset_ranges() {
  input_range_ = at::full({1}, first_range(hardware_.dac.range, hardware_.dac.x_max), at::kFloat);
  column_range_ = at::full({mapping_.num_slices(), tiling_.row_tiles},
                           first_range(hardware_.adc.range, hardware_.adc.i_max),
                           at::kFloat);
  input_search_.clear();
  column_search_.clear();
}

void AnalogProduct::take_ranges(const AnalogProduct& other) {
  input_range_ = other.input_range_;
  column_range_ = other.column_range_;
  input_search_ = other.input_search_;
  column_search_ = other.column_search_;
}

double AnalogProduct::level_weight() const {
  const Tensor weight_step = mapping_.weight_step();
  TORCH_CHECK(weight_step.dim() == 0, "columns of different scales have no level in common");
  if (weight_step.item<double>() > 0) return weight_step.item<double>();
  const double step = hardware_.device.level_step();
  if (step == 0) {
    throw ConfigError("the device " + hardware_.device.name() +
                      " has no levels (a threshold of one level has no meaning); give "
                      "device.num_levels");
  }
  return step * mapping_.weight_scale().item<double>();
}

void AnalogProduct::write(const Tensor& mask, const Tensor& w, double clock, Rng& rng) {
  const Tensor target = mapping_.to_conductances(w);
  const auto [g_min, g_max] = hardware_.device.range();
  // A target that moves by less than a millionth of the window is the same target, rounded.
  const Tensor is_new = (target - cells_.g_target).abs() > 1e-6 * (g_max - g_min);
  hardware_.device.write(cells_, is_new.logical_and(mask), target, clock, rng);
  summed_clock_ = -1;
}

void AnalogProduct::pulse(const Tensor& num_pulses, const Tensor& w, double clock, Rng& rng) {
  if (mapping_.num_slices() > 1) {
    throw ConfigError("blind pulses on weights of " + std::to_string(mapping_.num_slices()) +
                      " slices (a pulse carries nothing over into the next slice); give "
                      "mapping.slice_bits = [] or programming = write_verify");
  }
  const Tensor is_positive = w.gt(0);
  hardware_.device.pulse(
      cells_,
      at::stack({num_pulses * is_positive, -num_pulses * is_positive.logical_not()}).unsqueeze(0),
      clock,
      rng);
  summed_clock_ = -1;
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

void AnalogProduct::refresh(double clock) {
  if (summed_clock_ == clock) return;
  const Tensor g = conductances(clock);
  const Tensor variance = hardware_.device.read_sigma(cells_, clock).square();
  const bool is_apart = columns_per_pair() == 2;
  means_ =
      ColumnSums(is_apart ? g.flatten(0, 1) : g.select(1, 0) - g.select(1, 1), geometry_, tiling_);
  variances_ = sums_of_variance(is_apart ? variance.flatten(0, 1) : variance.sum(1));
  summed_clock_ = clock;
}

/// Empty when all of it is zero.
ColumnSums AnalogProduct::sums_of_variance(const Tensor& variance) const {
  const auto [smallest, largest] = at::aminmax(variance);
  const double value = largest.item<double>();
  if (value == 0) return ColumnSums();
  if (value == smallest.item<double>()) return ColumnSums(value, geometry_, tiling_);
  return ColumnSums(variance, geometry_, tiling_);
}

void AnalogProduct::update_input_range(const Tensor& x, const ReadContext& context) {
  const RangeOptions& options = hardware_.dac.range;
  double range = input_range_.item<double>();
  if (moves(options, range, context.ranges)) {
    range = options.policy == RangePolicy::kLearned && hardware_.dac.bits > 0
                ? learn_input_range(x, context.clock)
                : update_range(options, range, observe(options, x));
  }
  // Nothing but zeros so far: any range serves.
  input_range_ = at::full({1}, range > 0 ? range : 1, at::kFloat);
}

/// The error of an input counts with the squares of the weights that it meets.
///
///   x  [B, C_in, H, W]  or [B, C_in]
double AnalogProduct::learn_input_range(const Tensor& x, double clock) {
  if (input_search_.empty()) {
    const double highest = std::exp2(static_cast<double>(hardware_.dac.bits)) - 1;
    input_search_.emplace_back(highest, -highest);
  }
  const Tensor squares = weights(clock)
                             .reshape({geometry_.groups,
                                    geometry_.out_channels / geometry_.groups,
                                    geometry_.in_channels / geometry_.groups,
                                    -1})
                             .square()
                             .sum({1, 3})
                             .flatten();
  input_search_[0].add(x.flatten(1), squares.repeat_interleave(x[0].numel() / x.size(1)));
  return input_search_[0].best();
}

bool AnalogProduct::column_range_moves(double range, RangeUse use) const {
  return hardware_.adc.bits > 0 && moves(hardware_.adc.range, range, use);
}

/// `means` of the columns of row tile `tile`: slice by slice, positive before negative.
void AnalogProduct::update_column_ranges(std::int64_t tile,
                                         const std::vector<Tensor>& means,
                                         RangeUse use) {
  const RangeOptions& options = hardware_.adc.range;
  // Columns without a current still need a converter: a millionth of one cell's largest current.
  const double smallest = hardware_.dac.v_read * hardware_.device.range().g_max * 1e-6;
  const auto per_pair = static_cast<std::size_t>(columns_per_pair());
  if (!column_range_moves(column_range_.min().item<double>(), use)) return;
  column_range_ = column_range_.clone();  // copies and states of this product keep theirs
  for (std::int64_t s = 0; s < mapping_.num_slices(); ++s) {
    float& range = column_range_.accessor<float, 2>()[s][tile];
    if (!column_range_moves(range, use)) continue;
    double found = 0;
    for (std::size_t p = 0; p < per_pair; ++p) {
      const Tensor& mean = means[static_cast<std::size_t>(s) * per_pair + p];
      found = options.policy == RangePolicy::kLearned
                  ? learn_column_range(static_cast<std::size_t>(s * tiling_.row_tiles + tile), mean)
                  : std::max(found, observe(options, mean));
    }
    if (options.policy != RangePolicy::kLearned) found = update_range(options, range, found);
    range = static_cast<float>(std::max(found, smallest));
  }
}

/// The error of a current counts with the square of the scale of its column.
double AnalogProduct::learn_column_range(std::size_t converter, const Tensor& mean) {
  if (column_search_.empty()) {
    const Adc::Polarity polarity = column_polarity();
    column_search_.assign(
        static_cast<std::size_t>(column_range_.numel()),
        {hardware_.adc.highest_code(polarity), hardware_.adc.lowest_code(polarity)});
  }
  Tensor squares;
  if (mapping_.has_column_scales()) {
    squares =
        mapping_.weight_scale().square().repeat_interleave(mean.size(1) / geometry_.out_channels);
    squares = squares / squares.max();
  }
  column_search_[converter].add(mean, squares);
  return column_search_[converter].best();
}

/// Pairs subtracted before their converter, and inputs that can be negative, give both signs.
Adc::Polarity AnalogProduct::column_polarity() const {
  return sign_ == InputSign::kSigned || columns_per_pair() == 1 ? Adc::Polarity::kBipolar
                                                                : Adc::Polarity::kUnipolar;
}

/// The columns of row tile `tile` for the inputs `drive`, with what they count in the output but
/// for the scales of columns.
std::vector<ColumnGroup> AnalogProduct::read_columns(const Drive& drive,
                                                     std::int64_t tile,
                                                     RangeUse use) {
  const std::vector<Tensor> means = means_(drive.v, tile);
  std::vector<Tensor> variances(1);
  if (!variances_.is_empty()) variances = variances_(drive.v_square, tile);
  update_column_ranges(tile, means, use);
  const auto per_pair = static_cast<std::size_t>(columns_per_pair());
  const double scale = input_range_.item<double>() / hardware_.dac.v_read * mapping_.common_scale();
  std::vector<ColumnGroup> groups;
  for (std::size_t k = 0; k < means.size(); ++k) {
    const std::size_t slice = k / per_pair;
    const bool is_negative = k % per_pair == 1;
    ColumnGroup group;
    group.mean = means[k];
    group.variance = variances.size() == 1 ? variances[0] : variances[k];
    group.i_max = column_range_.accessor<float, 2>()[static_cast<std::int64_t>(slice)][tile];
    group.factor = (is_negative ? -scale : scale) * mapping_.significance()[slice];
    groups.push_back(group);
  }
  return groups;
}

/// The outputs of the images `x`, written to sum [B, N].
void AnalogProduct::read_block(const Tensor& x, const ReadContext& context, Tensor& sum) {
  const auto want = variances_.is_empty() ? Dac::Want::kVoltage : Dac::Want::kVoltageAndSquare;
  const Drive drive = hardware_.dac.drive(x, input_range_.item<double>(), want);
  const Converter converter = {hardware_.adc, column_polarity()};
  const std::int64_t tile_columns = mapping_.num_slices() * columns_per_pair() * sum.size(1);
  NoiseAddress noise{context.rng, context.first_image, tiling_.row_tiles * tile_columns, 0};
  for (std::int64_t t = 0; t < tiling_.row_tiles; ++t) {
    const Before before = t == 0 ? Before::kForgotten : Before::kKept;
    add_converted(read_columns(drive, t, context.ranges), converter, noise, before, sum);
    noise.first_column += tile_columns;
  }
}

/// [B, C_in, H, W] or [B, C_in] -> [B, C L].
Tensor AnalogProduct::behavioural_forward(const Tensor& x, const ReadContext& context) {
  update_input_range(x, context);
  refresh(context.clock);
  const std::int64_t batch = x.size(0);
  const std::vector<std::int64_t> sizes = geometry_.output_sizes(x.sizes());
  const std::int64_t columns = c10::multiply_integers(sizes.begin() + 1, sizes.end());
  const std::int64_t currents = columns * mapping_.num_slices() * columns_per_pair();
  // Ranges that move have to see all images before the first is converted.
  const std::int64_t block = column_range_moves(column_range_.min().item<double>(), context.ranges)
                                 ? batch
                                 : block_size(currents, columns / geometry_.out_channels);
  Tensor sum = at::empty({batch, columns}, at::kFloat);
  for (std::int64_t first = 0; first < batch; first += block) {
    const std::int64_t end = std::min(first + block, batch);
    ReadContext part = context;
    part.first_image += first;
    Tensor part_of_sum = sum.slice(0, first, end);
    read_block(x.slice(0, first, end), part, part_of_sum);
  }
  if (mapping_.has_column_scales()) {
    sum.view({batch, geometry_.out_channels, -1}).mul_(mapping_.weight_scale().unsqueeze(1));
  }
  return sum;
}

Tensor AnalogProduct::statistical_forward(const Tensor& x, const ReadContext& context) const {
  Rng rng = context.rng;
  return digital_product(x, read_weights(context.clock, rng), geometry_);
}

Tensor AnalogProduct::forward(const Tensor& x, const ReadContext& context) {
  if (hardware_.fidelity == Fidelity::kStatistical) return statistical_forward(x, context);
  const std::vector<std::int64_t> sizes = geometry_.output_sizes(x.sizes());
  if (geometry_.kind == ProductGeometry::Kind::kConv || x.dim() == 2) {
    return behavioural_forward(x, context).view(sizes);
  }
  // Further dimensions of an image are vectors of their own.
  const Tensor rows = x.reshape({-1, geometry_.in_channels});
  ReadContext of_rows = context;
  of_rows.first_image *= rows.size(0) / x.size(0);
  return behavioural_forward(rows, of_rows).view(sizes);
}

Tensor AnalogProduct::transposed(const Tensor& grad_output,
                                 at::IntArrayRef input_size,
                                 const ReadContext& context) const {
  const double largest = grad_output.abs().max().item<double>();
  if (!(largest > 0)) return at::zeros(input_size, grad_output.options());
  const Drive drive = hardware_.dac.drive(grad_output, largest, Dac::Want::kVoltageAndSquare);
  const Tensor mean = transposed_product(drive.v, weights(context.clock), geometry_, input_size);
  const Tensor cell_variance = hardware_.device.read_sigma(cells_, context.clock).square();
  const Tensor variance = transposed_product(
      drive.v_square, mapping_.to_weight_variance(cell_variance), geometry_, input_size);
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
  const auto range = state.find("column_range");
  if (cells.g_written.sizes() != cells_.g_written.sizes() || state.count("input_range") == 0 ||
      range == state.end() || range->second.sizes() != column_range_.sizes()) {
    throw ConfigError(
        "the state of a product does not fit the network (another shape or an "
        "incomplete checkpoint); start the run anew");
  }
  cells_ = std::move(cells);
  input_range_ = state.at("input_range");
  column_range_ = range->second.clone();
  summed_clock_ = -1;
}

}  // namespace crossloom
