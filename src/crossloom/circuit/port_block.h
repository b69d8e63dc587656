#pragma once

#include <array>
#include <vector>

#include <ATen/ATen.h>

namespace crossloom {

using at::Tensor;

/// Ports that lie beside each other in a block's matrix.
struct Run {
  std::int64_t first;
  std::int64_t size;
};
using Runs = std::vector<Run>;

enum Side { kLeft, kBottom, kRight, kTop };

/// A rectangle of cells as its ports see it, one port where a line crosses its edge.
///
/// Near ports lie towards the sources and the ground (left ends of rows, bottom ends of columns),
/// far ports at the right and the top. With voltages e and currents p into the block at the near
/// ports, voltages y and currents f out of the block at the far ports,
///
///   [p]   [Q   T^T] [e]
///   [y] = [T   -P ] [f],    h = [Q T^T; T -P], symmetric,
///
/// Q a matrix of conductances, P one of resistances, both positive semidefinite, T the share of the
/// near voltages that arrives. All of it stays finite when a resistance or a conductance is zero.
/// The ports of a side are in order from the left or from the bottom: both kinds of lines start at
/// their near end.
struct PortBlock {
  std::int64_t height = 0;    // rows
  std::int64_t width = 0;     // columns
  Tensor h;                   // [ports, ports]  S, 1 and ohm, in double
  std::array<Runs, 4> sides;  // where the ports of a Side are; none on an open edge of the array
};

/// h[rows, cols], one after the other.
Tensor gather(const Tensor& h, const Runs& rows, const Runs& cols);

/// `a` and `b` as one block: the far ports `side` of `a` (kRight or kTop) are wired to the near
/// ports of `b` opposite to them.
///
/// With a the rows of a.h at the joint (columns of the ports that stay), b those of b.h, P of `a`
/// and Q of `b` at the joint, the voltages u and currents j there are u = a (..) - P j,
/// j = b (..) + Q u, so that with k = (1 + P Q)^-1
///
///   h_aa += a^T Q k a,    h_ab = a^T k^T b,    h_bb -= b^T k P b.
///
/// The eigenvalues of P Q are real and >= 0, so 1 + P Q can always be inverted.
PortBlock join(const PortBlock& a, const PortBlock& b, Side side);

}  // namespace crossloom
