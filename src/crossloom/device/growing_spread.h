#pragma once

#include <array>

#include <ATen/ATen.h>

namespace crossloom {

using at::Tensor;

/// The spread of cells that a write leaves, and that grows with age: polynomials fitted at three
/// ages, linear in between.
///
///   sigma(r, x) = s_0 + (s_1 - s_0) min(x, 1) + (s_2 - s_1) max(x - 1, 0)   [S]
///   s_k(r)      = max(scale sum_j fits[k][j] r^j, 0)
///   r           = g_target / g_max, clipped to 0 ... 1
///
/// x in 0 ... 2 is the age on the scale of the fits.
struct GrowingSpread {
  std::array<std::array<double, 5>, 3> fits;  // [S]
  double scale;
  double g_max;  // [S]

  /// What a write leaves: max(g_target + sigma(r, 0) xi, 0).
  ///
  ///   g_target, xi, returns  [...]  S, 1, S
  Tensor written(const Tensor& g_target, const Tensor& xi) const;

  /// What a cell has come to: max(g_written + sqrt(max(sigma(r, x)^2 - sigma(r, 0)^2, 0)) xi, 0),
  /// one path for each cell, along which the spread is sigma(r, x).
  ///
  ///   g_target, g_written, xi, returns  [...]         S, S, 1, S
  ///   x                                 [...] or [1]  1
  Tensor relaxed(const Tensor& g_target,
                 const Tensor& g_written,
                 const Tensor& x,
                 const Tensor& xi) const;

  /// The same in tensor operations: on other devices than the CPU.
  Tensor relaxed_by_tensors(const Tensor& g_target,
                            const Tensor& g_written,
                            const Tensor& x,
                            const Tensor& xi) const;

 private:
  Tensor fitted(std::size_t k, const Tensor& g_target) const;
};

}  // namespace crossloom
