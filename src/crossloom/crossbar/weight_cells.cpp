#include "crossloom/crossbar/weight_cells.h"

#include <algorithm>
#include <mutex>

#include <ATen/Parallel.h>

#include "crossloom/device/masks.h"

namespace crossloom {
namespace {

const std::string kReference = "reference.";
const std::string kSwitches = "switches";

/// Streams below those of `Purpose`.
constexpr std::uint64_t kPieces = 100;
constexpr std::uint64_t kReferenceCells = 101;
constexpr std::uint64_t kReferenceWrites = 102;

/// Cells of a piece, about: a tensor of them is a quarter of a megabyte.
constexpr std::int64_t kPieceCells = 1 << 16;

constexpr std::int64_t kOutputs = 2;  // dimension of [S, P, weight shape]

/// A target that moves by less than a millionth of the window is the same target, rounded.
Tensor is_new(const Tensor& target, const Cells& cells, ConductanceRange range) {
  return differ(target, cells.g_target, 1e-6 * (range.g_max - range.g_min));
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
      weight_sizes_(geometry.weight_sizes()),
      cells_per_weight_(hardware.mapping.footprint().num_cells) {
  if (mapping_.scheme() == WeightScheme::kSignMagnitude) {
    switches_ = mapping_.to_switches(at::zeros(weight_sizes_));
  }
  if (has_references()) {
    const Tiling tiling = tile_product(geometry, hardware.array, hardware.mapping.footprint());
    reference_sizes_ = weight_sizes_;
    reference_sizes_[0] = geometry.groups * tiling.col_tiles;
    const std::int64_t outputs = geometry.out_channels / geometry.groups;
    const Tensor output = at::arange(geometry.out_channels, at::kLong);
    const Tensor group = at::div(output, outputs, "floor");
    reference_of_output_ = group * tiling.col_tiles +
                           at::div(output - group * outputs, tiling.outputs_per_tile, "floor");
  }
  if (!is_kept_) return;
  pieces_.resize(static_cast<std::size_t>(num_pieces()));
  for_each_piece([&](const Piece& piece) { pieces_[piece.index] = make(piece); });
  references_ = make_references();
}

/// Shape of the block of cells of so many outputs.
std::vector<std::int64_t> WeightCells::cell_sizes(std::int64_t outputs) const {
  const std::int64_t slices = mapping_.num_slices();
  std::vector<std::int64_t> sizes = weight_sizes_;
  sizes[0] = outputs;
  sizes.insert(sizes.begin(), {slices, cells_per_weight_ / slices});
  return sizes;
}

std::int64_t WeightCells::num_cells() const {
  return c10::multiply_integers(weight_sizes_) * cells_per_weight_;
}

std::int64_t WeightCells::num_pieces() const {
  const std::int64_t outputs = std::max<std::int64_t>(weight_sizes_[0], 1);
  return std::clamp<std::int64_t>((num_cells() + kPieceCells / 2) / kPieceCells, 1, outputs);
}

/// Pieces of the same size, but for one output.
WeightCells::Piece WeightCells::piece(std::int64_t index) const {
  const auto begin = [&](std::int64_t k) { return k * weight_sizes_[0] / num_pieces(); };
  return {static_cast<std::size_t>(index), begin(index), begin(index + 1) - begin(index)};
}

template <class Function>
void WeightCells::for_each_piece(const Function& function) const {
  at::parallel_for(0, num_pieces(), 1, [&](std::int64_t begin, std::int64_t end) {
    const at::NoGradGuard no_grad;  // which other threads do not know of
    for (std::int64_t k = begin; k < end; ++k) function(piece(k));
  });
}

Cells WeightCells::make(const Piece& piece) const {
  return device_.make_cells(cell_sizes(piece.count), place_.fork(kPieces).fork(piece.index));
}

Cells WeightCells::make_references() const {
  if (!has_references()) return {};
  return device_.make_cells(reference_sizes_, place_.fork(kReferenceCells));
}

Cells WeightCells::cells_of(const Piece& piece) const {
  if (is_kept_) return pieces_[piece.index];
  Cells cells = make(piece);
  if (writing_) write(piece, at::ones({1}, at::kBool), *writing_, cells);
  return cells;
}

Cells WeightCells::cells() const {
  std::vector<Cells> pieces(static_cast<std::size_t>(num_pieces()));
  for_each_piece([&](const Piece& piece) { pieces[piece.index] = cells_of(piece); });
  return join(pieces, kOutputs);
}

Cells WeightCells::references() const {
  if (is_kept_) return references_;
  Cells cells = make_references();
  if (writing_ && has_references()) write_references(*writing_, cells);
  return cells;
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

/// Programs `cells`, those of `piece`, where `mask`, [weight shape] or [1] of true, is true.
void WeightCells::write(const Piece& piece,
                        const Tensor& mask,
                        const Writing& writing,
                        Cells& cells) const {
  const Tensor target =
      mapping_.of_outputs(piece.first, piece.count).to_conductances(piece.part(writing.w));
  Rng own = writing.rng.fork(piece.index);
  Tensor is_written = is_new(target, cells, device_.range());
  if (mask.numel() > 1) is_written.logical_and_(mask);
  device_.write(cells, is_written, target, writing.clock, own);
}

void WeightCells::write_references(const Writing& writing, Cells& cells) const {
  Rng own = place_.fork(kReferenceWrites);
  const Tensor level = at::full_like(cells.g_target, mapping_.reference());
  device_.write(cells, at::ones_like(level, at::kBool), level, writing.clock, own);
}

void WeightCells::write(const Tensor& mask, const Tensor& w, double clock, Rng& rng) {
  const Writing writing = {w.detach(), clock, rng.branch()};
  if (switches_.defined()) {
    switches_ = at::where(mask.unsqueeze(0), mapping_.to_switches(writing.w), switches_);
  }
  if (!is_kept_) {
    TORCH_CHECK(!writing_ && once(mask).all().item<bool>(),
                "cells that are not kept are written once");
    writing_ = writing;
    return;
  }
  for_each_piece(
      [&](const Piece& piece) { write(piece, piece.part(mask), writing, pieces_[piece.index]); });
  if (has_references() && !was_written(references_)) write_references(writing, references_);
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
  const Rng writes = rng.branch();
  for_each_piece([&](const Piece& piece) {
    Rng own = writes.fork(piece.index);
    device_.pulse(pieces_[piece.index], piece.part(pulses.unsqueeze(0), kOutputs), clock, own);
  });
}

std::vector<WeightCells::Values> WeightCells::values(const CellLaw& law) const {
  std::vector<Values> values;
  if (has_references()) {
    for (const Tensor& of_references : law(references())) values.push_back({{}, of_references});
  }
  std::once_flag is_sized;
  for_each_piece([&](const Piece& piece) {
    const std::vector<Tensor> parts = law(cells_of(piece));
    std::call_once(is_sized, [&] {
      values.resize(parts.size());
      for (std::size_t k = 0; k < parts.size(); ++k) {
        std::vector<std::int64_t> sizes = parts[k].sizes().vec();
        sizes[kOutputs] = weight_sizes_[0];
        values[k].cells = at::empty(sizes, parts[k].options());
      }
    });
    for (std::size_t k = 0; k < parts.size(); ++k) {
      piece.part(values[k].cells, kOutputs).copy_(parts[k]);
    }
  });
  return values;
}

Tensor WeightCells::write_counts() const {
  return values([](const Cells& cells) { return std::vector<Tensor>{cells.write_count}; })[0].cells;
}

WeightCells::Values WeightCells::conductances(double clock) const {
  return values([&](const Cells& cells) {
    return std::vector<Tensor>{device_.conductance(cells, clock)};
  })[0];
}

WeightCells::Values WeightCells::read_conductances(double clock, Rng& rng) const {
  const std::vector<Values> seen = values([&](const Cells& cells) {
    const Tensor g = device_.conductance(cells, clock);
    return std::vector<Tensor>{g, device_.read_sigma(cells, g, clock)};
  });
  Values g = seen[0];
  g.cells += seen[1].cells * rng.normal(g.cells.sizes());
  if (has_references()) {
    g.references = g.references + seen[1].references * rng.normal(g.references.sizes());
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
  std::map<std::string, Tensor> state = to_tensors(cells());
  if (switches_.defined()) state[kSwitches] = switches_;
  if (!has_references()) return state;
  for (const auto& [name, tensor] : to_tensors(references_)) state[kReference + name] = tensor;
  return state;
}

void WeightCells::load_state(const std::map<std::string, Tensor>& state) {
  TORCH_CHECK(is_kept_, "only cells that are kept have a state to come back to");
  const Cells cells = cells_from_tensors(state);
  std::map<std::string, Tensor> of_references;
  for (const auto& [name, tensor] : state) {
    if (name.compare(0, kReference.size(), kReference) == 0) {
      of_references[name.substr(kReference.size())] = tensor;
    }
  }
  const auto switches = state.find(kSwitches);
  const bool fits = cells.g_written.sizes() == cell_sizes(weight_sizes_[0]) &&
                    switches_.defined() == (switches != state.end()) &&
                    has_references() == !of_references.empty();
  if (!fits) {
    throw ConfigError(
        "the state of a product does not fit the network (another shape or an incomplete "
        "checkpoint); start the run anew");
  }
  for_each_piece([&](const Piece& piece) {
    pieces_[piece.index] = narrow(cells, kOutputs, piece.first, piece.count);
  });
  if (switches_.defined()) switches_ = switches->second;
  if (has_references()) references_ = cells_from_tensors(of_references);
}

}  // namespace crossloom
