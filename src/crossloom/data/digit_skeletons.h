#pragma once

#include <vector>

namespace crossloom {

/// Where a stroke goes through, x to the right and y down, in units of the height of a digit.
struct ControlPoint {
  float x;
  float y;
  bool is_corner = false;  // elsewhere the pen turns smoothly
};

using Stroke = std::vector<ControlPoint>;

/// A way to write a digit, chosen with a probability proportional to `weight`.
struct Skeleton {
  float weight;
  std::vector<Stroke> strokes;
};

/// The ways to write `digit`, 0 to 9.
const std::vector<Skeleton>& digit_skeletons(int digit);

}  // namespace crossloom
