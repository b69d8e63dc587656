#pragma once

#include "crossloom/circuit/adc.h"
#include "crossloom/circuit/dac.h"
#include "crossloom/device/device.h"
#include "crossloom/mapping/geometry.h"
#include "crossloom/mapping/weight_mapping.h"

namespace crossloom {

/// How much of the chip a product simulates.
enum class Fidelity {
  kStatistical,  // programmed weights with the equivalent noise on them: one product, no converters
  kBehavioural,  // per crossbar: DAC, cells, read noise, ADC; digital sum over crossbars
};

/// One description of a chip, for all fidelities.
struct Hardware {
  Device device;
  Dac dac;
  Adc adc;
  ArraySize array;
  MappingOptions mapping;
  Fidelity fidelity = Fidelity::kBehavioural;

  /// Throws `ConfigError` when the parts do not go together.
  void validate() const {
    device.validate();
    dac.validate();
    mapping.validate();
  }
};

}  // namespace crossloom
