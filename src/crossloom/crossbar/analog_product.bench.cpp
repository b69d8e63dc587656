// Analog products as a ratio to the exact product of the same shape in the same run: linear 512 x
// 512 with a batch of 128, layers of ResNet-20 and of a MobileNet with 100 images; and the time
// that programming takes.

#include "crossloom/crossbar/analog_product.h"

#include <benchmark/benchmark.h>

namespace crossloom {
namespace {

constexpr std::int64_t kSize = 512;

/// One product and what it is computed with.
struct Case {
  ProductGeometry geometry;
  std::vector<std::int64_t> input;
};

Case linear() {
  return {ProductGeometry::linear(kSize, kSize), {128, kSize}};
}
Case conv(std::int64_t channels, std::int64_t side) {
  return {ProductGeometry::conv(channels, channels, 3, 1, 1), {100, channels, side, side}};
}
Case depthwise(std::int64_t channels, std::int64_t side) {
  return {ProductGeometry::conv(channels, channels, 3, 1, 1, channels),
          {100, channels, side, side}};
}

const std::vector<std::int64_t> kFourSlices = {2, 2, 2, 2};

enum class Noise {
  kNone,
  kEqual,    // the same in every cell: HfOx
  kPerCell,  // by conductance: phase-change memory
};

Hardware make_hardware(PairSubtraction subtraction,
                       Noise noise,
                       const std::vector<std::int64_t>& slice_bits = {}) {
  Hardware hardware;
  hardware.device =
      Device(noise == Noise::kPerCell ? "pcm_nandakumar2019" : "hfox_neurram_wan2022");
  ParamList params;
  hardware.device.describe(params);
  params.assign({{"read_noise_scale", noise == Noise::kNone ? 0 : 1}});
  hardware.adc.subtraction = subtraction;
  hardware.mapping.slice_bits = slice_bits;
  hardware.dac.range.policy = RangePolicy::kFixed;
  hardware.adc.i_max = 2e-3;
  return hardware;
}

/// Four slices, and each of eight input bits converted by itself.
Hardware make_bit_serial() {
  Hardware hardware = make_hardware(PairSubtraction::kAnalog, Noise::kNone, kFourSlices);
  hardware.dac.encoding = InputEncoding::kBitSerialDigital;
  return hardware;
}

void digital(benchmark::State& state, const Case& c) {
  const Tensor x = Rng(1).uniform(c.input);
  const Tensor w = Rng(2).normal(c.geometry.weight_sizes());
  for (auto _ : state) benchmark::DoNotOptimize(digital_product(x, w, c.geometry));
}

AnalogProduct programmed(const Hardware& hardware, const Case& c, const Tensor& w) {
  AnalogProduct product(
      hardware, c.geometry, InputSign::kNonNegative, at::scalar_tensor(1, at::kDouble), Rng(1));
  Rng rng(3);
  product.write(at::ones({1}, at::kBool).expand_as(w), w, 0, rng);
  return product;
}

void analog(benchmark::State& state, const Case& c, Hardware hardware) {
  // The linear layer in one crossbar, so that the ratio is that of one product.
  hardware.array = c.geometry.kind == ProductGeometry::Kind::kLinear ? ArraySize{kSize, 8 * kSize}
                                                                     : ArraySize{256, 256};
  const Tensor x = Rng(1).uniform(c.input);
  const Tensor w = Rng(2).normal(c.geometry.weight_sizes());
  AnalogProduct product = programmed(hardware, c, w);
  product.forward(x, {});
  for (auto _ : state) benchmark::DoNotOptimize(product.forward(x, {}));
}

/// Makes the cells of a linear layer, writes them and reads their conductances.
void program(benchmark::State& state, const Case& c, Hardware hardware) {
  hardware.keeps_cells = false;
  const Tensor w = Rng(2).normal(c.geometry.weight_sizes());
  for (auto _ : state) benchmark::DoNotOptimize(programmed(hardware, c, w).conductances(1));
  const std::int64_t cells = w.numel() * hardware.mapping.footprint().num_cells;
  state.SetItemsProcessed(state.iterations() * cells);
}

constexpr auto kDigital = PairSubtraction::kDigital;
constexpr auto kAnalog = PairSubtraction::kAnalog;

#define CROSSLOOM_BENCHMARK(...) BENCHMARK_CAPTURE(__VA_ARGS__)->UseRealTime()

CROSSLOOM_BENCHMARK(digital, linear, linear());
CROSSLOOM_BENCHMARK(analog, linear, linear(), make_hardware(kAnalog, Noise::kNone));
CROSSLOOM_BENCHMARK(analog, linear_noise, linear(), make_hardware(kAnalog, Noise::kEqual));
CROSSLOOM_BENCHMARK(analog,
                    linear_noise_per_cell,
                    linear(),
                    make_hardware(kAnalog, Noise::kPerCell));
CROSSLOOM_BENCHMARK(analog,
                    linear_noise_4_slices,
                    linear(),
                    make_hardware(kAnalog, Noise::kEqual, kFourSlices));
CROSSLOOM_BENCHMARK(analog,
                    linear_noise_per_cell_4_slices,
                    linear(),
                    make_hardware(kAnalog, Noise::kPerCell, kFourSlices));
CROSSLOOM_BENCHMARK(analog, linear_bit_serial_4_slices, linear(), make_bit_serial());
CROSSLOOM_BENCHMARK(analog, linear_apart, linear(), make_hardware(kDigital, Noise::kNone));
CROSSLOOM_BENCHMARK(analog, linear_apart_noise, linear(), make_hardware(kDigital, Noise::kEqual));

/// On all threads at once, whose time is counted.
#define CROSSLOOM_PROGRAM_BENCHMARK(...) \
  BENCHMARK_CAPTURE(program, __VA_ARGS__)->MeasureProcessCPUTime()

CROSSLOOM_PROGRAM_BENCHMARK(one_slice, linear(), make_hardware(kAnalog, Noise::kEqual));
CROSSLOOM_PROGRAM_BENCHMARK(four_slices,
                            linear(),
                            make_hardware(kAnalog, Noise::kEqual, kFourSlices));
CROSSLOOM_PROGRAM_BENCHMARK(four_slices_pcm,
                            linear(),
                            make_hardware(kAnalog, Noise::kPerCell, kFourSlices));

#define CROSSLOOM_CONV_BENCHMARKS(name, layer)                                                    \
  CROSSLOOM_BENCHMARK(digital, name, layer);                                                      \
  CROSSLOOM_BENCHMARK(analog, name##_noise, layer, make_hardware(kAnalog, Noise::kEqual));        \
  CROSSLOOM_BENCHMARK(analog, name##_apart_noise, layer, make_hardware(kDigital, Noise::kEqual)); \
  CROSSLOOM_BENCHMARK(                                                                            \
      analog, name##_noise_4_slices, layer, make_hardware(kAnalog, Noise::kEqual, kFourSlices))

CROSSLOOM_CONV_BENCHMARKS(conv16, conv(16, 32));
CROSSLOOM_CONV_BENCHMARKS(conv32, conv(32, 16));
CROSSLOOM_CONV_BENCHMARKS(conv64, conv(64, 8));
CROSSLOOM_CONV_BENCHMARKS(conv512, conv(512, 4));
CROSSLOOM_CONV_BENCHMARKS(depthwise128, depthwise(128, 16));

}  // namespace
}  // namespace crossloom
