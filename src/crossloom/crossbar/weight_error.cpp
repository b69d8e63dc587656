#include "crossloom/crossbar/weight_error.h"

#include <cmath>

#include "crossloom/crossbar/weight_cells.h"

namespace crossloom {
namespace {

constexpr std::int64_t kPlainLevels = 129;
constexpr std::int64_t kMostLevels = 1023;  // finer levels share the error of their neighbour
constexpr std::int64_t kDegree = 6;

std::int64_t number_of_levels(double step) {
  if (step == 0) return kPlainLevels;
  return std::min<std::int64_t>(2 * std::llround(1 / step) + 1, kMostLevels);
}

Tensor evaluate(const std::vector<double>& polynomial, const Tensor& u) {
  Tensor sum = at::full_like(u, polynomial.back());
  for (std::size_t k = polynomial.size() - 1; k-- > 0;) sum = sum * u + polynomial[k];
  return sum;
}

/// Least squares: coefficients of u^0 … u^degree through the points (u, y).
std::vector<double> fit_polynomial(const Tensor& u, const Tensor& y, std::int64_t degree) {
  std::vector<Tensor> powers;
  for (std::int64_t k = 0; k <= degree; ++k) powers.push_back(u.pow(k));
  const Tensor solution =
      std::get<0>(at::linalg_lstsq(at::stack(powers, 1), y.unsqueeze(1))).squeeze(1).contiguous();
  return {solution.data_ptr<double>(), solution.data_ptr<double>() + solution.numel()};
}

}  // namespace

WeightErrorLaw::WeightErrorLaw(const Hardware& hardware, double elapsed, const Rng& rng) {
  Hardware of_probe = hardware;
  of_probe.mapping.scale = ScalePer::kTensor;
  const Tensor one = at::ones({}, at::kDouble);
  step_ = WeightMapping(of_probe.mapping, of_probe.device.range(), one).weight_step().item<double>();
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
    terms_.push_back(fit_polynomial(u, seen.to(at::kDouble).mean(1), kDegree));
  }
  const Tensor error = cells.weights(g).to(at::kDouble) - u.unsqueeze(1);
  mean_ = error.mean(1);
  sigma_ = error.std(1, /*unbiased=*/true);
  square_ = fit_polynomial(u, mean_.square() + sigma_.square(), kDegree);
  mean_ = mean_.to(at::kFloat);
  sigma_ = sigma_.to(at::kFloat);
}

Tensor WeightErrorLaw::place(const Tensor& u) const {
  const auto half = static_cast<double>(mean_.size(0) - 1) / 2;
  return ((u.detach().clamp(-1, 1) + 1) * half).round_().to(at::kLong);
}

Tensor WeightErrorLaw::mean(const Tensor& u) const {
  return mean_.index({place(u)});
}

Tensor WeightErrorLaw::sigma(const Tensor& u) const {
  return sigma_.index({place(u)});
}

Tensor WeightErrorLaw::square(const Tensor& u) const {
  return evaluate(square_, u.clamp(-1, 1)).clamp_min(0);
}

Tensor WeightErrorLaw::term(std::size_t k, const Tensor& u) const {
  return evaluate(terms_.at(k - 1), u.clamp(-1, 1));
}

Tensor WeightErrorLaw::stored(const Tensor& u) const {
  if (step_ == 0) return u;
  const Tensor nearest = ((u.detach() / step_).round() * step_).clamp(-1, 1);
  return u + (nearest - u).detach();
}

double WeightErrorLaw::rms() const {
  return std::sqrt((mean_.square() + sigma_.square()).to(at::kDouble).mean().item<double>());
}

}  // namespace crossloom
