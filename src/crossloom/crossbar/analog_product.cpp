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

/// Streams below those of a chip and layer, and of a read, beside those of `Purpose`.
constexpr std::uint64_t kConverterStream = 103;
constexpr std::uint64_t kReferenceReads = 104;

std::int64_t block_size(std::int64_t currents_per_image, std::int64_t positions) {
  return std::max(kBlockCurrents / currents_per_image, kBlockPositions / positions + 1);
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
      tiling_(tile_product(geometry, hardware.array, hardware.mapping.footprint())),
      cells_(hardware, geometry, w_max, place),
      spread_(hardware, geometry, tiling_, place.fork(kConverterStream)),
      currents_(hardware, geometry, tiling_) {
  TORCH_CHECK(w_max.dim() == 0 || w_max.size(0) == geometry.out_channels,
              "a largest weight for each of ",
              geometry.out_channels,
              " outputs, not ",
              w_max.sizes());
  reset_ranges();
}

void AnalogProduct::reset_ranges() {
  input_range_ = at::full({1}, first_range(hardware_.dac.range, hardware_.dac.x_max), at::kFloat);
  column_range_ =
      at::full({mapping().num_slices() + (cells_.has_references() ? 1 : 0), tiling_.row_tiles},
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

void AnalogProduct::write(const Tensor& mask, const Tensor& w, double clock, Rng& rng) {
  cells_.write(mask, w, clock, rng);
  summed_clock_ = -1;
}

void AnalogProduct::pulse(const Tensor& num_pulses, const Tensor& w, double clock, Rng& rng) {
  cells_.pulse(num_pulses, w, clock, rng);
  summed_clock_ = -1;
}

Tensor AnalogProduct::conductances(double clock) const {
  return cells_.conductances(clock).cells;
}

Tensor AnalogProduct::weights(double clock) const {
  return cells_.weights(cells_.conductances(clock));
}

Tensor AnalogProduct::read_weights(double clock, Rng& rng) const {
  return cells_.weights(cells_.read_conductances(clock, rng));
}

void AnalogProduct::refresh(double clock) {
  if (summed_clock_ == clock) return;
  currents_.set(cells_, clock);
  summed_clock_ = clock;
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

void AnalogProduct::update_column_ranges(std::int64_t tile,
                                         const ColumnCurrents::OfTile& currents,
                                         RangeUse use) {
  const RangeOptions& options = hardware_.adc.range;
  // Columns without a current still need a converter: a millionth of one cell's largest current.
  const double smallest = hardware_.dac.v_read * hardware_.device.range().g_max * 1e-6;
  if (!column_range_moves(column_range_.min().item<double>(), use)) return;
  column_range_ = column_range_.clone();  // copies and states of this product keep theirs
  const auto update = [&](std::int64_t row, const Tensor* begin, const Tensor* end) {
    float& range = column_range_.accessor<float, 2>()[row][tile];
    if (!column_range_moves(range, use)) return;
    double found = 0;
    for (const Tensor* mean = begin; mean < end; ++mean) {
      const auto converter = static_cast<std::size_t>(row * tiling_.row_tiles + tile);
      found = options.policy == RangePolicy::kLearned ? learn_column_range(converter, *mean)
                                                      : std::max(found, observe(options, *mean));
    }
    if (options.policy != RangePolicy::kLearned) found = update_range(options, range, found);
    range = static_cast<float>(std::max(found, smallest));
  };
  const std::int64_t lines = hardware_.converted_lines();
  const Tensor* const means = currents.weights.means.data();
  for (std::int64_t s = 0; s < mapping().num_slices(); ++s) {
    update(s, means + s * lines, means + (s + 1) * lines);
  }
  for (const Tensor& mean : currents.references.means) {
    update(mapping().num_slices(), &mean, &mean + 1);
  }
}

/// The error of a current counts with the square of the scale of its column; those of reference
/// columns, which serve many outputs, all alike.
double AnalogProduct::learn_column_range(std::size_t converter, const Tensor& mean) {
  if (column_search_.empty()) {
    const Adc::Polarity polarity = column_polarity();
    column_search_.assign(
        static_cast<std::size_t>(column_range_.numel()),
        {hardware_.adc.highest_code(polarity), hardware_.adc.lowest_code(polarity)});
  }
  const bool is_reference =
      converter >= static_cast<std::size_t>(mapping().num_slices() * tiling_.row_tiles);
  Tensor squares;
  if (mapping().has_column_scales() && !is_reference) {
    squares =
        mapping().weight_scale().square().repeat_interleave(mean.size(1) / geometry_.out_channels);
    squares = squares / squares.max();
  }
  column_search_[converter].add(mean, squares);
  return column_search_[converter].best();
}

/// Pairs subtracted before their converter, and inputs that can be negative, give both signs.
Adc::Polarity AnalogProduct::column_polarity() const {
  const bool is_bipolar =
      sign_ == InputSign::kSigned || hardware_.adc.subtraction == PairSubtraction::kAnalog;
  return is_bipolar ? Adc::Polarity::kBipolar : Adc::Polarity::kUnipolar;
}

/// The columns of row tile `tile`, read by read and kind by kind, with what they count in the
/// output but for the scales of columns.
std::vector<ColumnGroup> AnalogProduct::groups_of(const Currents& currents,
                                                  std::int64_t tile,
                                                  const ConverterSpread::Errors& errors,
                                                  Columns columns) const {
  static const std::vector<double> kAll = {1};
  const bool is_reference = columns == Columns::kReferences;
  const std::vector<double>& significance = is_reference ? kAll : mapping().significance();
  const std::vector<double> reads = currents_.read_weights();
  const double scale =
      input_range_.item<double>() / currents_.driver().full_drive() * mapping().common_scale();
  const std::size_t lines = currents.means.size() / significance.size();
  std::vector<ColumnGroup> groups;
  for (std::size_t p = 0; p < reads.size(); ++p) {
    const std::int64_t batch = currents.means[0].size(0) / static_cast<std::int64_t>(reads.size());
    const auto part = [&](const Tensor& x) {
      return reads.size() == 1 ? x : x.narrow(0, static_cast<std::int64_t>(p) * batch, batch);
    };
    for (std::size_t k = 0; k < currents.means.size(); ++k) {
      const std::size_t slice = k / lines;
      const auto row = is_reference ? mapping().num_slices() : static_cast<std::int64_t>(slice);
      ColumnGroup group;
      group.mean = part(currents.means[k]);
      if (!currents.variances.empty()) {
        group.variance = part(currents.variances[currents.variances.size() == 1 ? 0 : k]);
      }
      group.i_max = column_range_.accessor<float, 2>()[row][tile];
      group.factor = (k % lines == 1 ? -scale : scale) * significance[slice] * reads[p];
      if (errors.gain.defined()) {
        group.gain = errors.gain[static_cast<std::int64_t>(k)];
        group.offset = errors.offset[static_cast<std::int64_t>(k)];
      }
      groups.push_back(group);
    }
  }
  return groups;
}

/// What the reference column of each output read, [B, references x positions], off `sum`.
void AnalogProduct::subtract_references(const Tensor& of_references, Tensor& sum) const {
  const std::int64_t outputs = geometry_.out_channels;
  Tensor by_output = sum.view({sum.size(0), outputs, -1});
  const Tensor by_reference = of_references.view({sum.size(0), -1, sum.size(1) / outputs});
  by_output.sub_(by_reference.index_select(1, cells_.reference_of_output().to(sum.device())));
}

/// The outputs of the images `x`, written to sum [B, N].
void AnalogProduct::read_block(const Tensor& x, const ReadContext& context, Tensor& sum) {
  const RowInputs inputs = currents_.inputs(x, input_range_.item<double>());
  const Converter converter = {hardware_.adc, column_polarity()};
  const auto reads = static_cast<std::int64_t>(currents_.read_weights().size());
  const std::int64_t tile_columns =
      reads * mapping().num_slices() * hardware_.converted_lines() * sum.size(1);
  NoiseAddress noise{context.rng, context.first_image, tiling_.row_tiles * tile_columns, 0};
  const std::int64_t positions = sum.size(1) / geometry_.out_channels;
  const std::int64_t references = geometry_.groups * tiling_.col_tiles * positions;
  NoiseAddress reference_noise{context.rng.fork(kReferenceReads),
                               context.first_image,
                               tiling_.row_tiles * reads * references,
                               0};
  Tensor of_references;
  if (cells_.has_references()) of_references = at::empty({sum.size(0), references}, sum.options());
  for (std::int64_t t = 0; t < tiling_.row_tiles; ++t) {
    const Before before = t == 0 ? Before::kForgotten : Before::kKept;
    const ColumnCurrents::OfTile currents = currents_.read(inputs, t);
    update_column_ranges(t, currents, context.ranges);
    add_converted(groups_of(currents.weights, t, spread_.of_weights(t), Columns::kWeights),
                  converter,
                  noise,
                  before,
                  sum);
    noise.first_column += tile_columns;
    if (!of_references.defined()) continue;
    add_converted(groups_of(currents.references, t, spread_.of_references(t), Columns::kReferences),
                  converter,
                  reference_noise,
                  before,
                  of_references);
    reference_noise.first_column += reads * references;
  }
  if (of_references.defined()) subtract_references(of_references, sum);
}

/// [B, C_in, H, W] or [B, C_in] -> [B, C L].
Tensor AnalogProduct::behavioural_forward(const Tensor& x, const ReadContext& context) {
  update_input_range(x, context);
  refresh(context.clock);
  const std::int64_t batch = x.size(0);
  const std::vector<std::int64_t> sizes = geometry_.output_sizes(x.sizes());
  const std::int64_t columns = c10::multiply_integers(sizes.begin() + 1, sizes.end());
  const std::int64_t currents = columns * mapping().num_slices() * hardware_.converted_lines() *
                                static_cast<std::int64_t>(currents_.read_weights().size());
  // Ranges that move have to see all images before the first is converted.
  const std::int64_t block = column_range_moves(column_range_.min().item<double>(), context.ranges)
                                 ? batch
                                 : block_size(currents, columns / geometry_.out_channels);
  Tensor sum = at::empty({batch, columns}, x.options().dtype(at::kFloat));
  for (std::int64_t first = 0; first < batch; first += block) {
    const std::int64_t end = std::min(first + block, batch);
    ReadContext part = context;
    part.first_image += first;
    Tensor part_of_sum = sum.slice(0, first, end);
    read_block(x.slice(0, first, end), part, part_of_sum);
  }
  if (mapping().has_column_scales()) {
    sum.view({batch, geometry_.out_channels, -1})
        .mul_(mapping().weight_scale().to(sum.device()).unsqueeze(1));
  }
  return sum;
}

Tensor AnalogProduct::statistical_forward(const Tensor& x, const ReadContext& context) {
  Rng rng = context.rng;
  const IvLaw law = hardware_.device.iv_law();
  const WeightCells::Values g = cells_.read_conductances(context.clock, rng);
  if (is_linear(law, hardware_.dac.v_full()))
    return digital_product(x, cells_.weights(g).to(x.device()), geometry_);
  update_input_range(x, context);
  Tensor sum;
  for (std::size_t k = 0; k < law.size(); ++k) {
    const WeightCells::Values values = {
        law[k].strength(g.cells),
        g.references.defined() ? law[k].strength(g.references) : Tensor()};
    const Tensor inputs = currents_.driver().transform(
        x, input_range_[0], at::ones({}), static_cast<std::int64_t>(k));
    const Tensor weights = cells_.weights(values).to(x.device());
    const Tensor part = digital_product(inputs, weights, geometry_);
    sum = sum.defined() ? sum + part : part;
  }
  return sum;
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
  const RowDriver& driver = currents_.driver();
  const Drive drive = driver.drive(grad_output, largest, RowDriver::Want::kTermsAndSquares);
  const ProductValues values =
      values_of_product(hardware_, geometry_, tiling_, cells_, context.clock);
  const auto product = [&](const Tensor& inputs, const Tensor& weights) {
    return transposed_product(inputs, weights, geometry_, input_size);
  };
  Tensor mean = at::zeros(input_size, grad_output.options());
  for (std::size_t k = 0; k < values.means.size(); ++k) {
    const LineValues& term = values.means[k];
    mean += product(drive.terms[k],
                    mapping().to_weights(cells_.signed_values(
                        term.lines, term.references, WeightCells::Combine::kDifference)));
  }
  const double to_number = largest / driver.full_drive();
  if (values.variances.empty()) return mean * to_number;
  Tensor variance = at::zeros_like(mean);
  for (std::size_t k = 0; k < values.variances.size(); ++k) {
    const LineValues& term = values.variances[k];
    variance += product(drive.squares[k],
                        mapping().to_weight_variance(cells_.signed_values(
                            term.lines, term.references, WeightCells::Combine::kVariance)));
  }
  Rng rng = context.rng;
  return (mean + variance.clamp_min(0).sqrt() * rng.normal(mean.sizes())) * to_number;
}

std::map<std::string, Tensor> AnalogProduct::state() const {
  std::map<std::string, Tensor> state = cells_.state();
  state["input_range"] = input_range_;
  state["column_range"] = column_range_;
  return state;
}

void AnalogProduct::load_state(const std::map<std::string, Tensor>& state) {
  const auto range = state.find("column_range");
  if (state.count("input_range") == 0 || range == state.end() ||
      range->second.sizes() != column_range_.sizes()) {
    throw ConfigError(
        "the state of a product does not fit the network (another shape or an "
        "incomplete checkpoint); start the run anew");
  }
  cells_.load_state(state);
  input_range_ = state.at("input_range");
  column_range_ = range->second.clone();
  summed_clock_ = -1;
}

}  // namespace crossloom
