#pragma once

#include "crossloom/core/params.h"
#include "crossloom/device/device_model.h"

namespace crossloom {

/// Random telegraph noise: a trap in the cell is filled and emptied, its conductance jumps between
/// two values.
///
///   offset = amplitude (s - p),   s in {0, 1}, p = rate_up / (rate_up + rate_down)
///
/// so that the mean stays. s is a Markov chain in time, one trajectory for the life of a cell: the
/// events of a Poisson process of the rate rate_up + rate_down, each of which draws s anew, come
/// from counters (cell, time), so that looking costs no memory and changes nothing.
class TelegraphNoise {
 public:
  void describe(ParamList& params);

  bool is_on() const { return amplitude_ > 0 && rate_up_ + rate_down_ > 0; }

  /// Adds to `latent` what cells are born with.
  void make(Latents& latent, at::IntArrayRef sizes, Rng& rng) const;

  /// Deviation [S] of the cells at the time `clock` [s]: [...].
  Tensor offset(const Latents& latent, double clock) const;

 private:
  double amplitude_ = 0;  // [S]
  double share_ = 1;
  double rate_up_ = 1;    // [1/s]
  double rate_down_ = 1;  // [1/s]
};

}  // namespace crossloom
