#pragma once

#include <vector>

namespace crossloom {

/// Slopes at the points (x, y), x ascending, of a cubic curve through them that rises and falls
/// where they do: the weighted harmonic mean of the secants beside a point, zero at a turn, the
/// secant at an end. A single point has slope zero.
/// Source: F. N. Fritsch and J. Butland, SIAM J. Sci. Stat. Comput. 5, 1984, doi:10.1137/0905021.
std::vector<double> monotone_slopes(const std::vector<double>& x, const std::vector<double>& y);

}  // namespace crossloom
