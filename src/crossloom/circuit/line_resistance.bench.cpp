// Effective matrix of one n x n array, and 16 inputs of sinh cells, beside at::matmul of the same
// shape with a batch of 128.
// Goals: 128 in 40 ms, 256 in 300 ms, 512 in 3 s, on two threads.

#include "crossloom/circuit/line_resistance.h"

#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>

#include "crossloom/circuit/nonlinear_cells.h"
#include "crossloom/core/random.h"

namespace crossloom {
namespace {

constexpr LineResistance kLines{1, 0.6, 50, 20};

Tensor cells(const benchmark::State& state) {
  return Rng(1).uniform({state.range(0), state.range(0)}) * 100e-6;
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  for (const int threads : {1, 2}) {
    for (const int n : {128, 256, 512}) benchmark->Args({n, threads});
  }
  benchmark->ArgNames({"n", "threads"})->UseRealTime()->Unit(benchmark::kMillisecond);
}

void matmul(benchmark::State& state) {
  at::set_num_threads(static_cast<int>(state.range(1)));
  const Tensor g = cells(state);
  const Tensor v = Rng(2).uniform({128, state.range(0)});
  for (auto _ : state) benchmark::DoNotOptimize(at::matmul(v, g));
}
BENCHMARK(matmul)->Apply(sizes);

void exact(benchmark::State& state) {
  at::set_num_threads(static_cast<int>(state.range(1)));
  const Tensor g = cells(state);
  for (auto _ : state) benchmark::DoNotOptimize(effective_conductance(g, kLines));
}
BENCHMARK(exact)->Apply(sizes);

void approximate(benchmark::State& state) {
  at::set_num_threads(static_cast<int>(state.range(1)));
  const Tensor g = cells(state);
  for (auto _ : state) benchmark::DoNotOptimize(approximate_conductance(g, kLines));
}
BENCHMARK(approximate)->Apply(sizes);

void nonlinear_16_inputs(benchmark::State& state) {
  at::set_num_threads(static_cast<int>(state.range(1)));
  const Tensor g = cells(state);
  const Tensor v = 0.5 * Rng(2).uniform({16, state.range(0)});
  for (auto _ : state) benchmark::DoNotOptimize(solve_nonlinear(g, sinh_law(3), v, kLines).i);
}
BENCHMARK(nonlinear_16_inputs)->Apply(sizes);

}  // namespace
}  // namespace crossloom
