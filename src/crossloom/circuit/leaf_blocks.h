#pragma once

#include "crossloom/circuit/line_resistance.h"
#include "crossloom/circuit/port_block.h"

namespace crossloom {

/// How an array is cut into leaves, rectangles of one size; those at the right and the top reach
/// beyond the array, where cells are absent.
struct LeafGrid {
  /// Leaves of at most `max_leaf` x `max_leaf` cells.
  LeafGrid(std::int64_t num_rows, std::int64_t num_cols, std::int64_t max_leaf);

  std::int64_t down;    // leaves above each other
  std::int64_t across;  // leaves beside each other
  std::int64_t height;  // of a leaf
  std::int64_t width;
};

/// The leaves of the array `g` [R, C] (double, contiguous), from left to right, then from the
/// bottom up. A block of wires without cells is filled cell by cell; with z = h[:, row] - h[:,
/// column] of the far ports of its two lines,
///
///   a segment r in front of a cell:  h[far, far] -= r
///   a cell g:                        h += g / (1 + g (z[column] - z[row])) z z^T
///
/// Eight leaves are filled side by side, one per vector lane.
std::vector<PortBlock> reduce_leaves(const Tensor& g,
                                     const LineResistance& lines,
                                     const LeafGrid& grid);

}  // namespace crossloom
