#include "crossloom/crossbar/weight_error.h"

#include <cmath>

#include "crossloom/crossbar/weight_cells.h"

namespace crossloom {
namespace {

constexpr std::int64_t kPlainLevels = 129;
constexpr std::int64_t kMostLevels = 1023;  // finer levels share the error of their neighbour

std::int64_t number_of_levels(double step) {
  if (step == 0) return kPlainLevels;
  return std::min<std::int64_t>(2 * std::llround(1 / step) + 1, kMostLevels);
}

/// 1, u … u^6 and |u|, |u|^3, |u|^5: laws of |u| have a bend at zero.
std::vector<Tensor> basis(const Tensor& u) {
  std::vector<Tensor> functions;
  for (std::int64_t k = 0; k <= 6; ++k) functions.push_back(u.pow(k));
  for (const std::int64_t k : {1, 3, 5}) functions.push_back(u.abs().pow(k));
  return functions;
}

Tensor evaluate(const std::vector<double>& coefficients, const Tensor& u) {
  const std::vector<Tensor> functions = basis(u.clamp(-1, 1));
  Tensor sum = at::zeros_like(u);
  for (std::size_t k = 0; k < functions.size(); ++k) sum = sum + coefficients[k] * functions[k];
  return sum;
}

/// Least squares through the points (u, y).
std::vector<double> fit(const Tensor& u, const Tensor& y) {
  const Tensor solution =
      std::get<0>(at::linalg_lstsq(at::stack(basis(u), 1), y.unsqueeze(1), 1e-12, "gelsd"))
          .squeeze(1)
          .contiguous();
  return {solution.data_ptr<double>(), solution.data_ptr<double>() + solution.numel()};
}

}  // namespace

WeightErrorLaw::WeightErrorLaw(const Hardware& hardware, double elapsed, const Rng& rng) {
  Hardware of_probe = hardware;
  of_probe.mapping.scale = ScalePer::kTensor;
  const Tensor one = at::ones({}, at::kDouble);
  step_ =
      WeightMapping(of_probe.mapping, of_probe.device.range(), one).weight_step().item<double>();
  const std::int64_t levels = number_of_levels(step_);
  const Tensor u = at::linspace(-1, 1, levels, at::kDouble);
  WeightCells cells(of_probe, ProductGeometry::linear(kCells, levels), one, rng);
  const Tensor w = u.to(at::kFloat).unsqueeze(1).expand({levels, kCells}).contiguous();
  Rng writes = rng.fork(Purpose::kProgramming);
  Rng reads = rng.fork(Purpose::kRead);
  cells.write(at::ones_like(w, at::kBool), w, 0, writes);
  const WeightCells::Values g = cells.read_conductances(elapsed, reads);
  const IvLaw law = hardware.device.iv_law();
  for (std::size_t k = 1; k < law.size(); ++k) {
    const Tensor references = g.references.defined() ? law[k].strength(g.references) : Tensor();
    const Tensor seen = cells.weights({law[k].strength(g.cells), references});
    terms_.push_back(fit(u, seen.to(at::kDouble).mean(1)));
  }
  const Tensor error = cells.weights(g).to(at::kDouble) - u.unsqueeze(1);
  mean_ = error.mean(1);
  sigma_ = error.std(1, /*unbiased=*/true);
  square_ = fit(u, mean_.square() + sigma_.square());
  mean_ = mean_.to(at::kFloat);
  sigma_ = sigma_.to(at::kFloat);
}

Tensor WeightErrorLaw::place(const Tensor& u) const {
  const auto half = static_cast<double>(mean_.size(0) - 1) / 2;
  // What is no number stays none in the weight itself.
  return ((u.detach().nan_to_num(0).clamp(-1, 1) + 1) * half).round_().to(at::kLong);
}

Tensor WeightErrorLaw::mean(const Tensor& u) const {
  return mean_.index({place(u)});
}

Tensor WeightErrorLaw::sigma(const Tensor& u) const {
  return sigma_.index({place(u)});
}

Tensor WeightErrorLaw::square(const Tensor& u) const {
  return evaluate(square_, u).clamp_min(0);
}

Tensor WeightErrorLaw::term(std::size_t k, const Tensor& u) const {
  return evaluate(terms_.at(k - 1), u);
}

Tensor WeightErrorLaw::stored(const Tensor& u) const {
  if (step_ == 0) return u;
  const Tensor nearest = ((u.detach() / step_).round() * step_).clamp(-1, 1);
  return u + (nearest - u).detach();
}

}  // namespace crossloom
