#pragma once

#include <string>

#include "crossloom/core/params.h"
#include "crossloom/device/cells.h"
#include "crossloom/device/device_model.h"

namespace crossloom {

/// Cells that no write can change: stuck from the start, by chance or by a measured map, or worn
/// out by writes.
class Faults {
 public:
  void describe(ParamList& params);
  void validate() const;

  /// Sets the faults of new `cells` of the shape `sizes`, and what wears them out.
  void make(Cells& cells, at::IntArrayRef sizes, Rng& rng) const;

  bool wears_out() const { return endurance_ > 0; }

  /// Sticks the cells whose writes exceed their endurance.
  void wear_out(Cells& cells) const;

 private:
  enum class WornState { kOn, kOff };

  double p_stuck_on_ = 0;
  double p_stuck_off_ = 0;
  std::string map_;
  double endurance_ = 0;
  double endurance_spread_ = 0.5;
  WornState worn_state_ = WornState::kOn;
};

}  // namespace crossloom
