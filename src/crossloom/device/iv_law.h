#pragma once

#include <functional>
#include <vector>

#include <ATen/ATen.h>

namespace crossloom {

using at::Tensor;

/// One term of a current law: what the voltage contributes, and what the cell.
///
/// All three map a tensor to a new one of its shape, by operations that have gradients.
struct IvTerm {
  std::function<Tensor(const Tensor& v)> shape;     // V -> V
  std::function<Tensor(const Tensor& v)> slope;     // V -> 1  derivative of `shape`
  std::function<Tensor(const Tensor& g)> strength;  // S -> S
};

/// Which current a voltage drives through a cell, as a short sum of separable terms:
///
///   i = sum_k strength_k(g) shape_k(v)
///
/// so that a product with K terms costs K products of matrices, whatever the shape of the law. The
/// first term is that of small signals: strength g, shape v + O(v^2).
using IvLaw = std::vector<IvTerm>;

/// i = g v
IvLaw linear_law();

/// i = g sinh(b v) / b, with b [1/V] >= 0; zero is the linear law.
IvLaw sinh_law(double b);

/// A measured curve, the same for cells of every conductance:
///
///   i = g P(v) / P'(0)
///
/// P goes through the points (v, i) and the origin, between them by monotone cubic pieces whose
/// slope is continuous, beyond them straight on. Points without negative voltages are those of an
/// odd curve. Since only the form of P counts, currents may be those of one cell.
/// Source: F. N. Fritsch and J. Butland, "A method for constructing local monotone piecewise cubic
/// interpolants", SIAM J. Sci. Stat. Comput. 5, 1984, doi:10.1137/0905021.
///
///   v  V  ascending
///   i  A  ascending, of the sign of its voltage
///
/// Throws `ConfigError` when the points are no such curve.
IvLaw tabulated_law(const std::vector<double>& v, const std::vector<double>& i);

/// Whether the current is proportional to the voltage, up to `v_max` [V].
bool is_linear(const IvLaw& law, double v_max);

/// The current [A] of cells `g` [S] at the voltages `v` [V], of shapes that broadcast.
Tensor current(const IvLaw& law, const Tensor& g, const Tensor& v);

/// Derivative of the strength of `term` by the conductance at `g` [S], 1. Central difference in
/// double with a step of 1e-5 of the conductance (1e-11 S at least): about 1e-9 of it.
Tensor strength_slope(const IvTerm& term, const Tensor& g);

}  // namespace crossloom
