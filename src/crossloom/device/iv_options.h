#pragma once

#include <vector>

#include "crossloom/core/params.h"
#include "crossloom/device/iv_law.h"

namespace crossloom {

/// Which current law the cells are read with: that of their model, or one that replaces it.
struct IvOptions {
  enum class Kind { kModel, kLinear, kSinh, kTabulated };

  Kind kind = Kind::kModel;
  // Of the Stanford/ASU ReRAM model as MemTorch ships it, V_0 = 0.25 V.
  double curvature = 4;          // [1/V]
  std::vector<double> voltages;  // [V]
  std::vector<double> currents;  // [A]

  void describe(ParamList& params);

  /// The law, where the model itself has `of_model`. Throws `ConfigError` when the points are no
  /// curve.
  IvLaw law(const IvLaw& of_model) const;

  /// The largest voltage that the law is given for [V].
  double largest_voltage() const;
};

}  // namespace crossloom
