#include "crossloom/circuit/port_block.h"

#include <cstring>

namespace crossloom {
namespace {

std::int64_t count(const Runs& runs) {
  std::int64_t n = 0;
  for (const Run& run : runs) n += run.size;
  return n;
}

Runs operator+(Runs a, const Runs& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// Copies h[row, cols] to `to`.
void gather_row(const Tensor& h, std::int64_t row, const Runs& cols, double* to) {
  const double* from = h.data_ptr<double>() + row * h.size(1);
  for (const Run& col : cols) {
    std::memcpy(to, from + col.first, static_cast<std::size_t>(col.size) * sizeof *to);
    to += col.size;
  }
}

/// Copies h[rows, cols] to the matrix at `to`, whose rows are `stride` apart.
void gather_into(
    double* to, std::int64_t stride, const Tensor& h, const Runs& rows, const Runs& cols) {
  for (const Run& row : rows) {
    for (std::int64_t r = row.first; r < row.first + row.size; ++r, to += stride) {
      gather_row(h, r, cols, to);
    }
  }
}

/// Changes `h`, which holds h_aa and h_bb of the separate blocks, to that of the joined ones.
void wire(
    Tensor& h, const Tensor& row_a, const Tensor& row_b, const Tensor& minus_p, const Tensor& q) {
  const std::int64_t n_a = row_a.size(1);
  const std::int64_t n_b = row_b.size(1);
  Tensor k = at::mm(minus_p, q).neg_();
  k.diagonal().add_(1);
  k = std::get<0>(at::linalg_inv_ex(k));
  const Tensor upper = h.narrow(0, 0, n_a);
  const Tensor lower = h.narrow(0, n_a, n_b);
  upper.narrow(1, 0, n_a).addmm_(row_a.t(), at::mm(at::mm(q, k), row_a));
  lower.narrow(1, n_a, n_b).addmm_(row_b.t(), at::mm(at::mm(k, minus_p), row_b));
  const Tensor cross = at::mm(row_a.t(), at::mm(k.t(), row_b));
  upper.narrow(1, n_a, n_b).copy_(cross);
  lower.narrow(1, 0, n_a).copy_(cross.t());
}

}  // namespace

Tensor gather(const Tensor& h, const Runs& rows, const Runs& cols) {
  Tensor part = at::empty({count(rows), count(cols)}, at::kDouble);
  gather_into(part.data_ptr<double>(), part.size(1), h, rows, cols);
  return part;
}

PortBlock join(const PortBlock& a, const PortBlock& b, Side side) {
  const Side opposite = side == kRight ? kLeft : kBottom;
  const Side other_near = side == kRight ? kBottom : kLeft;
  const Side other_far = side == kRight ? kTop : kRight;
  const Runs rest_a = a.sides[kLeft] + a.sides[kBottom] + a.sides[other_far];
  const Runs rest_b = b.sides[other_near] + b.sides[kRight] + b.sides[kTop];
  const std::int64_t n_a = count(rest_a);
  const std::int64_t n = n_a + count(rest_b);

  PortBlock joined;
  joined.height = a.height + (side == kTop ? b.height : 0);
  joined.width = a.width + (side == kRight ? b.width : 0);
  joined.h = at::empty({n, n}, at::kDouble);
  gather_into(joined.h.data_ptr<double>(), n, a.h, rest_a, rest_a);
  gather_into(joined.h.data_ptr<double>() + n_a * (n + 1), n, b.h, rest_b, rest_b);
  wire(joined.h,
       gather(a.h, a.sides[side], rest_a),
       gather(b.h, b.sides[opposite], rest_b),
       gather(a.h, a.sides[side], a.sides[side]),
       gather(b.h, b.sides[opposite], b.sides[opposite]));

  std::int64_t next = 0;
  const auto place = [&](const PortBlock& block, Side of) {
    const std::int64_t size = count(block.sides[of]);
    if (size > 0) joined.sides[of].push_back({next, size});
    next += size;
  };
  for (const Side of : {kLeft, kBottom, other_far}) place(a, of);
  for (const Side of : {other_near, kRight, kTop}) place(b, of);
  return joined;
}

}  // namespace crossloom
