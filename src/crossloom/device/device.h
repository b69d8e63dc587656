#pragma once

#include <memory>
#include <string>

#include "crossloom/device/cells.h"
#include "crossloom/device/device_model.h"
#include "crossloom/device/iv_options.h"

namespace crossloom {

/// A device model together with what every kind of cell has: stuck cells, a window of its own,
/// pulses and a count of its writes. The only thing that changes `Cells`.
class Device {
 public:
  /// The registered model `name` with its defaults.
  explicit Device(const std::string& name = "ideal");

  /// Declare the parameters of the model and the common ones.
  void describe(ParamList& params);

  /// Throws `ConfigError` when the parameters contradict each other, such as g_min above g_max.
  void validate() const;

  const std::string& name() const { return name_; }
  ConductanceRange range() const { return model_->range(); }
  std::int64_t num_levels() const { return model_->num_levels(); }

  /// Conductance between neighbouring levels [S]; 0 when the model has no levels.
  double level_step() const;

  /// Cells as they leave the factory. `sizes` is the shape of the block; `rng` one stream for it.
  Cells make_cells(at::IntArrayRef sizes, const Rng& rng) const;

  /// Write–verify the cells where `mask` is true towards `g_target` [S] at the time `clock` [s].
  /// The target is first brought into the cell's own window. Stuck cells wear, but do not change.
  ///
  ///   mask      [...]  bool
  ///   g_target  [...]  S
  void write(
      Cells& cells, const Tensor& mask, const Tensor& g_target, double clock, Rng& rng) const;

  /// Blind pulses: no verification; each moves the conductance by `pulse_step` times the cell's own
  /// factor, with the spread `sigma_c2c` from pulse to pulse.
  ///
  ///   num_pulses  [...]  1  positive: SET, negative: RESET, 0: untouched
  void pulse(Cells& cells, const Tensor& num_pulses, double clock, Rng& rng) const;

  /// Conductances at the time `clock` [s], ageing and faults included: [...], S.
  Tensor conductance(const Cells& cells, double clock) const;

  /// Standard deviation of one read at the time `clock` [s]: [...], S. Zero for stuck cells.
  Tensor read_sigma(const Cells& cells, double clock) const;

  /// Which current a voltage drives: the model's law, or the one that the parameters name.
  IvLaw iv_law() const { return iv_.law(model_->iv_law()); }

  /// The largest voltage that the law is given for [V].
  double largest_voltage() const { return iv_.largest_voltage(); }

 private:
  Tensor elapsed(const Cells& cells, double clock) const;

  std::string name_;
  std::shared_ptr<DeviceModel> model_;
  IvOptions iv_;
  double p_stuck_on_ = 0;
  double p_stuck_off_ = 0;
  double sigma_d2d_ = 0;
  double sigma_c2c_ = 0;
  double pulse_step_ = 0;
  double read_noise_scale_ = 1;
};

}  // namespace crossloom
