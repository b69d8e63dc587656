#pragma once

#include <vector>

#include <ATen/ATen.h>

#include "crossloom/circuit/line_resistance.h"
#include "crossloom/device/iv_law.h"

namespace crossloom {

/// When the search for the cell voltages ends.
struct NewtonOptions {
  double tolerance = 1e-12;  // largest violation of Kirchhoff's voltage law over the largest input
  std::int64_t max_steps = 100;
};

/// Currents of an array of non-linear cells.
struct NonlinearSolution {
  Tensor i;                       // [B, C]  A  out of the columns into ground, in double
  std::vector<double> residuals;  // V  violation of the voltage law before each Newton step, of the
                                  // input that took the most steps
};

/// Currents out of the columns of an array whose cells follow the law i(d) = sum_k strength_k(g)
/// shape_k(d), with line resistance, by Newton's method on the cell voltages d:
///
///   d + W i(d) = v,   (1 + W i'(d)) step = v - d - W i(d)
///
/// W as in `line_drop`. W depends on the geometry alone and is applied in two passes over rows and
/// columns, so that a step is solved by conjugate gradients in O(R C) per iteration and nothing is
/// factorised per input: with s = sqrt(i') the matrix 1 + s W s is symmetric, its eigenvalues lie
/// between 1 and 1 + max(i') |W|, and the number of iterations is about their root. Steps are
/// shortened until the sum of the squared violations falls, which they always do for a current that
/// grows with its voltage: the matrix of the step is never singular. There is one solution.
/// Fast where lines lose a part of the voltage; iterations grow with the square root of what they
/// would lose if no cell felt it. Throws `ConfigError` when the steps do not lead to a solution, or
/// when a current falls with its voltage.
///
///   g        [R, C]  S    conductances at zero voltage, >= 0
///   v        [B, R]  V    inputs, for which no shape may be beyond 1e45
NonlinearSolution solve_nonlinear(const Tensor& g,
                                  const IvLaw& law,
                                  const Tensor& v,
                                  const LineResistance& lines,
                                  const NewtonOptions& options = {});

}  // namespace crossloom
