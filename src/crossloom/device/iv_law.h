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

/// The current [A] of cells `g` [S] at the voltages `v` [V], of shapes that broadcast.
Tensor current(const IvLaw& law, const Tensor& g, const Tensor& v);

}  // namespace crossloom
