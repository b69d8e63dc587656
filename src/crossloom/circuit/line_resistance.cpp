#include "crossloom/circuit/line_resistance.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <ATen/Parallel.h>

#include "crossloom/circuit/leaf_blocks.h"
#include "crossloom/circuit/port_block.h"

namespace crossloom {
namespace {

constexpr std::int64_t kLeafSize = 16;  // cells; from here on matrix products are the faster way

std::string text_of(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

std::string shape_of(const Tensor& tensor) {
  std::ostringstream text;
  text << tensor.sizes() << " and type " << tensor.scalar_type();
  return text.str();
}

bool is_real(const Tensor& tensor) {
  return tensor.is_floating_point() || at::isIntegralType(tensor.scalar_type(), false);
}

/// Products of conductances and resistances must stay far from the largest double.
void require_no_overflow(const Tensor& g, const LineResistance& lines) {
  const double g_max = g.max().item<double>();
  const double r_sum = lines.r_row + lines.r_col + lines.r_driver + lines.r_sense;
  if (g_max * r_sum * static_cast<double>(g.numel()) < 1e100) return;
  throw ConfigError("conductances of up to " + text_of(g_max) + " S with line resistances of " +
                    text_of(r_sum) +
                    " Ohm (the nodal equations overflow); give physical values in S and Ohm");
}

/// Blocks of an array, from left to right, then from the bottom up.
struct BlockGrid {
  std::vector<PortBlock> blocks;
  std::int64_t down;
  std::int64_t across;
};

/// Joins the blocks two by two, across the shorter edge, so that blocks stay near to squares.
BlockGrid join_pairs(const BlockGrid& from) {
  const bool is_upwards =
      from.across == 1 || (from.down > 1 && from.blocks[0].height <= from.blocks[0].width);
  BlockGrid to;
  to.down = is_upwards ? (from.down + 1) / 2 : from.down;
  to.across = is_upwards ? from.across : (from.across + 1) / 2;
  to.blocks.resize(static_cast<std::size_t>(to.down * to.across));
  const auto make = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = begin; n < end; ++n) {
      const std::int64_t i = n / to.across * (is_upwards ? 2 : 1);
      const std::int64_t c = n % to.across * (is_upwards ? 1 : 2);
      const PortBlock& first = from.blocks[i * from.across + c];
      const bool is_single = is_upwards ? i + 1 == from.down : c + 1 == from.across;
      const std::int64_t step = is_upwards ? from.across : 1;
      to.blocks[n] = is_single ? first : join(first, (&first)[step], is_upwards ? kTop : kRight);
    }
  };
  // A single pair leaves the threads to its matrix products.
  const auto num = static_cast<std::int64_t>(to.blocks.size());
  if (num > 1) {
    at::parallel_for(0, num, 1, make);
  } else {
    make(0, 1);
  }
  return to;
}

/// The effective matrix, from leaves of at most `max_leaf` cells along an edge.
Tensor reduce(const Tensor& g_cells, const LineResistance& lines, std::int64_t max_leaf) {
  require_conductances(g_cells);
  lines.validate();
  const Tensor g = g_cells.detach().to(at::kCPU, at::kDouble).contiguous();
  if (lines.is_ideal()) return g.clone();
  require_no_overflow(g, lines);
  const LeafGrid leaves(g.size(0), g.size(1), max_leaf);
  BlockGrid grid{reduce_leaves(g, lines, leaves), leaves.down, leaves.across};
  while (grid.blocks.size() > 1) grid = join_pairs(grid);
  const PortBlock& array = grid.blocks[0];
  const Tensor q = gather(array.h, array.sides[kLeft], array.sides[kBottom]);
  return q.narrow(0, 0, g.size(0)).narrow(1, 0, g.size(1)).neg().flip(0);
}

}  // namespace

void LineResistance::describe(ParamList& params) {
  params.add("r_row", r_row, {0, 1e6}, "Ohm", "resistance of a row between two cells");
  params.add("r_col", r_col, {0, 1e6}, "Ohm", "resistance of a column between two cells");
  params.add("r_driver", r_driver, {0, 1e6}, "Ohm", "output resistance of a row's driver");
  params.add("r_sense", r_sense, {0, 1e6}, "Ohm", "input resistance of a column's sense amplifier");
}

void LineOptions::describe(ParamList& params) {
  wires.describe(params);
  params.add("tolerance",
             tolerance,
             {0, 1},
             "1",
             "error of a column's current, over what its cells drive at full input, up to which an "
             "approximation serves; 0 = exact");
}

void LineResistance::validate() const {
  for (const auto& [name, value] : {std::pair{"r_row", r_row},
                                    {"r_col", r_col},
                                    {"r_driver", r_driver},
                                    {"r_sense", r_sense}}) {
    if (std::isfinite(value) && value >= 0) continue;
    throw ConfigError(
        std::string(name) + " = " + text_of(value) +
        " Ohm (a line resistance is finite and not negative); give 0 for an ideal wire "
        "or a positive resistance");
  }
}

void require_conductances(const Tensor& g) {
  if (g.dim() != 2 || g.numel() == 0 || !is_real(g)) {
    throw ConfigError("conductances of shape " + shape_of(g) +
                      " (an array is a matrix of numbers with at least one row and one column); "
                      "give one conductance per row and column");
  }
  const Tensor values = g.detach().to(at::kCPU, at::kDouble);
  const Tensor bad = values.isfinite().logical_and(values >= 0).logical_not();
  if (!bad.any().item<bool>()) return;
  const Tensor place = bad.nonzero()[0];
  throw ConfigError("conductance of row " + std::to_string(place[0].item<std::int64_t>()) +
                    ", column " + std::to_string(place[1].item<std::int64_t>()) + " = " +
                    text_of(values[place[0]][place[1]].item<double>()) +
                    " S (a conductance is finite and not negative); give 0 for an absent cell or a "
                    "positive number of siemens");
}

void require_inputs(const Tensor& v, const Tensor& g) {
  if (v.dim() < 1 || v.dim() > 2 || v.size(-1) != g.size(0) || !is_real(v)) {
    throw ConfigError("inputs of shape " + shape_of(v) + " (the array has " +
                      std::to_string(g.size(0)) +
                      " rows); give a vector with one voltage per row, "
                      "or a matrix with one such vector per line");
  }
  if (!v.detach().isfinite().all().item<bool>()) {
    throw ConfigError(
        "inputs with a NaN or an infinity (nothing can be computed with it); give "
        "finite voltages");
  }
}

Tensor effective_conductance(const Tensor& g, const LineResistance& lines) {
  return reduce(g, lines, kLeafSize);
}

Tensor effective_conductance_by_cells(const Tensor& g, const LineResistance& lines) {
  return reduce(g, lines, std::max<std::int64_t>(g.numel(), 1));
}

Tensor line_drop(const Tensor& x, const LineResistance& lines) {
  const Tensor in_row =
      x.flip(1).cumsum(1).flip(1);  // current of the segment in front of each cell
  const Tensor in_col = x.cumsum(0);
  return lines.r_row * in_row.cumsum(1) + lines.r_driver * in_row.narrow(1, 0, 1) +
         lines.r_col * in_col.flip(0).cumsum(0).flip(0) +
         lines.r_sense * in_col.narrow(0, x.size(0) - 1, 1);
}

ApproximateConductance approximate_conductance(const Tensor& g, const LineResistance& lines) {
  require_conductances(g);
  lines.validate();
  const Tensor cells = g.detach().to(at::kCPU, at::kDouble);
  const Tensor rho = line_drop(cells, lines);
  const double kappa = rho.max().item<double>();
  const double bound = kappa < 1 ? kappa * kappa * (2 - kappa) / (1 - kappa)
                                 : std::numeric_limits<double>::infinity();
  return {cells / (1 + rho), bound};
}

}  // namespace crossloom
