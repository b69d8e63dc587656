#pragma once

#include <memory>
#include <string>

#include "crossloom/device/cells.h"
#include "crossloom/device/device_model.h"
#include "crossloom/device/faults.h"
#include "crossloom/device/iv_options.h"
#include "crossloom/device/retention.h"
#include "crossloom/device/telegraph_noise.h"

namespace crossloom {

class Selection;

/// A device model together with what every kind of cell has: faults, a window of its own, pulses,
/// write–verify, generic retention, telegraph noise, a count of its writes and their energy. The
/// only thing that changes `Cells`. All of it is off by default and then costs nothing.
///
/// Order in which the laws act on what is read: the model's ageing, generic retention, disturbance
/// by reads, telegraph noise, faults; then the noise of the read.
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

  /// Longest time after a write for which the laws of the model are known [s].
  double max_elapsed() const { return model_->max_elapsed(); }

  /// Conductance between neighbouring levels [S]; 0 when the model has no levels.
  double level_step() const;

  /// The device as the die of the stream `chip` has it: all its cells share the factor that
  /// `sigma_die` spreads from die to die.
  Device on_die(const Rng& chip) const;

  /// Cells as they leave the factory. `sizes` is the shape of the block; `rng` one stream for it.
  Cells make_cells(at::IntArrayRef sizes, const Rng& rng) const;

  /// Bring the cells where `mask` is true to `g_target` [S] at the time `clock` [s]: by the model's
  /// statistics of a write, or pulse by pulse (`programming`). The target is first brought into the
  /// cell's own window. Stuck cells wear, but do not change.
  ///
  ///   mask      [...]  bool
  ///   g_target  [...]  S
  void write(
      Cells& cells, const Tensor& mask, const Tensor& g_target, double clock, Rng& rng) const;

  /// Blind pulses: no verification. Each moves the conductance by the model's own law; without one,
  /// by `pulse_step` times the cell's own factor, with the spread `sigma_c2c` from pulse to pulse.
  ///
  ///   num_pulses  [...]  1  positive: SET, negative: RESET, 0: untouched
  void pulse(Cells& cells, const Tensor& num_pulses, double clock, Rng& rng) const;

  /// Conductances at the time `clock` [s], ageing and faults included: [...], S.
  Tensor conductance(const Cells& cells, double clock) const;

  /// Standard deviation of one read at the time `clock` [s]: [...], S. Zero for stuck cells.
  Tensor read_sigma(const Cells& cells, double clock) const {
    return read_sigma(cells, conductance(cells, clock), clock);
  }
  /// The same, `g` being `conductance(cells, clock)`.
  Tensor read_sigma(const Cells& cells, const Tensor& g, double clock) const;

  /// Energy [J] of all writes of `cells` so far, by `energy_set` and `energy_reset`; zero when
  /// neither is given.
  double write_energy(const Cells& cells) const;

  /// Which current a voltage drives: the model's law, or the one that the parameters name.
  IvLaw iv_law() const { return iv_.law(model_->iv_law()); }

  /// The largest voltage that the law is given for [V].
  double largest_voltage() const { return iv_.largest_voltage(); }

 private:
  enum class Programming { kStatistical, kWriteVerify };
  struct Start;
  struct Written;

  PulseEnergy energy() const;
  double pulse_step() const;
  Tensor elapsed(const Cells& cells, double clock) const;
  Tensor aged_time(const Tensor& elapsed) const;
  Tensor settled(const Cells& cells, double clock) const;
  Tensor with_faults(const Tensor& g, const Cells& cells) const;
  Tensor in_window(const Tensor& g, const Tensor& window) const;
  void renew_deviates(const Cells& cells, const Selection& chosen, Latents& latent, Rng& rng) const;
  Tensor pulsed(
      const Tensor& g, const Tensor& count, const Tensor& window, Latents& own, Rng& rng) const;
  Written statistical(const Start& start, const Tensor& reachable, Latents& own, Rng& rng) const;
  Written verified(const Start& start, const Tensor& reachable, Latents& own, Rng& rng) const;
  void record(Cells& cells,
              const Selection& chosen,
              const Tensor& wanted,
              const Written& written,
              double clock) const;

  std::string name_;
  std::shared_ptr<DeviceModel> model_;
  Faults faults_;
  Retention retention_;
  TelegraphNoise telegraph_;
  IvOptions iv_;
  double sigma_d2d_ = 0;
  double sigma_die_ = 0;
  double die_ = 1;
  double sigma_c2c_ = 0;
  double pulse_step_ = 0;
  double read_noise_scale_ = 1;
  Programming programming_ = Programming::kStatistical;
  double verify_tolerance_ = 0;
  std::int64_t max_trials_ = 100;
  double energy_set_ = 0;
  double energy_reset_ = 0;
};

}  // namespace crossloom
