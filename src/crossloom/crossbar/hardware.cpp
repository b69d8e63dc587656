#include "crossloom/crossbar/hardware.h"

#include <algorithm>

#include "crossloom/core/units.h"

namespace crossloom {
namespace {

/// A cell that is not off holds at least one step of its slice.
void require_small_digits(const MappingOptions& mapping, ConductanceRange range) {
  if (mapping.scheme != WeightScheme::kSignMagnitude || mapping.slice_bits.empty()) return;
  const std::int64_t bits = *std::max_element(mapping.slice_bits.begin(), mapping.slice_bits.end());
  const double step = range.g_max / static_cast<double>((std::int64_t{1} << bits) - 1);
  if (range.g_min <= step * (1 + 1e-9)) return;
  throw ConfigError("mapping.scheme = sign_magnitude with slices of " + std::to_string(bits) +
                    " bits and g_min = " + format_quantity(range.g_min, "S") +
                    " (their first digit is " + format_quantity(step, "S") +
                    ", below the smallest conductance); give smaller slices or another scheme");
}

}  // namespace

void Hardware::validate() const {
  device.validate();
  dac.validate();
  mapping.validate();
  lines.wires.validate();
  require_small_digits(mapping, device.range());
  if (mapping.scheme == WeightScheme::kOffset && adc.subtraction == PairSubtraction::kAnalog) {
    throw ConfigError(
        "mapping.scheme = offset with adc.subtraction = analog (a reference column is read by "
        "itself and subtracted digitally); give adc.subtraction = digital");
  }
  if (dac.v_full() > device.largest_voltage() * (1 + 1e-9)) {
    throw ConfigError("dac.v_read drives up to " + format_quantity(dac.v_full(), "V") +
                      " (device.iv_voltages end at " +
                      format_quantity(device.largest_voltage(), "V") +
                      "); lower v_read or give the curve as far as it is used");
  }
  if (has_lines() && lines.tolerance == 0 && dac.encoding == InputEncoding::kPulseWidth &&
      !is_linear(device.iv_law(), dac.v_full())) {
    throw ConfigError(
        "dac.encoding = pulse_width with line resistance and a non-linear current law (the "
        "voltages of the cells change whenever a pulse ends); give another encoding, device.iv = "
        "linear, or a lines.tolerance");
  }
}

std::int64_t Hardware::converted_lines() const {
  const bool is_single =
      mapping.scheme == WeightScheme::kOffset || adc.subtraction == PairSubtraction::kAnalog;
  return is_single ? 1 : 2;
}

}  // namespace crossloom
