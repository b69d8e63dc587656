#include "crossloom/device/iv_options.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace crossloom {

void IvOptions::describe(ParamList& params) {
  params.add_choice<Kind>("iv",
                          kind,
                          {{"model", Kind::kModel},
                           {"linear", Kind::kLinear},
                           {"sinh", Kind::kSinh},
                           {"tabulated", Kind::kTabulated}},
                          "current law of a read: the model's own, linear, g sinh(b v) / b, or a "
                          "measured curve");
  params.add("iv_curvature", curvature, {0, 20}, "1/V", "b of iv = sinh; 0 = linear");
  params.add("iv_voltages",
             voltages,
             {-10, 10},
             "V",
             "iv = tabulated: voltages of the curve; without negative ones it is odd");
  params.add("iv_currents",
             currents,
             {-1, 1},
             "A",
             "iv = tabulated: a cell's currents at iv_voltages; only their form counts");
}

IvLaw IvOptions::law(const IvLaw& of_model) const {
  switch (kind) {
    case Kind::kLinear:
      return linear_law();
    case Kind::kSinh:
      return sinh_law(curvature);
    case Kind::kTabulated:
      return tabulated_law(voltages, currents);
    case Kind::kModel:
      break;
  }
  return of_model;
}

double IvOptions::largest_voltage() const {
  if (kind != Kind::kTabulated || voltages.empty()) return std::numeric_limits<double>::infinity();
  const double up = voltages.back();
  return voltages.front() < 0 ? std::min(up, -voltages.front()) : up;
}

}  // namespace crossloom
