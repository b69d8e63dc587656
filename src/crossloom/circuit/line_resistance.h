#pragma once

#include <ATen/ATen.h>

#include "crossloom/core/params.h"

namespace crossloom {

using at::Tensor;

/// Resistances of the lines of one crossbar. Zero is an ideal wire.
///
/// Row r is driven at its left end: its driver, then one segment in front of every cell (the first
/// lies between the driver and the first cell). Column c is grounded at its bottom end: one segment
/// below every cell (the last lies between the last cell and the sense resistance, which goes to
/// ground). The right ends of the rows and the top ends of the columns are open.
/// Same segments as badcrossbar: D. Joksas and A. Mehonic, "badcrossbar: A Python tool for
/// computing and plotting currents and voltages in passive crossbar arrays", SoftwareX 2020,
/// doi:10.1016/j.softx.2020.100617.
struct LineResistance {
  double r_row = 0;     // [ohm] a segment of a row
  double r_col = 0;     // [ohm] a segment of a column
  double r_driver = 0;  // [ohm] output of a row's driver
  double r_sense = 0;   // [ohm] input of a column's sense amplifier

  void describe(ParamList& params);

  /// Throws `ConfigError` when one of them is negative, infinite or NaN.
  void validate() const;
  bool is_ideal() const { return r_row == 0 && r_col == 0 && r_driver == 0 && r_sense == 0; }
};

/// The lines of the crossbars of a chip, and how exactly they are accounted for.
struct LineOptions {
  LineResistance wires;
  double tolerance = 0;  // accepted bound of the error of an approximation; 0: exact

  void describe(ParamList& params);
};

/// Throws `ConfigError` when `g` is no matrix, is empty, or holds a conductance that is negative,
/// infinite or NaN.
void require_conductances(const Tensor& g);

/// Throws `ConfigError` when `v` is not [B, R] or [R] for the array `g` [R, C], or holds a NaN or
/// an infinity.
void require_inputs(const Tensor& v, const Tensor& g);

/// The array of linear cells as its ports see it: the currents into ground are `i = v @ returned`.
///
/// Exact nodal analysis in double, without solving for node voltages: blocks of cells are reduced
/// to their ports and joined two by two, about 42 n^3 multiply-adds for n x n cells, nearly all in
/// matrix products. Well conditioned down to resistances of zero (where the result is `g`, bit for
/// bit), since blocks are described by voltages at one end of a line and currents at the other.
/// Driven at the bottom of the columns and read at the left of the rows, through the same
/// resistances, the array is the transposed matrix.
///
///   g        [R, C]  S  conductances of the cells, >= 0; 0 is an absent cell
///   returns  [R, C]  S  in double, on the CPU
Tensor effective_conductance(const Tensor& g, const LineResistance& lines);

/// The same by adding one cell after the other to one block: n^2 updates of rank one, 5 n^4
/// multiply-adds. The plain loop that `effective_conductance` is checked against.
Tensor effective_conductance_by_cells(const Tensor& g, const LineResistance& lines);

/// An effective matrix of first order in the resistances, with a bound of its error.
struct ApproximateConductance {
  Tensor g;      // [R, C]  S  what stands in for the effective matrix
  double bound;  // of sum_r |g - exact| over sum_r g_cell, in every column; infinite when not known
};

/// `effective_conductance` in one pass over the cells.
///
///   g_approx = g / (1 + rho),  rho = W g
///   bound = kappa^2 (2 - kappa) / (1 - kappa),  kappa = max rho
///
/// W x is the voltage that the lines lose up to each cell when the cells draw the currents x; rho
/// is the share lost if every cell had the whole voltage. From the series (1 + W g)^-1 = 1 - W g +
/// ..., whose remainder after the second term is at most kappa^2 / (1 - kappa) since W g >= 0; the
/// form g / (1 + rho) differs from g (1 - rho) by at most g kappa^2. No bound holds from kappa = 1
/// on. With inputs of size at most v, a column's current is wrong by at most bound * v * sum_r g.
ApproximateConductance approximate_conductance(const Tensor& g, const LineResistance& lines);

/// Voltage that the lines lose between the ends and each cell: W x.
///
///   x        [R, C]  A  currents of the cells, from row to column, in double
///   returns  [R, C]  V
Tensor line_drop(const Tensor& x, const LineResistance& lines);

}  // namespace crossloom
