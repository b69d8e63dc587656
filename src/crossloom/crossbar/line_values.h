#pragma once

#include <vector>

#include "crossloom/crossbar/weight_cells.h"

namespace crossloom {

/// One term of the current law, or one product of two of its noises: what every cell adds to its
/// column per unit of what its row is driven with.
struct LineValues {
  Tensor lines;       // [S, L, weight shape]
  Tensor references;  // [G T, C_in / G, k, k], undefined without reference columns
};

/// What stands in the products of matrices for the cells of a product at one time.
struct ProductValues {
  std::vector<LineValues> means;      // K
  std::vector<LineValues> variances;  // K (K + 1) / 2, or none without read noise
  bool needs_newton = false;          // `means` leave out what the lines of the crossbars lose
};

/// The values of `cells` at `clock` for the fidelity of `hardware`.
///
/// A term of the current law has the value strength_k(g); read noise of the conductance, of
/// variance sigma^2, moves a current by its derivative, so that to first order
///
///   variance_jk = strength_j'(g) strength_k'(g) sigma^2   (twice, for j < k)
///
/// Line resistance, cell by cell with rho the share of the voltage lost
/// (`approximate_conductance`):
///
///   linear cells      the effective matrix of each block, exactly; g / (1 + rho) where its bound
///   is
///                     within `lines.tolerance`
///   non-linear cells  strength_k(g) / (1 + rho) where the bound below is within `lines.tolerance`;
///                     otherwise Newton's method has to find the currents of each input
///   variances         sigma^2 (1 + rho)^-2 (1 + rho_own)^-2: the cell has the voltage that all
///   cells
///                     together leave it, and of the current that its noise adds the column gets
///                     the share that the lines of an array driven from that column alone would
///                     leave. Exact for one cell and for drivers alone; a test states the error for
///                     others.
///
/// The bound for non-linear cells, with c = max |i(v)| / (g v) and s = max i'(v) / g up to full
/// scale and kappa = max rho: cells lose at most kappa c v_full, so that with inputs of one sign a
/// column's current is wrong by at most kappa c (1 + s) of what its cells drive at full scale.
ProductValues values_of_product(const Hardware& hardware,
                                const ProductGeometry& geometry,
                                const Tiling& tiling,
                                const WeightCells& cells,
                                double clock);

/// The cells of `block` as they lie in its crossbar: [rows, columns].
Tensor cells_of_block(const LineValues& values,
                      const ProductGeometry& geometry,
                      const Block& block);

/// Puts a matrix of that form back into `values`.
void set_cells_of_block(const Tensor& matrix,
                        const ProductGeometry& geometry,
                        const Block& block,
                        LineValues& values);

/// The wires of `block`: those between the edge of its crossbar and its first cells belong to
/// drivers and sense amplifiers.
LineResistance wires_of_block(const LineResistance& wires, const Block& block);

}  // namespace crossloom
