#include "crossloom/evaluation/confidence.h"

#include <cmath>

namespace crossloom {
namespace {

/// [...] probabilities -> sum of -p ln p over the last dimension.
Tensor entropy(const Tensor& p) {
  return -(p * p.clamp_min(1e-300).log()).sum(-1);
}

}  // namespace

void Confidence::add(const Tensor& logits, const Tensor& labels, double temperature) {
  const Tensor log_p = at::log_softmax(logits / temperature, 1);
  const Tensor p = log_p.exp();
  if (!probabilities_.defined()) {
    probabilities_ = at::zeros(p.sizes(), at::kDouble);
    bins_ = at::zeros({3, kBins}, at::kDouble);
  }
  probabilities_ += p;
  entropy_ -= (p * log_p).nan_to_num(0).sum(1).mean().item<double>();
  chips_ += 1;
  const auto [largest, guess] = p.max(1);
  const Tensor hit = guess.eq(labels).to(at::kDouble);
  const Tensor bin = (largest * kBins).to(at::kLong).clamp_max(kBins - 1);
  const Tensor sure = largest.to(at::kDouble);
  bins_[0] += at::bincount(bin, {}, kBins);
  bins_[1] += at::bincount(bin, sure, kBins);
  bins_[2] += at::bincount(bin, hit, kBins);
}

void Confidence::add(const Confidence& other) {
  if (!other.probabilities_.defined()) return;
  if (!probabilities_.defined()) {
    probabilities_ = at::zeros_like(other.probabilities_);
    bins_ = at::zeros_like(other.bins_);
  }
  probabilities_ += other.probabilities_;
  bins_ += other.bins_;
  entropy_ += other.entropy_;
  chips_ += other.chips_;
}

double Confidence::confidence() const {
  return (bins_[1].sum() / bins_[0].sum()).item<double>();
}

double Confidence::calibration_error() const {
  return ((bins_[1] - bins_[2]).abs().sum() / bins_[0].sum()).item<double>();
}

double Confidence::expected_kl() const {
  const double of_mean = entropy(probabilities_ / chips_).mean().item<double>();
  return std::max(0.0, of_mean - entropy_ / chips_);
}

TensorMap Confidence::state() const {
  if (!probabilities_.defined()) return {};
  return {{"probabilities", probabilities_},
          {"bins", bins_},
          {"sums", at::tensor({chips_, entropy_}, at::kDouble)}};
}

void Confidence::load_state(const TensorMap& state) {
  if (state.empty()) return;
  probabilities_ = state.at("probabilities").clone();
  bins_ = state.at("bins").clone();
  chips_ = state.at("sums")[0].item<double>();
  entropy_ = state.at("sums")[1].item<double>();
}

Json to_json(const Confidence& c) {
  return {{"confidence", c.confidence()},
          {"calibration_error", c.calibration_error()},
          {"expected_kl", c.expected_kl()}};
}

double fit_temperature(const Tensor& logits, const Tensor& labels) {
  // Golden section on the logarithm: the cross entropy is convex in 1 / temperature, so that it
  // has one minimum there.
  const auto loss = [&](double log_temperature) {
    return at::cross_entropy_loss(logits / std::exp(log_temperature), labels).item<double>();
  };
  const double shrink = (std::sqrt(5.0) - 1) / 2;
  double low = std::log(0.01);
  double high = std::log(100.0);
  double left = high - shrink * (high - low);
  double right = low + shrink * (high - low);
  double at_left = loss(left);
  double at_right = loss(right);
  while (high - low > 1e-3) {
    if (at_left < at_right) {
      high = right;
      right = left;
      at_right = at_left;
      left = high - shrink * (high - low);
      at_left = loss(left);
    } else {
      low = left;
      left = right;
      at_left = at_right;
      right = low + shrink * (high - low);
      at_right = loss(right);
    }
  }
  return std::exp((low + high) / 2);
}

}  // namespace crossloom
