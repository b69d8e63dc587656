#pragma once

#include <vector>

#include "crossloom/device/reading_sums.h"

namespace crossloom {

/// Mean and spread of the moves of groups of cells over x, the decadic logarithm of time.
///
/// The mean is smoothed, since it is small against its standard error: a polynomial by least
/// squares, weighted by the number of cells over their variance, of the degree (1 to 3) that best
/// predicts inner times left out of it. Up to three times it goes through all of them. The spread
/// goes through its points by monotone cubic pieces (see `tabulated_law`).
class AgeingCurves {
 public:
  /// `x` [K] ascending.
  AgeingCurves(std::vector<double> x, const ReadingMoments& moments);

  /// At `x`: [B], in the unit of the moments.
  Tensor mean(double x) const;
  Tensor sigma(double x) const;

 private:
  struct Polynomials {
    Tensor coefficients;  // [B, degree + 1]
    double error;         // of the inner times, each predicted by the others
  };

  Polynomials fit(const Tensor& mean, const Tensor& weight, std::int64_t degree) const;

  std::vector<double> x_;
  double center_;
  Tensor coefficients_;
  std::vector<std::vector<double>> sigma_, slopes_;  // [B][K]
};

}  // namespace crossloom
