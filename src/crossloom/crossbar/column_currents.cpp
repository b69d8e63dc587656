#include "crossloom/crossbar/column_currents.h"

#include "crossloom/circuit/nonlinear_cells.h"

namespace crossloom {
namespace {

ProductGeometry of_references(ProductGeometry geometry, const Tiling& tiling) {
  geometry.out_channels = geometry.groups * tiling.col_tiles;
  return geometry;
}

/// Sums of all parts, kind by kind.
void add_to(std::vector<Tensor>& sums, const std::vector<Tensor>& parts) {
  if (sums.empty()) {
    sums = parts;
    return;
  }
  for (std::size_t k = 0; k < sums.size(); ++k) sums[k] = sums[k] + parts[k];
}

}  // namespace

ColumnCurrents::ColumnCurrents(const Hardware& hardware,
                               const ProductGeometry& geometry,
                               const Tiling& tiling)
    : hardware_(hardware),
      geometry_(geometry),
      reference_geometry_(of_references(geometry, tiling)),
      tiling_(tiling),
      law_(hardware.device.iv_law()),
      driver_(hardware.dac, law_),
      volts_(hardware.dac, linear_law()) {}

/// [S, L, weight shape] -> [kinds, weight shape]
Tensor ColumnCurrents::kinds(const Tensor& lines, WeightCells::Combine combine) const {
  if (lines.size(1) == hardware_.converted_lines()) return lines.flatten(0, 1);
  return combine == WeightCells::Combine::kVariance ? lines.sum(1)
                                                    : lines.select(1, 0) - lines.select(1, 1);
}

/// Where all columns have the same variance one stands for all of them.
ColumnSums ColumnCurrents::sums_of(const Tensor& variance, const ProductGeometry& geometry) const {
  const auto [smallest, largest] = at::aminmax(variance);
  const double value = largest.item<double>();
  const bool are_equal = law_.size() == 1 && value == smallest.item<double>();
  return are_equal ? ColumnSums(value, geometry, tiling_)
                   : ColumnSums(variance, geometry, tiling_, ColumnSums::Precision::kReduced);
}

void ColumnCurrents::set(const WeightCells& cells, double clock) {
  const ProductValues values = values_of_product(hardware_, geometry_, tiling_, cells, clock);
  weights_ = {};
  references_ = {};
  needs_newton_ = values.needs_newton;
  g_ = needs_newton_ ? values.means[0] : LineValues();
  for (const LineValues& term : values.means) {
    if (needs_newton_) break;
    weights_.means.emplace_back(
        kinds(term.lines, WeightCells::Combine::kDifference), geometry_, tiling_);
    if (!term.references.defined()) continue;
    references_.means.emplace_back(term.references.unsqueeze(0), reference_geometry_, tiling_);
  }
  for (const LineValues& term : values.variances) {
    weights_.variances.push_back(
        sums_of(kinds(term.lines, WeightCells::Combine::kVariance), geometry_));
    if (!term.references.defined()) continue;
    references_.variances.push_back(sums_of(term.references.unsqueeze(0), reference_geometry_));
  }
}

RowInputs ColumnCurrents::inputs(const Tensor& x, double full_scale) const {
  const auto want = has_noise() ? RowDriver::Want::kTermsAndSquares : RowDriver::Want::kTerms;
  RowInputs inputs;
  inputs.drive = hardware_.dac.converts_each_bit() ? driver_.drive_apart(x, full_scale, want)
                                                   : driver_.drive(x, full_scale, want);
  if (needs_newton_) {
    inputs.volts = volts_.drive_apart(x, full_scale, RowDriver::Want::kTerms).terms[0];
  }
  return inputs;
}

std::vector<double> ColumnCurrents::read_weights() const {
  return hardware_.dac.converts_each_bit() ? driver_.pulse_weights() : std::vector<double>{1};
}

Currents ColumnCurrents::read(const Sums& sums, const Drive& drive, std::int64_t row_tile) const {
  Currents currents;
  for (std::size_t k = 0; k < sums.means.size(); ++k) {
    add_to(currents.means, sums.means[k](drive.terms[k], row_tile));
  }
  for (std::size_t k = 0; k < sums.variances.size(); ++k) {
    add_to(currents.variances, sums.variances[k](drive.squares[k], row_tile));
  }
  return currents;
}

ColumnCurrents::OfTile ColumnCurrents::read(const RowInputs& inputs, std::int64_t row_tile) const {
  OfTile currents{read(weights_, inputs.drive, row_tile),
                  read(references_, inputs.drive, row_tile)};
  if (needs_newton_) solve(inputs.volts, row_tile, currents);
  return currents;
}

/// The voltages of the rows of `block` at each position: [pulses B L, rows].
Tensor ColumnCurrents::rows_of_block(const Tensor& volts, const Block& block) const {
  if (geometry_.kind == ProductGeometry::Kind::kLinear) {
    return volts.narrow(1, block.first_row, block.num_rows);
  }
  const ProductGeometry::Padding& p = geometry_.padding;
  const std::int64_t channels = geometry_.in_channels / geometry_.groups;
  const Tensor padded = at::constant_pad_nd(volts.narrow(1, block.group * channels, channels),
                                            {p[1], p[3], p[0], p[2]});
  const Tensor columns = at::im2col(
      padded, geometry_.kernel, geometry_.dilation, /*padding=*/{0, 0}, geometry_.stride);
  return columns.narrow(1, block.first_row, block.num_rows)
      .transpose(1, 2)
      .reshape({-1, block.num_rows});
}

/// Currents of the columns of `block`: [P, B, L, columns].
Tensor ColumnCurrents::solve_block(const Tensor& volts, const Block& block) const {
  const Tensor i = solve_nonlinear(cells_of_block(g_, geometry_, block),
                                   law_,
                                   rows_of_block(volts, block).cpu(),
                                   wires_of_block(hardware_.lines.wires, block))
                       .i;
  const std::vector<double> weights = volts_.pulse_weights();
  const Tensor reads =
      i.view({static_cast<std::int64_t>(weights.size()), -1, i.size(0) / volts.size(0), i.size(1)});
  if (hardware_.dac.converts_each_bit()) return reads;
  return (reads * at::tensor(weights, at::kDouble).view({-1, 1, 1, 1})).sum(0, /*keepdim=*/true);
}

/// Currents of non-linear cells with line resistance.
void ColumnCurrents::solve(const Tensor& volts, std::int64_t row_tile, OfTile& currents) const {
  const std::int64_t slices = hardware_.mapping.num_slices();
  const std::int64_t lines = g_.lines.size(1);
  Tensor of_lines;       // [S, L, P B, outputs, positions]
  Tensor of_references;  // [P B, references, positions]
  for (const Block& block : blocks_of(geometry_, tiling_, hardware_.mapping.footprint())) {
    if (block.row_tile != row_tile) continue;
    const Tensor i = solve_block(volts, block).flatten(0, 1).to(at::kFloat);  // [P B, L, columns]
    const std::int64_t columns = block.num_outputs * slices * lines;
    if (!of_lines.defined()) {
      of_lines =
          at::empty({slices, lines, i.size(0), geometry_.out_channels, i.size(1)}, at::kFloat);
      of_references =
          at::empty({i.size(0), reference_geometry_.out_channels, i.size(1)}, at::kFloat);
    }
    of_lines.narrow(3, block.first_output, block.num_outputs)
        .copy_(i.narrow(2, 0, columns)
                   .reshape({i.size(0), i.size(1), block.num_outputs, slices, lines})
                   .permute({3, 4, 0, 2, 1}));
    if (!g_.references.defined()) continue;
    of_references.select(1, block.group * tiling_.col_tiles + block.col_tile)
        .copy_(i.select(2, columns));
  }
  const Tensor of_kinds = kinds(of_lines, WeightCells::Combine::kDifference).flatten(2);
  currents.weights.means = of_kinds.to(volts.device()).unbind(0);
  if (!g_.references.defined()) return;
  currents.references.means = {of_references.flatten(1).to(volts.device())};
}

}  // namespace crossloom
