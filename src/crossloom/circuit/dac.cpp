#include "crossloom/circuit/dac.h"

namespace crossloom {

void Dac::describe(ParamList& params) {
  params.add("bits", bits, {0, 16}, "bit", "resolution of the inputs; 0 = exact");
  params.add("v_read", v_read, {1e-3, 2}, "V", "read voltage, full scale of the converter");
  params.add("range_use",
             range_use,
             {1e-3, 1},
             "1",
             "share of v_read that the largest input drives; undone digitally");
  params.add_choice<CountsAs>(
      "counts_as",
      counts_as,
      {{"small_signal", CountsAs::kSmallSignal}, {"full_scale", CountsAs::kFullScale}},
      "amplitude: numbers that keep their size where the current of the cells is not linear");
  params.add("x_max", x_max, {1e-12, 1e12}, "1", "fixed range: number that gives v_read");
  params.add_choice<InputEncoding>(
      "encoding",
      encoding,
      {{"amplitude", InputEncoding::kAmplitude},
       {"pulse_width", InputEncoding::kPulseWidth},
       {"bit_serial", InputEncoding::kBitSerial},
       {"bit_serial_digital", InputEncoding::kBitSerialDigital}},
      "one pulse of variable height or length; or one pulse per bit, weighed by powers of two in "
      "the ADC, or converted each and weighed digitally");
  params.add(
      "predistortion",
      predistortion,
      {0, 20},
      "1/V",
      "amplitude: levels asinh(b v) / b, which undo a current of sinh(b v); 0 = even levels");
  params.add("inl_bow", inl_bow, {-100, 100}, "1", "bow of the levels at mid-scale, in steps");
  params.add("inl_s", inl_s, {-100, 100}, "1", "S of the levels at a quarter, in steps");
  range.describe(params);
}

void Dac::validate() const {
  if (is_bit_serial() && bits == 0) {
    throw ConfigError(
        "dac.encoding = bit_serial with dac.bits = 0 (there are no bits to apply one after the "
        "other); give bits or encoding = amplitude");
  }
  if (predistortion != 0 && encoding != InputEncoding::kAmplitude) {
    throw ConfigError(
        "dac.predistortion without dac.encoding = amplitude (pulses of one height have no levels "
        "to distort); leave it out or give encoding = amplitude");
  }
  if ((inl_bow != 0 || inl_s != 0) && (is_bit_serial() || bits == 0)) {
    throw ConfigError(
        "dac.inl_bow and dac.inl_s (steps of a converter that has them: not bit-serial, bits > 0); "
        "leave them out or give encoding = amplitude and bits");
  }
}

}  // namespace crossloom
