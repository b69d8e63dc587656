// Gaussian numbers against the generator of LibTorch and against a plain copy of the same size.

#include "crossloom/core/random.h"

#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

namespace crossloom {
namespace {

constexpr std::int64_t kCount = 1 << 20;

void normal_numbers(benchmark::State& state) {
  Rng rng(1);
  for (auto _ : state) benchmark::DoNotOptimize(rng.normal({kCount}));
  state.SetItemsProcessed(state.iterations() * kCount);
}
BENCHMARK(normal_numbers)->UseRealTime();

void normal_numbers_libtorch(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(at::randn({kCount}));
  state.SetItemsProcessed(state.iterations() * kCount);
}
BENCHMARK(normal_numbers_libtorch)->UseRealTime();

void copy_of_the_same_size(benchmark::State& state) {
  const Tensor numbers = at::zeros({kCount});
  for (auto _ : state) benchmark::DoNotOptimize(numbers.clone());
  state.SetItemsProcessed(state.iterations() * kCount);
}
BENCHMARK(copy_of_the_same_size)->UseRealTime();

}  // namespace
}  // namespace crossloom
