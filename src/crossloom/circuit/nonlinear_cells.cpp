#include "crossloom/circuit/nonlinear_cells.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <sstream>
#include <string>

#include <ATen/Parallel.h>

#include "crossloom/core/vector_code.h"

namespace crossloom {
namespace {

constexpr std::int64_t kRowsAtOnce = 8;
constexpr double kLargestShape = 1e45;  // [V] far from where products of currents overflow
constexpr int kMaxHalvings = 30;

using Cells = std::vector<double>;  // [R, C]

struct Shape {
  std::int64_t rows;
  std::int64_t cols;
};

/// `line_drop` of the columns: written to `out`. `sum` [C] is scratch.
CROSSLOOM_VECTOR
void drop_in_columns(
    const double* x, Shape n, const LineResistance& lines, double* sum, double* out) {
  for (std::int64_t c = 0; c < n.cols; ++c) out[c] = x[c];
  for (std::int64_t k = n.cols; k < n.rows * n.cols; ++k) out[k] = out[k - n.cols] + x[k];
  const double* total = out + (n.rows - 1) * n.cols;
  for (std::int64_t c = 0; c < n.cols; ++c) sum[c] = lines.r_sense * total[c];
  for (std::int64_t r = n.rows - 1; r >= 0; --r) {
    double* row = out + r * n.cols;
    for (std::int64_t c = 0; c < n.cols; ++c) {
      sum[c] += lines.r_col * row[c];
      row[c] = sum[c];
    }
  }
}

/// `line_drop` of the rows of `x`, at most kRowsAtOnce: added to `out`. The rows go side by side,
/// since each is a chain of dependent sums. `flow` [C, kRowsAtOnce] is scratch.
CROSSLOOM_VECTOR
void add_drop_in_rows(
    const double* x, Shape n, const LineResistance& lines, double* flow, double* out) {
  double sum[kRowsAtOnce] = {};
  for (std::int64_t c = n.cols - 1; c >= 0; --c) {
    for (std::int64_t r = 0; r < n.rows; ++r) {
      sum[r] += x[r * n.cols + c];
      flow[c * kRowsAtOnce + r] = sum[r];
    }
  }
  for (std::int64_t r = 0; r < n.rows; ++r) sum[r] *= lines.r_driver;
  for (std::int64_t c = 0; c < n.cols; ++c) {
    for (std::int64_t r = 0; r < n.rows; ++r) {
      sum[r] += lines.r_row * flow[c * kRowsAtOnce + r];
      out[r * n.cols + c] += sum[r];
    }
  }
}

CROSSLOOM_VECTOR
double dot(const Cells& x, const Cells& y) {
  // Eight sums, so that the additions need not wait for each other.
  double sum[8] = {};
  const std::size_t whole = x.size() / 8 * 8;
  for (std::size_t k = 0; k < whole; k += 8) {
    for (std::size_t l = 0; l < 8; ++l) sum[l] += x[k + l] * y[k + l];
  }
  for (std::size_t k = whole; k < x.size(); ++k) sum[0] += x[k] * y[k];
  double total = 0;
  for (const double part : sum) total += part;
  return total;
}

/// x += factor * y
CROSSLOOM_VECTOR
void add(Cells& x, double factor, const Cells& y) {
  for (std::size_t k = 0; k < x.size(); ++k) x[k] += factor * y[k];
}

double largest(const Cells& x) {
  double max = 0;
  for (const double value : x) max = std::isnan(value) ? value : std::max(max, std::abs(value));
  return max;
}

/// The cells' law and the lines; solves for one input vector at a time. Holds its own memory: one
/// per thread.
class Newton {
 public:
  Newton(const Tensor& g, const IvLaw& law, const LineResistance& lines)
      : n_{g.size(0), g.size(1)},
        law_(law),
        lines_(lines),
        rho_(static_cast<std::size_t>(g.numel())),
        column_scratch_(static_cast<std::size_t>(n_.cols)),
        row_scratch_(static_cast<std::size_t>(n_.cols * kRowsAtOnce)) {
    for (Cells* cells : {&d_, &current_, &slope_, &root_, &residual_, &step_, &y_, &r_, &p_, &q_}) {
      cells->resize(rho_.size());
    }
    for (const IvTerm& term : law) strengths_.push_back(term.strength(g).contiguous());
    drop(Cells(g.data_ptr<double>(), g.data_ptr<double>() + g.numel()), rho_);
  }

  /// Currents out of the columns for the inputs `v` [R], written to `i` [C]. Returns the residuals.
  std::vector<double> solve(const double* v, const NewtonOptions& options, double* i) {
    std::vector<double> residuals;
    double v_max = 0;
    for (std::int64_t r = 0; r < n_.rows; ++r) v_max = std::max(v_max, std::abs(v[r]));
    for (std::size_t k = 0; k < d_.size(); ++k) d_[k] = row_voltage(v, k) / (1 + rho_[k]);
    evaluate(v, d_);
    for (std::int64_t steps = 0;; ++steps) {
      residuals.push_back(largest(residual_));
      if (residuals.back() <= options.tolerance * v_max) break;
      if (steps == options.max_steps) refuse(residuals, "after the last step");
      find_step(std::clamp(0.1 * residuals.back() / v_max, 1e-13, 1e-3));
      walk(v, residuals);
    }
    std::fill(i, i + n_.cols, 0.0);
    for (std::size_t k = 0; k < d_.size(); ++k) {
      i[static_cast<std::int64_t>(k) % n_.cols] += current_[k];
    }
    return residuals;
  }

 private:
  double row_voltage(const double* v, std::size_t k) const {
    return v[static_cast<std::int64_t>(k) / n_.cols];
  }

  [[noreturn]] static void refuse(const std::vector<double>& residuals, const std::string& when) {
    std::ostringstream message;
    message << "Newton's method did not find the cell voltages (" << when << " of "
            << residuals.size() << " they miss the voltage law by " << residuals.back()
            << " V); lower the curvature, the inputs or the line resistances, or allow more steps";
    throw ConfigError(message.str());
  }

  void drop(const Cells& x, Cells& out) {
    drop_in_columns(x.data(), n_, lines_, column_scratch_.data(), out.data());
    for (std::int64_t r = 0; r < n_.rows; r += kRowsAtOnce) {
      add_drop_in_rows(x.data() + r * n_.cols,
                       {std::min(kRowsAtOnce, n_.rows - r), n_.cols},
                       lines_,
                       row_scratch_.data(),
                       out.data() + r * n_.cols);
    }
  }

  /// Currents, their slopes and the residual d + W i(d) - v at the cell voltages `d`.
  void evaluate(const double* v, Cells& d) {
    const Tensor at_d = at::from_blob(d.data(), {n_.rows, n_.cols}, at::kDouble);
    std::fill(current_.begin(), current_.end(), 0.0);
    std::fill(slope_.begin(), slope_.end(), 0.0);
    for (std::size_t k = 0; k < law_.size(); ++k) {
      add_product(strengths_[k], law_[k].shape(at_d), current_);
      add_product(strengths_[k], law_[k].slope(at_d), slope_);
    }
    drop(current_, residual_);
    for (std::size_t k = 0; k < d.size(); ++k) residual_[k] += d[k] - row_voltage(v, k);
  }

  /// sum += a * b
  static void add_product(const Tensor& a, const Tensor& b, Cells& sum) {
    const Tensor other = b.contiguous();
    const double* const x = a.data_ptr<double>();
    const double* const y = other.data_ptr<double>();
    for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += x[k] * y[k];
  }

  /// out = (1 + s W s) x
  void apply(const Cells& x, Cells& out) {
    for (std::size_t k = 0; k < x.size(); ++k) step_[k] = root_[k] * x[k];
    drop(step_, out);
    for (std::size_t k = 0; k < x.size(); ++k) out[k] = x[k] + root_[k] * out[k];
  }

  /// step = -(1 + W i')^-1 residual, by conjugate gradients for y = s step until their residual has
  /// fallen to `tolerance` of its first size.
  void find_step(double tolerance) {
    for (std::size_t k = 0; k < slope_.size(); ++k) {
      if (!(slope_[k] >= 0)) {
        throw ConfigError("a cell whose current falls with its voltage at " +
                          std::to_string(d_[k]) +
                          " V (the circuit has no single solution there); lower the inputs, or "
                          "give a current law that rises");
      }
      root_[k] = std::sqrt(slope_[k]);
      r_[k] = -root_[k] * residual_[k];
      y_[k] = 0;
    }
    p_ = r_;
    double rr = dot(r_, r_);
    const double goal = rr * tolerance * tolerance;
    const std::size_t limit = 10 * slope_.size() + 100;
    for (std::size_t iteration = 0; iteration < limit && rr > goal; ++iteration) {
      apply(p_, q_);
      const double alpha = rr / dot(p_, q_);
      add(y_, alpha, p_);
      add(r_, -alpha, q_);
      const double rr_next = dot(r_, r_);
      for (std::size_t k = 0; k < slope_.size(); ++k) p_[k] = r_[k] + rr_next / rr * p_[k];
      rr = rr_next;
    }
    for (std::size_t k = 0; k < slope_.size(); ++k) y_[k] *= root_[k];
    drop(y_, q_);
    for (std::size_t k = 0; k < slope_.size(); ++k) step_[k] = -residual_[k] - q_[k];
  }

  /// Goes along `step_` as far as the violations fall; all of it once Newton's method converges.
  void walk(const double* v, const std::vector<double>& residuals) {
    const double before = dot(residual_, residual_);
    y_ = d_;
    double t = 1;
    for (int halvings = 0; halvings < kMaxHalvings; ++halvings, t /= 2) {
      for (std::size_t k = 0; k < d_.size(); ++k) d_[k] = y_[k] + t * step_[k];
      evaluate(v, d_);
      if (dot(residual_, residual_) <= (1 - 1e-4 * t) * before) return;
    }
    refuse(residuals, "no step leads on, after step");
  }

  Shape n_;
  IvLaw law_;
  LineResistance lines_;
  std::vector<Tensor> strengths_;  // [K] of [R, C], in double
  Cells rho_;                      // share of the voltage lost to first order
  Cells column_scratch_;
  Cells row_scratch_;
  Cells d_, current_, slope_, root_, residual_, step_;
  Cells y_, r_, p_, q_;  // of the conjugate gradients
};

/// Throws `ConfigError` when a shape is not finite, or too large, at the inputs.
void require_reach(const IvLaw& law, const Tensor& inputs) {
  if (inputs.numel() == 0) return;
  for (const IvTerm& term : law) {
    const double largest = term.shape(inputs).abs().max().item<double>();
    if (largest <= kLargestShape) continue;
    throw ConfigError("inputs of up to " + std::to_string(inputs.abs().max().item<double>()) +
                      " V, for which the current law has a term of " + std::to_string(largest) +
                      " V (no cell follows it that far); lower its curvature or the inputs");
  }
}

}  // namespace

NonlinearSolution solve_nonlinear(const Tensor& g,
                                  const IvLaw& law,
                                  const Tensor& v,
                                  const LineResistance& lines,
                                  const NewtonOptions& options) {
  require_conductances(g);
  require_inputs(v, g);
  lines.validate();
  const Tensor cells = g.detach().to(at::kCPU, at::kDouble).contiguous();
  const Tensor inputs = v.detach().to(at::kCPU, at::kDouble).contiguous();
  TORCH_CHECK(inputs.dim() == 2, "inputs must be [B, R], not ", inputs.sizes());
  require_reach(law, inputs);
  NonlinearSolution solution;
  solution.i = at::empty({inputs.size(0), cells.size(1)}, at::kDouble);
  std::vector<std::vector<double>> residuals(static_cast<std::size_t>(inputs.size(0)));
  at::parallel_for(0, inputs.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
    Newton newton(cells, law, lines);
    for (std::int64_t b = begin; b < end; ++b) {
      residuals[b] = newton.solve(inputs.data_ptr<double>() + b * inputs.size(1),
                                  options,
                                  solution.i.data_ptr<double>() + b * cells.size(1));
    }
  });
  for (std::vector<double>& one : residuals) {
    if (one.size() > solution.residuals.size()) solution.residuals = std::move(one);
  }
  return solution;
}

}  // namespace crossloom
