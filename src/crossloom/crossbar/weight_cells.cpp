#include "crossloom/crossbar/weight_cells.h"

namespace crossloom {
namespace {

const std::string kReference = "reference.";
const std::string kSwitches = "switches";

/// Streams below those of `Purpose`.
constexpr std::uint64_t kReferenceCells = 101;
constexpr std::uint64_t kReferenceWrites = 102;

std::vector<std::int64_t> cell_sizes(const ProductGeometry& geometry,
                                     const MappingOptions& mapping) {
  std::vector<std::int64_t> sizes = geometry.weight_sizes();
  const std::int64_t slices = mapping.num_slices();
  sizes.insert(sizes.begin(), {slices, mapping.footprint().num_cells / slices});
  return sizes;
}

/// A target that moves by less than a millionth of the window is the same target, rounded.
Tensor is_new(const Tensor& target, const Cells& cells, ConductanceRange range) {
  return (target - cells.g_target).abs() > 1e-6 * (range.g_max - range.g_min);
}

bool was_written(const Cells& cells) {
  return cells.write_count.any().item<bool>();
}

}  // namespace

WeightCells::WeightCells(const Hardware& hardware,
                         const ProductGeometry& geometry,
                         const Tensor& w_max,
                         const Rng& place)
    : device_(hardware.device),
      mapping_(hardware.mapping, hardware.device.range(), w_max),
      place_(place),
      is_kept_(hardware.keeps_cells),
      cell_sizes_(cell_sizes(geometry, hardware.mapping)) {
  if (mapping_.scheme() == WeightScheme::kSignMagnitude) {
    switches_ = mapping_.to_switches(at::zeros(geometry.weight_sizes()));
  }
  if (has_references()) {
    const Tiling tiling = tile_product(geometry, hardware.array, hardware.mapping.footprint());
    reference_sizes_ = geometry.weight_sizes();
    reference_sizes_[0] = geometry.groups * tiling.col_tiles;
    const std::int64_t outputs = geometry.out_channels / geometry.groups;
    const Tensor output = at::arange(geometry.out_channels, at::kLong);
    const Tensor group = at::div(output, outputs, "floor");
    reference_of_output_ = group * tiling.col_tiles +
                           at::div(output - group * outputs, tiling.outputs_per_tile, "floor");
  }
  if (is_kept_) make();
}

void WeightCells::make() {
  cells_ = device_.make_cells(cell_sizes_, place_);
  if (has_references()) {
    references_ = device_.make_cells(reference_sizes_, place_.fork(kReferenceCells));
  }
}

WeightCells WeightCells::made() const {
  WeightCells copy = *this;
  if (is_kept_) return copy;
  copy.is_kept_ = true;
  copy.make();
  if (!writing_) return copy;
  Rng rng = writing_->rng;
  copy.write(at::ones({1}, at::kBool).expand_as(writing_->w), writing_->w, writing_->clock, rng);
  return copy;
}

double WeightCells::level_weight() const {
  const Tensor weight_step = mapping_.weight_step();
  TORCH_CHECK(weight_step.dim() == 0, "columns of different scales have no level in common");
  if (weight_step.item<double>() > 0) return weight_step.item<double>();
  const double step = device_.level_step();
  if (step == 0) {
    throw ConfigError("the device " + device_.name() +
                      " has no levels (a threshold of one level has no meaning); give "
                      "device.num_levels");
  }
  return step * mapping_.weight_scale().item<double>();
}

void WeightCells::write(const Tensor& mask, const Tensor& w, double clock, Rng& rng) {
  if (!is_kept_) {
    TORCH_CHECK(!writing_ && mask.all().item<bool>(), "cells that are not kept are written once");
    writing_ = Writing{w, clock, rng};
    return;
  }
  const Tensor target = mapping_.to_conductances(w);
  device_.write(
      cells_, is_new(target, cells_, device_.range()).logical_and(mask), target, clock, rng);
  if (switches_.defined()) {
    switches_ = at::where(mask.unsqueeze(0), mapping_.to_switches(w), switches_);
  }
  if (has_references() && !was_written(references_)) {
    Rng own = rng.fork(kReferenceWrites);
    const Tensor level = at::full_like(references_.g_target, mapping_.reference());
    device_.write(references_, at::ones_like(level, at::kBool), level, clock, own);
  }
}

void WeightCells::pulse(const Tensor& num_pulses, const Tensor& w, double clock, Rng& rng) {
  if (mapping_.num_slices() > 1) {
    throw ConfigError("blind pulses on weights of " + std::to_string(mapping_.num_slices()) +
                      " slices (a pulse carries nothing over into the next slice); give "
                      "mapping.slice_bits = [] or programming = write_verify");
  }
  if (switches_.defined()) {
    throw ConfigError(
        "blind pulses with mapping.scheme = sign_magnitude (a pulse does not turn a sign); give "
        "another scheme or programming = write_verify");
  }
  const Tensor is_positive = w.gt(0);
  const Tensor pulses =
      has_references()
          ? num_pulses.unsqueeze(0)
          : at::stack({num_pulses * is_positive, -num_pulses * is_positive.logical_not()});
  device_.pulse(cells_, pulses.unsqueeze(0), clock, rng);
}

WeightCells::Values WeightCells::conductances(double clock) const {
  return {device_.conductance(cells_, clock),
          has_references() ? device_.conductance(references_, clock) : Tensor()};
}

WeightCells::Values WeightCells::read_variances(double clock) const {
  return {device_.read_sigma(cells_, clock).square(),
          has_references() ? device_.read_sigma(references_, clock).square() : Tensor()};
}

WeightCells::Values WeightCells::read_conductances(double clock, Rng& rng) const {
  Values g = conductances(clock);
  const Values variance = read_variances(clock);
  g.cells = g.cells + variance.cells.sqrt() * rng.normal(g.cells.sizes());
  if (has_references()) {
    g.references = g.references + variance.references.sqrt() * rng.normal(g.references.sizes());
  }
  return g;
}

Tensor WeightCells::in_lines(const Tensor& values) const {
  if (!switches_.defined()) return values;
  const Tensor single = values.select(1, 0);
  return at::stack({single * switches_.eq(1), single * switches_.eq(-1)}, 1);
}

Tensor WeightCells::signed_values(const Tensor& lines,
                                  const Tensor& references,
                                  Combine combine) const {
  if (!has_references()) {
    return combine == Combine::kVariance ? lines.sum(1) : lines.select(1, 0) - lines.select(1, 1);
  }
  const Tensor reference = references.index_select(0, reference_of_output_);
  if (combine == Combine::kDifference) return lines.select(1, 0) - reference;
  Tensor variance = lines.select(1, 0).clone();
  const double share = mapping_.significance()[0];
  variance[0] += reference / (share * share);
  return variance;
}

Tensor WeightCells::weights(const Values& values) const {
  return mapping_.to_weights(
      signed_values(in_lines(values.cells), values.references, Combine::kDifference));
}

std::map<std::string, Tensor> WeightCells::state() const {
  std::map<std::string, Tensor> state = to_tensors(cells_);
  if (switches_.defined()) state[kSwitches] = switches_;
  if (!has_references()) return state;
  for (const auto& [name, tensor] : to_tensors(references_)) state[kReference + name] = tensor;
  return state;
}

void WeightCells::load_state(const std::map<std::string, Tensor>& state) {
  Cells cells = cells_from_tensors(state);
  std::map<std::string, Tensor> of_references;
  for (const auto& [name, tensor] : state) {
    if (name.compare(0, kReference.size(), kReference) == 0) {
      of_references[name.substr(kReference.size())] = tensor;
    }
  }
  const auto switches = state.find(kSwitches);
  const bool fits = cells.g_written.sizes() == cells_.g_written.sizes() &&
                    switches_.defined() == (switches != state.end()) &&
                    has_references() == !of_references.empty();
  if (!fits) {
    throw ConfigError(
        "the state of a product does not fit the network (another shape or an incomplete "
        "checkpoint); start the run anew");
  }
  cells_ = std::move(cells);
  if (switches_.defined()) switches_ = switches->second;
  if (has_references()) references_ = cells_from_tensors(of_references);
}

}  // namespace crossloom
