#include "crossloom/circuit/adc.h"

namespace crossloom {

void Adc::describe(ParamList& params) {
  params.add("bits", bits, {0, 24}, "bit", "resolution of the column currents; 0 = exact");
  params.add("i_max", i_max, {1e-12, 1}, "A", "fixed range: current of the largest code");
  params.add(
      "noise_lsb", noise_lsb, {0, 100}, "1", "spread of a conversion in steps of the converter");
  params.add("noise_i",
             noise_i,
             {0, 1},
             "A",
             "spread of the current of a conversion whatever the range: noise of the amplifier");
  params.add("sigma_gain", sigma_gain, {0, 1}, "1", "relative spread of gain between converters");
  params.add("sigma_offset_lsb",
             sigma_offset_lsb,
             {0, 1e4},
             "1",
             "spread of offset between converters, in steps");
  params.add("columns_per_adc",
             columns_per_adc,
             {1, 65536},
             "1",
             "neighbouring columns (pairs, when subtracted before it) that share a converter");
  params.add_choice<PairSubtraction>(
      "subtraction",
      subtraction,
      {{"digital", PairSubtraction::kDigital}, {"analog", PairSubtraction::kAnalog}},
      "of a pair's columns: digital, each has its converter; analog, one for their difference");
  range.describe(params);
}

double Adc::highest_code(Polarity polarity) const {
  const std::int64_t magnitude_bits = polarity == Polarity::kBipolar ? bits - 1 : bits;
  return static_cast<double>((std::int64_t{1} << std::max<std::int64_t>(magnitude_bits, 1)) - 1);
}

double Adc::lowest_code(Polarity polarity) const {
  return polarity == Polarity::kBipolar ? -highest_code(polarity) : 0;
}

}  // namespace crossloom
