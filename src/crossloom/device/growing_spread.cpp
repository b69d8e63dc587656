#include "crossloom/device/growing_spread.h"

#include <cmath>

#include "crossloom/core/vector_code.h"

namespace crossloom {
namespace {

constexpr std::size_t kTerms = 5;

struct Fits {
  float c[3][kTerms];
  float per_g_max;  // [1/S]
};

/// Plain data of the cells.
struct Rows {
  const float* g_target;
  const float* g_written;
  const float* x;
  const float* xi;
  std::int64_t n;
};

inline float positive(float x) {
  return x > 0 ? x : 0;
}

inline float evaluate(const float* c, float r) {
  return positive((((c[4] * r + c[3]) * r + c[2]) * r + c[1]) * r + c[0]);
}

inline float share(float g_target, const Fits& fits) {
  const float r = positive(g_target * fits.per_g_max);
  return r < 1 ? r : 1;
}

CROSSLOOM_VECTOR
void write(const Fits& fits, const Rows& rows, float* out) {
  for (std::int64_t i = 0; i < rows.n; ++i) {
    const float sigma = evaluate(fits.c[0], share(rows.g_target[i], fits));
    out[i] = positive(rows.g_target[i] + sigma * rows.xi[i]);
  }
}

/// A cell whose spread has grown from `s0` to `now`.
inline float grown(float g_written, float s0, float now, float xi) {
  return positive(g_written + std::sqrt(positive(now * now - s0 * s0)) * xi);
}

/// One cell at the age `x`.
inline float relaxed(const Fits& fits, float g_target, float g_written, float x, float xi) {
  const float r = share(g_target, fits);
  const float s0 = evaluate(fits.c[0], r);
  const float s1 = evaluate(fits.c[1], r);
  const float s2 = evaluate(fits.c[2], r);
  const float now = s0 + (s1 - s0) * (x < 1 ? x : 1) + (s2 - s1) * positive(x - 1);
  return grown(g_written, s0, now, xi);
}

/// Cells of one age, as they mostly are: no fit is evaluated that does not count then.
CROSSLOOM_VECTOR
void relax_together(const Fits& fits, const Rows& rows, float* out) {
  const float x = rows.x[0];
  if (x <= 0) {
    for (std::int64_t i = 0; i < rows.n; ++i) out[i] = positive(rows.g_written[i]);
  } else if (x <= 1) {
    for (std::int64_t i = 0; i < rows.n; ++i) {
      const float r = share(rows.g_target[i], fits);
      const float s0 = evaluate(fits.c[0], r);
      const float now = s0 + (evaluate(fits.c[1], r) - s0) * x;
      out[i] = grown(rows.g_written[i], s0, now, rows.xi[i]);
    }
  } else {
    for (std::int64_t i = 0; i < rows.n; ++i) {
      out[i] = relaxed(fits, rows.g_target[i], rows.g_written[i], x, rows.xi[i]);
    }
  }
}

CROSSLOOM_VECTOR
void relax(const Fits& fits, const Rows& rows, float* out) {
  for (std::int64_t i = 0; i < rows.n; ++i) {
    out[i] = relaxed(fits, rows.g_target[i], rows.g_written[i], rows.x[i], rows.xi[i]);
  }
}

Fits as_floats(const GrowingSpread& spread) {
  Fits fits{};
  for (std::size_t k = 0; k < spread.fits.size(); ++k) {
    for (std::size_t j = 0; j < kTerms; ++j) {
      fits.c[k][j] = static_cast<float>(spread.scale * spread.fits[k][j]);
    }
  }
  fits.per_g_max = static_cast<float>(1 / spread.g_max);
  return fits;
}

}  // namespace

/// s_k(r)
Tensor GrowingSpread::fitted(std::size_t k, const Tensor& g_target) const {
  const Tensor r = (g_target / g_max).clamp(0, 1);
  Tensor sum = at::full_like(r, scale * fits[k][kTerms - 1]);
  for (std::size_t j = kTerms - 1; j-- > 0;) sum = sum * r + scale * fits[k][j];
  return sum.clamp_min(0);
}

Tensor GrowingSpread::written(const Tensor& g_target, const Tensor& xi) const {
  if (!g_target.is_cpu()) return (g_target + fitted(0, g_target) * xi).clamp_min(0);
  const Tensor target = g_target.contiguous();
  const Tensor deviates = xi.contiguous();
  Tensor g = at::empty(g_target.sizes(), g_target.options());
  write(as_floats(*this),
        {target.data_ptr<float>(), nullptr, nullptr, deviates.data_ptr<float>(), g.numel()},
        g.data_ptr<float>());
  return g;
}

Tensor GrowingSpread::relaxed(const Tensor& g_target,
                              const Tensor& g_written,
                              const Tensor& x,
                              const Tensor& xi) const {
  if (!g_target.is_cpu()) return relaxed_by_tensors(g_target, g_written, x, xi);
  const Tensor target = g_target.contiguous();
  const Tensor start = g_written.contiguous();
  const Tensor age = x.contiguous();
  const Tensor deviates = xi.contiguous();
  Tensor g = at::empty(g_target.sizes(), g_target.options());
  if (g.numel() == 0) return g;
  const Rows rows = {target.data_ptr<float>(),
                     start.data_ptr<float>(),
                     age.data_ptr<float>(),
                     deviates.data_ptr<float>(),
                     g.numel()};
  if (age.numel() == 1) {
    relax_together(as_floats(*this), rows, g.data_ptr<float>());
  } else {
    relax(as_floats(*this), rows, g.data_ptr<float>());
  }
  return g;
}

Tensor GrowingSpread::relaxed_by_tensors(const Tensor& g_target,
                                         const Tensor& g_written,
                                         const Tensor& x,
                                         const Tensor& xi) const {
  const Tensor s0 = fitted(0, g_target);
  const Tensor s1 = fitted(1, g_target);
  const Tensor s2 = fitted(2, g_target);
  const Tensor now = s0 + (s1 - s0) * x.clamp_max(1) + (s2 - s1) * (x - 1).clamp_min(0);
  const Tensor growth = (now.square() - s0.square()).clamp_min(0).sqrt();
  return (g_written + growth * xi).clamp_min(0);
}

}  // namespace crossloom
