#pragma once

#include "crossloom/circuit/adc.h"
#include "crossloom/circuit/dac.h"
#include "crossloom/circuit/line_resistance.h"
#include "crossloom/device/device.h"
#include "crossloom/mapping/geometry.h"
#include "crossloom/mapping/weight_mapping.h"

namespace crossloom {

/// How much of the chip a product simulates. With the effects that only one of them has off, each
/// is the one before it.
enum class Fidelity {
  kStatistical,  // programmed weights with the equivalent noise on them: no converters
  kBehavioural,  // per crossbar: DAC, cells, read noise, ADC; digital sum over crossbars
  kCircuit,      // behavioural with the resistance of the lines
};

/// One description of a chip, for all fidelities.
struct Hardware {
  Device device;
  Dac dac;
  Adc adc;
  ArraySize array;
  MappingOptions mapping;
  LineOptions lines;
  Fidelity fidelity = Fidelity::kBehavioural;
  // Otherwise a product keeps the seed of its cells and its only write, and makes the cells again
  // when the time of reads changes: for large networks that are only read.
  bool keeps_cells = true;

  /// Throws `ConfigError` when the parts do not go together.
  void validate() const;

  bool has_lines() const { return fidelity == Fidelity::kCircuit && !lines.wires.is_ideal(); }

  /// Lines of a slice that are converted by themselves.
  std::int64_t converted_lines() const;
};

}  // namespace crossloom
