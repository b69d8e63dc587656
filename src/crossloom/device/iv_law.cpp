#include "crossloom/device/iv_law.h"

#include <algorithm>
#include <string>

#include "crossloom/core/errors.h"
#include "crossloom/device/monotone_slopes.h"

namespace crossloom {
namespace {

struct Points {
  std::vector<double> v;
  std::vector<double> i;
};

/// The points in ascending order, with the origin, mirrored when there are no negative voltages.
Points whole_curve(const std::vector<double>& v, const std::vector<double>& i) {
  if (v.size() != i.size() || v.empty()) {
    throw ConfigError("iv_voltages has " + std::to_string(v.size()) +
                      " points and iv_currents has " + std::to_string(i.size()) +
                      " (a curve has one current for each voltage, and at least one of them); give "
                      "two lists of the same length");
  }
  Points points{v, i};
  if (std::find(v.begin(), v.end(), 0.0) == v.end()) {
    const auto place = std::lower_bound(points.v.begin(), points.v.end(), 0.0);
    points.i.insert(points.i.begin() + (place - points.v.begin()), 0);
    points.v.insert(place, 0);
  }
  if (points.v.front() == 0) {
    const Points right = points;
    for (std::size_t k = 1; k < right.v.size(); ++k) {
      points.v.insert(points.v.begin(), -right.v[k]);
      points.i.insert(points.i.begin(), -right.i[k]);
    }
  }
  for (std::size_t k = 0; k < points.v.size(); ++k) {
    const bool ascends = k == 0 || (points.v[k] > points.v[k - 1] && points.i[k] > points.i[k - 1]);
    const bool has_sign = points.v[k] == 0 ? points.i[k] == 0 : points.v[k] * points.i[k] > 0;
    if (ascends && has_sign) continue;
    throw ConfigError("the current at " + std::to_string(points.v[k]) + " V is " +
                      std::to_string(points.i[k]) +
                      " A (a cell's current has the sign of its voltage and grows with it); give "
                      "iv_voltages in ascending order with ascending currents");
  }
  return points;
}

/// The curve and its slope, over the slope at the origin.
class Curve {
 public:
  explicit Curve(const Points& points) {
    const std::vector<double> slopes = monotone_slopes(points.v, points.i);
    const auto origin = std::find(points.v.begin(), points.v.end(), 0.0) - points.v.begin();
    const double scale = 1 / slopes[static_cast<std::size_t>(origin)];
    v_ = at::tensor(points.v, at::kDouble);
    i_ = at::tensor(points.i, at::kDouble) * scale;
    slope_ = at::tensor(slopes, at::kDouble) * scale;
  }

  Tensor operator()(const Tensor& v, bool wants_slope) const {
    const Tensor x = v.to(at::kDouble).contiguous();
    const Tensor right =
        at::searchsorted(v_, x, /*out_int32=*/false, /*right=*/true).clamp(1, v_.numel() - 1);
    const Tensor left = right - 1;
    const auto take = [](const Tensor& table, const Tensor& index) {
      return table.index_select(0, index.reshape(-1)).view(index.sizes());
    };
    const Tensor width = take(v_, right) - take(v_, left);
    const Tensor t = (x - take(v_, left)) / width;
    const Tensor inside = t.clamp(0, 1);
    const Tensor beyond = (t - inside) * width;
    const Tensor m0 = take(slope_, left) * width;
    const Tensor m1 = take(slope_, right) * width;
    const Tensor y0 = take(i_, left);
    const Tensor rise = take(i_, right) - y0;
    const Tensor slope =
        (m0 + inside * (2 * (3 * rise - 2 * m0 - m1) + 3 * inside * (m0 + m1 - 2 * rise))) / width;
    if (wants_slope) return slope.to(v.scalar_type());
    const Tensor y =
        y0 + inside * (m0 + inside * (3 * rise - 2 * m0 - m1 + inside * (m0 + m1 - 2 * rise)));
    return (y + slope * beyond).to(v.scalar_type());
  }

 private:
  Tensor v_, i_, slope_;
};

/// A law whose strength is the conductance itself.
IvLaw proportional_law(std::function<Tensor(const Tensor&)> shape,
                       std::function<Tensor(const Tensor&)> slope) {
  return {{std::move(shape), std::move(slope), [](const Tensor& g) { return g.clone(); }}};
}

}  // namespace

IvLaw linear_law() {
  return proportional_law([](const Tensor& v) { return v.clone(); },
                          [](const Tensor& v) { return at::ones_like(v); });
}

IvLaw sinh_law(double b) {
  TORCH_CHECK(b >= 0, "the curvature of a sinh law is ", b, " /V, not at least 0");
  if (b == 0) return linear_law();
  return proportional_law([b](const Tensor& v) { return (b * v).sinh() / b; },
                          [b](const Tensor& v) { return (b * v).cosh(); });
}

IvLaw tabulated_law(const std::vector<double>& v, const std::vector<double>& i) {
  const Curve curve(whole_curve(v, i));
  return proportional_law([curve](const Tensor& x) { return curve(x, false); },
                          [curve](const Tensor& x) { return curve(x, true); });
}

bool is_linear(const IvLaw& law, double v_max) {
  const Tensor v = at::linspace(-v_max, v_max, 33, at::kDouble);
  return law.size() == 1 && law[0].shape(v).equal(v);
}

Tensor current(const IvLaw& law, const Tensor& g, const Tensor& v) {
  Tensor sum;
  for (const IvTerm& term : law) {
    const Tensor part = term.strength(g) * term.shape(v);
    sum = sum.defined() ? sum + part : part;
  }
  return sum;
}

Tensor strength_slope(const IvTerm& term, const Tensor& g) {
  const Tensor at_g = g.to(at::kDouble);
  const Tensor step = (1e-5 * at_g).clamp_min(1e-11);
  return (term.strength(at_g + step) - term.strength((at_g - step).clamp_min(0))) /
         (at_g + step - (at_g - step).clamp_min(0));
}

}  // namespace crossloom
