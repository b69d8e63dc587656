#include "crossloom/circuit/leaf_blocks.h"

#include <algorithm>

#include <ATen/Parallel.h>

#include "crossloom/core/vector_code.h"

namespace crossloom {
namespace {

constexpr std::int64_t kLanes = 8;
using Lanes = double __attribute__((vector_size(kLanes * sizeof(double))));

/// Ports in the order in which cells reach them, row by row: bottom, top, then left and right of
/// each row.
struct LeafPorts {
  std::int64_t height;
  std::int64_t width;

  std::int64_t total() const { return 2 * (width + height); }
  std::int64_t bottom(std::int64_t c) const { return c; }
  std::int64_t top(std::int64_t c) const { return width + c; }
  std::int64_t left(std::int64_t i) const { return 2 * (width + i); }
  std::int64_t right(std::int64_t i) const { return 2 * (width + i) + 1; }
};

/// `kLanes` leaves. The lower triangle of h is kept.
struct LeafGroup {
  explicit LeafGroup(const LeafPorts& leaf_ports) : ports(leaf_ports) {
    const std::int64_t cells = ports.height * ports.width;
    const std::int64_t n = ports.total();
    memory = at::zeros({cells + n / 2 + n * n + n, kLanes}, at::kDouble);  // aligned to vectors
    g = reinterpret_cast<Lanes*>(memory.data_ptr<double>());
    r_row = g + cells;
    r_col = r_row + ports.width;
    h = r_col + ports.height;
    z = h + n * n;
    for (std::int64_t c = 0; c < ports.width; ++c) at(ports.top(c), ports.bottom(c)) += 1;
    for (std::int64_t i = 0; i < ports.height; ++i) at(ports.right(i), ports.left(i)) += 1;
  }

  Lanes& at(std::int64_t p, std::int64_t q) const {
    return h[std::max(p, q) * ports.total() + std::min(p, q)];
  }

  LeafPorts ports;
  Tensor memory;
  Lanes* g;      // [height, width]  S
  Lanes* r_row;  // [width]   ohm  segment in front of the cells of a column
  Lanes* r_col;  // [height]  ohm  segment in front of the cells of a row
  Lanes* h;      // [ports, ports]
  Lanes* z;      // [ports]
};

/// h += share z z^T for the first `n` ports, on the lower triangle of rows `stride` apart.
CROSSLOOM_VECTOR
void add_rank_one(
    const Lanes& share, const Lanes* z, std::int64_t n, std::int64_t stride, Lanes* h) {
  for (std::int64_t p = 0; p < n; ++p) {
    const Lanes factor = share * z[p];
    Lanes* row = h + p * stride;
    for (std::int64_t q = 0; q <= p; ++q) row[q] += factor * z[q];
  }
}

void add_cell(const LeafGroup& group, std::int64_t i, std::int64_t c) {
  const LeafPorts& ports = group.ports;
  const std::int64_t row = ports.right(i);
  const std::int64_t col = ports.top(c);
  group.at(row, row) -= group.r_row[c];
  group.at(col, col) -= group.r_col[i];
  const std::int64_t reached = row + 1;
  for (std::int64_t p = 0; p < reached; ++p) group.z[p] = group.at(p, row) - group.at(p, col);
  const Lanes& g = group.g[i * ports.width + c];
  const Lanes share = g / (1 + g * (group.z[col] - group.z[row]));
  add_rank_one(share, group.z, reached, ports.total(), group.h);
}

/// Fills in one lane what is known of the leaf `index`.
void load(const LeafGroup& group,
          std::int64_t lane,
          const Tensor& g,
          const LineResistance& lines,
          const std::array<std::int64_t, 2>& corner) {
  const auto& [bottom, left] = corner;
  const std::int64_t num_rows = std::min(group.ports.height, g.size(0) - bottom);
  const std::int64_t num_cols = std::min(group.ports.width, g.size(1) - left);
  for (std::int64_t i = 0; i < num_rows; ++i) {
    const double* cells = g.data_ptr<double>() + (g.size(0) - 1 - bottom - i) * g.size(1) + left;
    for (std::int64_t c = 0; c < num_cols; ++c) group.g[i * group.ports.width + c][lane] = cells[c];
    group.r_col[i][lane] = lines.r_col + (bottom + i == 0 ? lines.r_sense : 0);
  }
  for (std::int64_t c = 0; c < num_cols; ++c) {
    group.r_row[c][lane] = lines.r_row + (left + c == 0 ? lines.r_driver : 0);
  }
}

/// The leaf of one lane, with ports in the order left, bottom, right, top.
PortBlock unload(const LeafGroup& group, std::int64_t lane) {
  const LeafPorts& ports = group.ports;
  std::vector<std::int64_t> order;
  for (std::int64_t i = 0; i < ports.height; ++i) order.push_back(ports.left(i));
  for (std::int64_t c = 0; c < ports.width; ++c) order.push_back(ports.bottom(c));
  for (std::int64_t i = 0; i < ports.height; ++i) order.push_back(ports.right(i));
  for (std::int64_t c = 0; c < ports.width; ++c) order.push_back(ports.top(c));
  PortBlock block;
  block.height = ports.height;
  block.width = ports.width;
  block.h = at::empty({ports.total(), ports.total()}, at::kDouble);
  double* to = block.h.data_ptr<double>();
  for (const std::int64_t p : order) {
    for (const std::int64_t q : order) *to++ = group.at(p, q)[lane];
  }
  const std::int64_t near = ports.height + ports.width;
  block.sides = {Runs{{0, ports.height}},
                 Runs{{ports.height, ports.width}},
                 Runs{{near, ports.height}},
                 Runs{{near + ports.height, ports.width}}};
  return block;
}

}  // namespace

LeafGrid::LeafGrid(std::int64_t num_rows, std::int64_t num_cols, std::int64_t max_leaf)
    : down((num_rows + max_leaf - 1) / max_leaf),
      across((num_cols + max_leaf - 1) / max_leaf),
      height((num_rows + down - 1) / down),
      width((num_cols + across - 1) / across) {}

std::vector<PortBlock> reduce_leaves(const Tensor& g,
                                     const LineResistance& lines,
                                     const LeafGrid& grid) {
  const std::int64_t num = grid.down * grid.across;
  std::vector<PortBlock> blocks(static_cast<std::size_t>(num));
  const auto reduce_group = [&](std::int64_t first) {
    const LeafGroup group({grid.height, grid.width});
    const std::int64_t lanes = std::min(kLanes, num - first);
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      const std::int64_t leaf = first + lane;
      load(group,
           lane,
           g,
           lines,
           {leaf / grid.across * grid.height, leaf % grid.across * grid.width});
    }
    for (std::int64_t cell = 0; cell < grid.height * grid.width; ++cell) {
      add_cell(group, cell / grid.width, cell % grid.width);
    }
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      const std::int64_t leaf = first + lane;
      PortBlock& block = blocks[leaf] = unload(group, lane);
      if (leaf % grid.across + 1 == grid.across) block.sides[kRight].clear();
      if (leaf / grid.across + 1 == grid.down) block.sides[kTop].clear();
    }
  };
  at::parallel_for(0, (num + kLanes - 1) / kLanes, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t k = begin; k < end; ++k) reduce_group(k * kLanes);
  });
  return blocks;
}

}  // namespace crossloom
