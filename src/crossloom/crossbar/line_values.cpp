#include "crossloom/crossbar/line_values.h"

#include <algorithm>
#include <cmath>

#include <ATen/Parallel.h>

namespace crossloom {
namespace {

/// The value of term `k` for cells of conductance `g`.
Tensor strength_of(const IvLaw& law, std::size_t k, const Tensor& g) {
  return k == 0 ? g : law[k].strength(g);
}

/// 1 or the derivative of the strength.
Tensor sensitivity_of(const IvLaw& law, std::size_t k, const Tensor& g) {
  return k == 0 ? at::ones({1}, g.options()).expand_as(g)
                : strength_slope(law[k], g).to(g.scalar_type());
}

/// What cells of conductance `g` put into the products: K terms, then the K (K + 1) / 2 variances
/// of their reads.
std::vector<Tensor> values_of_cells(const IvLaw& law, const Tensor& g, const Tensor& read_sigma) {
  std::vector<Tensor> values;
  for (std::size_t k = 0; k < law.size(); ++k) values.push_back(strength_of(law, k, g));
  const Tensor variance = read_sigma.square();
  if (law.size() == 1) {
    values.push_back(variance);
    return values;
  }
  std::vector<Tensor> slopes;
  for (std::size_t k = 0; k < law.size(); ++k) slopes.push_back(sensitivity_of(law, k, g));
  for (std::size_t j = 0; j < law.size(); ++j) {
    for (std::size_t k = j; k < law.size(); ++k) {
      const double twice = j == k ? 1 : 2;
      values.push_back(twice * variance * slopes[j] * slopes[k]);
    }
  }
  return values;
}

bool is_quiet(const WeightCells::Values& variance) {
  return variance.cells.max().item<double>() == 0 &&
         (!variance.references.defined() || variance.references.max().item<double>() == 0);
}

/// What is left of the variance of each cell in the current of its column (`values_of_product`).
Tensor shares_of_noise(const Tensor& g, const LineResistance& wires) {
  const Tensor all = 1 + line_drop(g, wires);
  LineResistance columns = wires;
  columns.r_row = columns.r_driver = 0;
  // Driven from its column alone, a cell shares its row with nobody.
  const Tensor path = wires.r_driver + wires.r_row * at::arange(1, g.size(1) + 1, g.options());
  const Tensor own = 1 + line_drop(g, columns) + g * path;
  return 1 / (all * own).square();
}

/// max |i| / (g |v|) and max i' / g up to `v_full`, over the window of the device.
std::pair<double, double> amplification(const Device& device, double v_full) {
  const IvLaw law = device.iv_law();
  const auto [g_min, g_max] = device.range();
  const Tensor g = at::linspace(std::max(g_min, 1e-3 * g_max), g_max, 16, at::kDouble).unsqueeze(1);
  const Tensor v = at::linspace(-v_full, v_full, 64, at::kDouble);  // none of them is zero
  Tensor slope = at::zeros_like(g * v);
  for (const IvTerm& term : law) slope += term.strength(g) * term.slope(v);
  return {(current(law, g, v) / (g * v)).abs().max().item<double>(),
          (slope / g).abs().max().item<double>()};
}

/// The blocks of a product and what their lines do to them.
class Lines {
 public:
  Lines(const Hardware& hardware, const ProductGeometry& geometry, const Tiling& tiling)
      : hardware_(hardware),
        geometry_(geometry),
        blocks_(blocks_of(geometry, tiling, hardware.mapping.footprint())) {}

  void apply(ProductValues& values) const {
    if (is_linear(hardware_.device.iv_law(), hardware_.dac.v_full())) {
      LineValues effective = copy_of(values.means[0]);
      scale_variances(values);
      for_each_block([&](const Block& block, const LineResistance& wires) {
        set_cells_of_block(
            effective_block(cells_of_block(values.means[0], geometry_, block), wires),
            geometry_,
            block,
            effective);
      });
      values.means[0] = effective;
      return;
    }
    values.needs_newton = !is_within_tolerance(values.means[0]);
    scale_variances(values);
    if (values.needs_newton) return;
    std::vector<LineValues> scaled;
    for (const LineValues& term : values.means) scaled.push_back(copy_of(term));
    for_each_block([&](const Block& block, const LineResistance& wires) {
      const Tensor g = cells_of_block(values.means[0], geometry_, block).to(at::kDouble);
      const Tensor share = 1 / (1 + line_drop(g, wires));
      for (LineValues& term : scaled) {
        set_cells_of_block(share * cells_of_block(term, geometry_, block), geometry_, block, term);
      }
    });
    values.means = scaled;
  }

 private:
  static LineValues copy_of(const LineValues& values) {
    const auto copy = [](const Tensor& x) {
      return x.defined() ? x.clone(at::MemoryFormat::Contiguous) : Tensor();
    };
    return {copy(values.lines), copy(values.references)};
  }

  template <class Function>
  void for_each_block(const Function& function) const {
    const auto count = static_cast<std::int64_t>(blocks_.size());
    const auto run = [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t n = begin; n < end; ++n) {
        const Block& block = blocks_[static_cast<std::size_t>(n)];
        function(block, wires_of_block(hardware_.lines.wires, block));
      }
    };
    // Few blocks leave the threads to their matrix products.
    if (count < 8) {
      run(0, count);
    } else {
      at::parallel_for(0, count, 1, run);
    }
  }

  Tensor effective_block(const Tensor& g, const LineResistance& wires) const {
    if (hardware_.lines.tolerance > 0) {
      const ApproximateConductance approximate = approximate_conductance(g, wires);
      if (approximate.bound <= hardware_.lines.tolerance) return approximate.g;
    }
    return effective_conductance(g, wires);
  }

  bool is_within_tolerance(const LineValues& g) const {
    if (hardware_.lines.tolerance == 0) return false;
    const auto [chord, slope] = amplification(hardware_.device, hardware_.dac.v_full());
    double kappa = 0;
    for (const Block& block : blocks_) {
      const LineResistance wires = wires_of_block(hardware_.lines.wires, block);
      const Tensor cells = cells_of_block(g, geometry_, block).to(at::kDouble);
      kappa = std::max(kappa, line_drop(cells, wires).max().item<double>());
    }
    return kappa * chord * (1 + slope) <= hardware_.lines.tolerance;
  }

  void scale_variances(ProductValues& values) const {
    if (values.variances.empty()) return;
    std::vector<LineValues> scaled;
    for (const LineValues& term : values.variances) scaled.push_back(copy_of(term));
    for_each_block([&](const Block& block, const LineResistance& wires) {
      const Tensor g = cells_of_block(values.means[0], geometry_, block).to(at::kDouble);
      const Tensor share = shares_of_noise(g, wires);
      for (LineValues& term : scaled) {
        set_cells_of_block(share * cells_of_block(term, geometry_, block), geometry_, block, term);
      }
    });
    values.variances = scaled;
  }

  const Hardware& hardware_;
  const ProductGeometry& geometry_;
  std::vector<Block> blocks_;
};

/// The part of `values.lines` that lies in `block`: [S, L, outputs, rows].
Tensor part_of_lines(const LineValues& values, const Block& block) {
  return values.lines.flatten(3)
      .narrow(2, block.first_output, block.num_outputs)
      .narrow(3, block.first_row, block.num_rows);
}

/// The rows of the reference column of `block`, which is number `index` of all.
Tensor part_of_references(const LineValues& values,
                          const ProductGeometry& geometry,
                          const Block& block) {
  const std::int64_t col_tiles = values.references.size(0) / geometry.groups;
  return values.references.flatten(1)
      .select(0, block.group * col_tiles + block.col_tile)
      .narrow(0, block.first_row, block.num_rows);
}

}  // namespace

Tensor cells_of_block(const LineValues& values,
                      const ProductGeometry& geometry,
                      const Block& block) {
  const Tensor lines =
      part_of_lines(values, block).permute({3, 2, 0, 1}).reshape({block.num_rows, -1});
  if (!values.references.defined()) return lines;
  return at::cat({lines, part_of_references(values, geometry, block).unsqueeze(1)}, 1);
}

void set_cells_of_block(const Tensor& matrix,
                        const ProductGeometry& geometry,
                        const Block& block,
                        LineValues& values) {
  const std::int64_t slices = values.lines.size(0);
  const std::int64_t lines = values.lines.size(1);
  const std::int64_t columns = block.num_outputs * slices * lines;
  part_of_lines(values, block)
      .copy_(matrix.narrow(1, 0, columns)
                 .reshape({block.num_rows, block.num_outputs, slices, lines})
                 .permute({2, 3, 1, 0}));
  if (!values.references.defined()) return;
  part_of_references(values, geometry, block).copy_(matrix.select(1, columns));
}

LineResistance wires_of_block(const LineResistance& wires, const Block& block) {
  LineResistance of_block = wires;
  of_block.r_driver += wires.r_row * static_cast<double>(block.lines_before);
  of_block.r_sense += wires.r_col * static_cast<double>(block.rows_below);
  return of_block;
}

ProductValues values_of_product(const Hardware& hardware,
                                const ProductGeometry& geometry,
                                const Tiling& tiling,
                                const WeightCells& cells,
                                double clock) {
  const IvLaw law = hardware.device.iv_law();
  const std::vector<WeightCells::Values> of_cells = cells.values([&](const Cells& block) {
    const Tensor g = hardware.device.conductance(block, clock);
    return values_of_cells(law, g, hardware.device.read_sigma(block, g, clock));
  });
  ProductValues values;
  for (std::size_t k = 0; k < of_cells.size(); ++k) {
    if (k == law.size() && is_quiet(of_cells[k])) break;
    (k < law.size() ? values.means : values.variances)
        .push_back({cells.in_lines(of_cells[k].cells), of_cells[k].references});
  }
  if (hardware.has_lines()) Lines(hardware, geometry, tiling).apply(values);
  return values;
}

}  // namespace crossloom
