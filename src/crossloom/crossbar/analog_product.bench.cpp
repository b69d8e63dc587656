// Analog products as a ratio to at::matmul of the same shape: 512 x 512, batch 128.

#include "crossloom/crossbar/analog_product.h"

#include <benchmark/benchmark.h>

namespace crossloom {
namespace {

constexpr std::int64_t kSize = 512;
constexpr std::int64_t kBatch = 128;

void matmul(benchmark::State& state) {
  const Tensor x = Rng(1).uniform({kBatch, kSize});
  const Tensor w = Rng(2).normal({kSize, kSize});
  for (auto _ : state) benchmark::DoNotOptimize(at::matmul(x, w));
}
BENCHMARK(matmul)->UseRealTime();

void behavioural(benchmark::State& state, double read_noise_scale) {
  Hardware hardware;
  hardware.device = Device("bulk_switching_wu2023");
  ParamList params;
  hardware.device.describe(params);
  params.assign({{"read_noise_scale", read_noise_scale}});
  hardware.array = {kSize, 2 * kSize};
  hardware.adc.i_max = 2e-3;
  AnalogProduct product(
      hardware, ProductGeometry::linear(kSize, kSize), InputSign::kNonNegative, 1, Rng(1));
  const Tensor x = Rng(1).uniform({kBatch, kSize});
  for (auto _ : state) benchmark::DoNotOptimize(product.forward(x, {}));
}
BENCHMARK_CAPTURE(behavioural, converters, 0.0)->UseRealTime();
BENCHMARK_CAPTURE(behavioural, converters_and_read_noise, 1.0)->UseRealTime();

}  // namespace
}  // namespace crossloom
