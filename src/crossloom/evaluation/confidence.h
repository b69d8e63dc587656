#pragma once

#include <array>

#include <ATen/ATen.h>

#include "crossloom/core/params.h"
#include "crossloom/core/tensor_files.h"

namespace crossloom {

using at::Tensor;

/// Confidence and uncertainty of predictions over many chips, as sums that do not grow with their
/// number.
///
///   confidence   mean over chips and images of the largest probability
///   error (ECE)  sum over 15 bins of equal width of the largest probability, of
///                share of the bin x |accuracy in it - mean confidence in it|
///   expected KL  mean over images of E_i KL(p_i || mean_i p_i) = H(mean_i p_i) - E_i H(p_i): what
///                the probabilities of single chips i differ by [nat]
///
/// Source of the ECE: C. Guo et al., ICML 2017, arXiv:1706.04599. The published "EKL" of
/// arXiv:2305.14561 is not defined there; this form is an assumption.
class Confidence {
 public:
  /// Adds the logits [N, classes] of one more chip for the same images, with labels [N].
  void add(const Tensor& logits, const Tensor& labels, double temperature);

  /// Adds the sums of `other`, over more chips for the same images.
  void add(const Confidence& other);

  double confidence() const;
  double calibration_error() const;
  double expected_kl() const;

  TensorMap state() const;
  void load_state(const TensorMap& state);

 private:
  static constexpr std::int64_t kBins = 15;

  double chips_ = 0;
  double entropy_ = 0;    // sum over chips of the mean over images
  Tensor probabilities_;  // [N, classes]  double, sum over chips
  Tensor bins_;           // [3, kBins]    double: count, confidence, hits
};

Json to_json(const Confidence& confidence);

/// The temperature at which `logits` [N, classes] / temperature have the least cross entropy with
/// `labels`, between 0.01 and 100.
double fit_temperature(const Tensor& logits, const Tensor& labels);

}  // namespace crossloom
