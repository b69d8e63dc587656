// Chips of LeNet-5 with errors of their weights, at nine device errors, on 10 000 images: 1 000
// chips in 15 minutes on two cores are 1.8 s for two chips (goal).

#include "crossloom/evaluation/variation.h"

#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>

#include "crossloom/training/squares_testing.h"

namespace crossloom {
namespace {

constexpr const char* kNetwork = "lenet5_mnist";
constexpr std::int64_t kImages = 10000;
constexpr int kCores = 2;

void two_chips(benchmark::State& state) {
  const int before = at::get_num_threads();
  at::set_num_threads(kCores);
  VariationOptions options;
  options.chips = 1 << 20;
  options.sigmas = {0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45};
  VariationTest test(random_network(kNetwork, 1),
                     WeightNoise(),
                     make_squares(kImages),
                     make_squares(100),
                     options,
                     1);
  for (auto _ : state) test.advance(0);  // one on each thread
  at::set_num_threads(before);
}

BENCHMARK(two_chips)
    ->Name("variation/two_chips_of_lenet5")
    ->Unit(benchmark::kSecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

}  // namespace
}  // namespace crossloom
