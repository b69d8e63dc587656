#pragma once

#include <limits>
#include <map>
#include <string>
#include <vector>

#include "crossloom/core/params.h"
#include "crossloom/core/random.h"
#include "crossloom/core/registry.h"
#include "crossloom/device/iv_law.h"

namespace crossloom {

/// Programmable conductances of a cell, 0 <= g_min < g_max [S].
struct ConductanceRange {
  double g_min;
  double g_max;
};

/// Per-cell quantities of a model by name, each of the shape of the block.
using Latents = std::map<std::string, Tensor>;

/// Energy of one pulse [J].
struct PulseEnergy {
  double set = 0;
  double reset = 0;
};

/// The laws of one kind of memristive cell: written, left alone, read.
///
/// Each method maps tensors of one shape [...] to a new tensor of that shape; a time may be of one
/// element, which then holds for all cells. Cells are independent of each other, arguments are
/// never modified, all randomness comes from `rng`. What every kind of cell shares (stuck cells,
/// spread from device to device, counting of writes) is in `Device`. The suite `DeviceContract`
/// tests every registered model against these promises.
class DeviceModel {
 public:
  virtual ~DeviceModel() = default;

  /// Declare the parameters of this model.
  virtual void describe(ParamList& params) = 0;

  /// Declare where the cells work; the same for every model.
  void describe_environment(ParamList& params);

  /// Throws `ConfigError` when the parameters contradict each other. Default: they cannot.
  virtual void validate() const {}

  virtual ConductanceRange range() const = 0;

  /// Number of levels the cell is used with; 0: any value in the range.
  virtual std::int64_t num_levels() const { return 0; }

  /// Conductances [S] of cells that were never written. Default: g_min.
  virtual Tensor pristine(at::IntArrayRef sizes, Rng& rng) const;

  /// What each cell is born with and keeps for its life. Default: nothing.
  virtual Latents born_with(at::IntArrayRef sizes, Rng& rng) const;

  /// Standard normal deviates drawn anew at each write and kept until the next. Default: none.
  virtual Latents drawn_at_write(at::IntArrayRef sizes, Rng& rng) const;

  /// Names of the quantities of `born_with` that `program` and `pulse` read or replace.
  virtual std::vector<std::string> written_with() const { return {}; }

  /// Conductance [S] right after writing towards `g_target` [S] cells of the quantities `latent`,
  /// which a write may replace.
  virtual Tensor program(const Tensor& g_target, Latents& latent, Rng& rng) const = 0;

  /// Conductance [S] of cells of `g` [S] after blind pulses: `num_pulses` [1] SET pulses where
  /// positive, RESET pulses where negative, none where 0. Undefined where the model has no law of
  /// its own: `Device` then moves the cells by equal steps.
  virtual Tensor pulse(const Tensor& g, const Tensor& num_pulses, Latents& latent, Rng& rng) const;

  /// Of one pulse; zero where nothing is known.
  virtual PulseEnergy pulse_energy() const { return {}; }

  /// Conductance [S] `elapsed` [s] after it was written, never below zero. Identity where `elapsed`
  /// is 0; called again with a longer time it goes on along the same trajectory.
  ///
  ///   g_target, g_written  [...]  S
  ///   elapsed              [...]  s  float64, non-negative
  virtual Tensor age(const Tensor& g_target,
                     const Tensor& g_written,
                     const Tensor& elapsed,
                     const Latents& latent) const;

  /// Longest time after a write for which `age` is known [s].
  virtual double max_elapsed() const { return std::numeric_limits<double>::infinity(); }

  /// Standard deviation [S] of one read of a cell of conductance `g` [S], `elapsed` [s] after it
  /// was written. The noise of reads is Gaussian and independent from cell to cell and read to
  /// read.
  virtual Tensor read_sigma(const Tensor& g, const Tensor& elapsed) const;

  /// Which current a voltage drives. Default: linear.
  virtual IvLaw iv_law() const { return linear_law(); }

  /// Where the cells work [K].
  double temperature() const { return temperature_; }

 private:
  double temperature_ = 300;
};

template <class Model>
using RegisteredDevice = Registered<DeviceModel, Model>;

}  // namespace crossloom
