#include "crossloom/circuit/line_resistance.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <ATen/Parallel.h>

#include "crossloom/core/vector_code.h"

// A block is a rectangle of cells with one port where a line crosses its edge. Its near ports lie
// towards the sources and the ground (left ends of rows, bottom ends of columns), its far ports at
// the right and top. With voltages e and currents p into the block at the near ports, voltages y
// and currents f out of the block at the far ports,
//
//   [p]   [Q   T^T] [e]
//   [y] = [T   -P ] [f]      H = [Q T^T; T -P] is symmetric,
//
// Q a conductance matrix, P a resistance matrix, T the share of the near voltages that arrives.
// Everything stays finite when a resistance or a conductance is zero.
//
//   A segment r at a far port:     y_f -= r f_f.
//   A cell g from far port i to k: z = H[:, i] - H[:, k], H += g / (1 - g (z_i - z_k)) z z^T.
//   Joining the far ports of A with the near ports of B, a the rows of H_A at these ports (other
//   ports only), b those of H_B, P and Q the matrices of the two sides at the joint:
//     u = a (..) - P j,  j = b (..) + Q u   gives, with K = (1 + P Q)^-1,
//     H_AA += a^T Q K a,  H_AB = a^T K^T b,  H_BB -= b^T K P b.
//   P and Q are positive semidefinite, so the eigenvalues of P Q are real, >= 0: 1 + P Q is
//   regular.
//
// Rows are counted from the bottom, so that both kinds of lines start at their near end.

namespace crossloom {
namespace {

constexpr std::int64_t kLanes = 8;     // leaves reduced side by side, one per vector lane
constexpr std::int64_t kLeafSize = 8;  // cells along the edge of a leaf, at most

/// Ports that lie beside each other in a block's matrix.
struct Run {
  std::int64_t first;
  std::int64_t size;
};
using Runs = std::vector<Run>;

enum Side { kLeft, kBottom, kRight, kTop };

struct Block {
  std::int64_t height = 0;
  std::int64_t width = 0;
  Tensor h;                   // [ports, ports]
  std::array<Runs, 4> sides;  // where the ports of each side are; none on an open edge of the array
};

std::int64_t count(const Runs& runs) {
  std::int64_t n = 0;
  for (const Run& run : runs) n += run.size;
  return n;
}

Runs operator+(Runs a, const Runs& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// Copies h[rows, cols] to `to`, whose rows are `stride` apart.
void gather(const Tensor& h, const Runs& rows, const Runs& cols, double* to, std::int64_t stride) {
  const std::int64_t n = h.size(1);
  const double* from = h.data_ptr<double>();
  for (const Run& row : rows) {
    for (std::int64_t r = row.first; r < row.first + row.size; ++r, to += stride) {
      double* out = to;
      for (const Run& col : cols) {
        std::memcpy(
            out, from + r * n + col.first, static_cast<std::size_t>(col.size) * sizeof *out);
        out += col.size;
      }
    }
  }
}

Tensor gather(const Tensor& h, const Runs& rows, const Runs& cols) {
  Tensor part = at::empty({count(rows), count(cols)}, at::kDouble);
  gather(h, rows, cols, part.data_ptr<double>(), part.size(1));
  return part;
}

/// Joins the far ports `from` of `a` (kRight or kTop) with the near ports of `b` opposite to them.
Block join(const Block& a, const Block& b, Side from) {
  const Side to = from == kRight ? kLeft : kBottom;
  const Side other_near = from == kRight ? kBottom : kLeft;
  const Side other_far = from == kRight ? kTop : kRight;
  const Runs rest_a = a.sides[kLeft] + a.sides[kBottom] + a.sides[other_far];
  const Runs rest_b = b.sides[other_near] + b.sides[kRight] + b.sides[kTop];
  const std::int64_t n_a = count(rest_a);
  const std::int64_t n_b = count(rest_b);

  Block joined;
  joined.height = from == kTop ? a.height + b.height : a.height;
  joined.width = from == kRight ? a.width + b.width : a.width;
  joined.h = at::empty({n_a + n_b, n_a + n_b}, at::kDouble);
  double* h = joined.h.data_ptr<double>();
  gather(a.h, rest_a, rest_a, h, n_a + n_b);
  gather(b.h, rest_b, rest_b, h + n_a * (n_a + n_b + 1), n_a + n_b);

  const Tensor row_a = gather(a.h, a.sides[from], rest_a);
  const Tensor row_b = gather(b.h, b.sides[to], rest_b);
  const Tensor minus_p = gather(a.h, a.sides[from], a.sides[from]);
  const Tensor q = gather(b.h, b.sides[to], b.sides[to]);
  Tensor k = at::mm(minus_p, q).neg_();
  k.diagonal().add_(1);
  k = std::get<0>(at::linalg_inv_ex(k));
  Tensor aa = joined.h.narrow(0, 0, n_a).narrow(1, 0, n_a);
  Tensor ab = joined.h.narrow(0, 0, n_a).narrow(1, n_a, n_b);
  Tensor bb = joined.h.narrow(0, n_a, n_b).narrow(1, n_a, n_b);
  aa.addmm_(row_a.t(), at::mm(at::mm(q, k), row_a));
  bb.addmm_(row_b.t(), at::mm(at::mm(k, minus_p), row_b));
  const Tensor cross = at::mm(row_a.t(), at::mm(k.t(), row_b));
  ab.copy_(cross);
  joined.h.narrow(0, n_a, n_b).narrow(1, 0, n_a).copy_(cross.t());

  std::int64_t next = 0;
  const auto place = [&](Side side, const Block& block) {
    const std::int64_t size = count(block.sides[side]);
    if (size > 0) joined.sides[side].push_back({next, size});
    next += size;
  };
  place(kLeft, a);
  place(kBottom, a);
  place(other_far, a);
  place(other_near, b);
  place(kRight, b);
  place(kTop, b);
  return joined;
}

/// Cells of a block, padded with absent ones, and the segments in front of them.
struct Leaf {
  std::int64_t height;
  std::int64_t width;
  const double* g;      // [height, width, kLanes]  S
  const double* r_row;  // [width, kLanes]   ohm  segment in front of the cells of a column
  const double* r_col;  // [height, kLanes]  ohm  segment in front of the cells of a row
};

/// H of `kLanes` leaves, cell by cell. Ports: left, bottom, right, top; the lower triangle is kept.
///
///   h  [ports, ports, kLanes]  starts as wires without cells
///   z  [2, ports, kLanes]      scratch
CROSSLOOM_VECTOR
void add_cells(const Leaf& leaf, double* h, double* z) {
  const std::int64_t near = leaf.height + leaf.width;
  const std::int64_t ports = 2 * near;
  double* scaled = z + ports * kLanes;
  for (std::int64_t i = 0; i < leaf.height; ++i) {
    for (std::int64_t c = 0; c < leaf.width; ++c) {
      const std::int64_t row_port = near + i;
      const std::int64_t col_port = near + leaf.height + c;
      double* row_self = h + (row_port * ports + row_port) * kLanes;
      double* col_self = h + (col_port * ports + col_port) * kLanes;
      for (std::int64_t l = 0; l < kLanes; ++l) {
        row_self[l] -= leaf.r_row[c * kLanes + l];
        col_self[l] -= leaf.r_col[i * kLanes + l];
      }
      for (std::int64_t p = 0; p < ports; ++p) {
        const double* from_row =
            h + (std::max(p, row_port) * ports + std::min(p, row_port)) * kLanes;
        const double* from_col =
            h + (std::max(p, col_port) * ports + std::min(p, col_port)) * kLanes;
        for (std::int64_t l = 0; l < kLanes; ++l) z[p * kLanes + l] = from_row[l] - from_col[l];
      }
      const double* g = leaf.g + (i * leaf.width + c) * kLanes;
      double share[kLanes];
      for (std::int64_t l = 0; l < kLanes; ++l) {
        const double loop = z[col_port * kLanes + l] - z[row_port * kLanes + l];  // [ohm] >= 0
        share[l] = g[l] / (1 + g[l] * loop);
      }
      for (std::int64_t p = 0; p < ports; ++p) {
        for (std::int64_t l = 0; l < kLanes; ++l) {
          scaled[p * kLanes + l] = share[l] * z[p * kLanes + l];
        }
        double* row = h + p * ports * kLanes;
        const double* factor = scaled + p * kLanes;
        for (std::int64_t q = 0; q <= p; ++q) {
          for (std::int64_t l = 0; l < kLanes; ++l) {
            row[q * kLanes + l] += factor[l] * z[q * kLanes + l];
          }
        }
      }
    }
  }
}

/// How an array is cut into leaves of one size.
struct Cut {
  Cut(const Tensor& g, std::int64_t max_leaf)
      : down((g.size(0) + max_leaf - 1) / max_leaf),
        across((g.size(1) + max_leaf - 1) / max_leaf),
        height((g.size(0) + down - 1) / down),
        width((g.size(1) + across - 1) / across) {}

  std::int64_t down;
  std::int64_t across;
  std::int64_t height;
  std::int64_t width;
};

/// The leaves `first` ... `last - 1` (at most kLanes) of the array `g` [R, C], put into `blocks`.
void reduce_leaves(const Tensor& g,
                   const LineResistance& lines,
                   const Cut& cut,
                   std::int64_t first,
                   std::int64_t last,
                   Block* blocks) {
  const std::int64_t num_rows = g.size(0);
  const std::int64_t num_cols = g.size(1);
  const double* cells = g.data_ptr<double>();
  const std::int64_t near = cut.height + cut.width;
  const std::int64_t ports = 2 * near;
  const auto lanes = [](std::int64_t n) { return static_cast<std::size_t>(n * kLanes); };
  std::vector<double> g_leaf(lanes(cut.height * cut.width));
  std::vector<double> r_row(lanes(cut.width));
  std::vector<double> r_col(lanes(cut.height));
  std::vector<double> h(lanes(ports * ports));
  std::vector<double> z(lanes(2 * ports));
  for (std::int64_t p = 0; p < near; ++p) {
    std::fill_n(h.begin() + ((near + p) * ports + p) * kLanes, kLanes, 1.0);
  }
  for (std::int64_t lane = 0; lane < last - first; ++lane) {
    const std::int64_t top =
        (first + lane) / cut.across * cut.height;  // rows counted from the bottom
    const std::int64_t left = (first + lane) % cut.across * cut.width;
    for (std::int64_t i = 0; i < cut.height; ++i) {
      const std::int64_t row = num_rows - 1 - (top + i);
      r_col[lanes(i) + lane] = lines.r_col + (top + i == 0 ? lines.r_sense : 0);
      for (std::int64_t c = 0; c < cut.width && row >= 0; ++c) {
        if (left + c >= num_cols) break;
        g_leaf[lanes(i * cut.width + c) + lane] = cells[row * num_cols + left + c];
      }
    }
    for (std::int64_t c = 0; c < cut.width; ++c) {
      r_row[lanes(c) + lane] = lines.r_row + (left + c == 0 ? lines.r_driver : 0);
    }
  }
  add_cells({cut.height, cut.width, g_leaf.data(), r_row.data(), r_col.data()}, h.data(), z.data());
  for (std::int64_t lane = 0; lane < last - first; ++lane) {
    Block& block = blocks[lane];
    block.height = cut.height;
    block.width = cut.width;
    block.h = at::empty({ports, ports}, at::kDouble);
    double* to = block.h.data_ptr<double>();
    for (std::int64_t p = 0; p < ports; ++p) {
      for (std::int64_t q = 0; q <= p; ++q) {
        to[p * ports + q] = to[q * ports + p] = h[lanes(p * ports + q) + lane];
      }
    }
    block.sides[kLeft] = {{0, cut.height}};
    block.sides[kBottom] = {{cut.height, cut.width}};
    if ((first + lane) % cut.across + 1 < cut.across) block.sides[kRight] = {{near, cut.height}};
    if ((first + lane) / cut.across + 1 < cut.down) {
      block.sides[kTop] = {{near + cut.height, cut.width}};
    }
  }
}

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

/// Reduces the array with leaves of at most `max_leaf` cells along an edge.
Tensor reduce(const Tensor& g_cells, const LineResistance& lines, std::int64_t max_leaf) {
  require_conductances(g_cells);
  lines.validate();
  const Tensor g = g_cells.detach().to(at::kCPU, at::kDouble).contiguous();
  if (lines.is_ideal()) return g.clone();
  const Cut cut(g, max_leaf);
  std::int64_t down = cut.down;
  std::int64_t across = cut.across;
  std::vector<Block> blocks(static_cast<std::size_t>(down * across));
  const std::int64_t groups = (down * across + kLanes - 1) / kLanes;
  at::parallel_for(0, groups, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t group = begin; group < end; ++group) {
      const std::int64_t first = group * kLanes;
      reduce_leaves(g, lines, cut, first, std::min(first + kLanes, down * across), &blocks[first]);
    }
  });
  while (down * across > 1) {
    // Across the shorter edge, so that blocks stay near to squares.
    const bool upwards = across == 1 || (down > 1 && blocks[0].height <= blocks[0].width);
    const std::int64_t new_down = upwards ? (down + 1) / 2 : down;
    const std::int64_t new_across = upwards ? across : (across + 1) / 2;
    std::vector<Block> next(static_cast<std::size_t>(new_down * new_across));
    const auto join_pairs = [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t n = begin; n < end; ++n) {
        const std::int64_t i = n / new_across * (upwards ? 2 : 1);
        const std::int64_t c = n % new_across * (upwards ? 1 : 2);
        Block& a = blocks[i * across + c];
        const bool is_single = upwards ? i + 1 == down : c + 1 == across;
        if (is_single) {
          next[n] = std::move(a);
        } else {
          next[n] = join(a,
                         blocks[upwards ? (i + 1) * across + c : i * across + c + 1],
                         upwards ? kTop : kRight);
        }
      }
    };
    // A single pair leaves the threads to its matrix products.
    if (next.size() > 1) {
      at::parallel_for(0, static_cast<std::int64_t>(next.size()), 1, join_pairs);
    } else {
      join_pairs(0, 1);
    }
    blocks = std::move(next);
    down = new_down;
    across = new_across;
  }
  const Tensor from_rows = gather(blocks[0].h, blocks[0].sides[kLeft], blocks[0].sides[kBottom]);
  return from_rows.narrow(0, 0, g.size(0)).narrow(1, 0, g.size(1)).neg().flip(0);
}

}  // namespace

void LineResistance::describe(ParamList& params) {
  params.add("r_row", r_row, {0, 1e6}, "Ohm", "resistance of a row between two cells");
  params.add("r_col", r_col, {0, 1e6}, "Ohm", "resistance of a column between two cells");
  params.add("r_driver", r_driver, {0, 1e6}, "Ohm", "output resistance of a row's driver");
  params.add("r_sense", r_sense, {0, 1e6}, "Ohm", "input resistance of a column's sense amplifier");
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
