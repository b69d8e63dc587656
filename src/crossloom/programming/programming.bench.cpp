// ViT-Base (86 M weights, 10 bits, 128 rows): sorting and counting, goal 5 s on two threads; row
// assignment, goal 10 minutes for all of it, that is 58 s for one block with embedding and head;
// counting alone against a pass over the same memory.

#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>

#include "crossloom/programming/flip_count.h"
#include "crossloom/programming/studies.h"

namespace crossloom {
namespace {

// A quarter of the network's memory at a time: `num_blocks` blocks of twelve.
std::vector<std::pair<std::string, Tensor>> vit(std::int64_t num_blocks) {
  std::vector<std::pair<std::string, Tensor>> network;
  Rng rng(1);
  for (const LayerShape& shape : vit_base_shapes(num_blocks)) {
    network.emplace_back(shape.name, draw_weights(shape, WeightDraw::kLaplace, rng));
  }
  return network;
}

void plan(benchmark::State& state,
          std::int64_t num_blocks,
          Order order,
          RowAssignment assignment,
          std::int64_t budget) {
  at::set_num_threads(2);
  const auto network = vit(num_blocks);
  PlanOptions options;
  options.order = order;
  options.assignment = assignment;
  options.budget = budget;
  CrossbarPool pool;
  pool.num_crossbars = 16;
  std::int64_t weights = 0;
  for (const auto& layer : network) weights += layer.second.numel();
  for (auto _ : state) benchmark::DoNotOptimize(plan_cost(network, pool, options).writes());
  state.SetItemsProcessed(state.iterations() * weights);
}
BENCHMARK_CAPTURE(plan, vit_base_r3, 12, Order::kR3, RowAssignment::kRank, 0)
    ->UseRealTime()
    ->Unit(benchmark::kSecond);
BENCHMARK_CAPTURE(plan, vit_base_qr, 12, Order::kQr, RowAssignment::kRank, 0)
    ->UseRealTime()
    ->Unit(benchmark::kSecond);
BENCHMARK_CAPTURE(plan, one_block_hungarian, 1, Order::kQr, RowAssignment::kHungarian, 0)
    ->UseRealTime()
    ->Unit(benchmark::kSecond);
BENCHMARK_CAPTURE(plan, one_block_hungarian_budget_2, 1, Order::kQr, RowAssignment::kHungarian, 2)
    ->UseRealTime()
    ->Unit(benchmark::kSecond);

// 86 M weights of 10 bits: 128 rows are 20 words of 64.
constexpr std::size_t kWords = 20;
constexpr std::size_t kBlocks = 86'000'000 / 128;

void count_packed_vit_base(benchmark::State& state) {
  const std::vector<std::uint64_t> bits(kBlocks * kWords, 0x123456789abcdefU);
  for (auto _ : state) benchmark::DoNotOptimize(count_flips(bits.data(), kBlocks, kWords));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bits.size() * 8));
}
BENCHMARK(count_packed_vit_base)->UseRealTime()->Unit(benchmark::kMillisecond);

void sum_of_the_same_memory(benchmark::State& state) {
  const Tensor bits = at::ones({static_cast<std::int64_t>(kBlocks * kWords)}, at::kLong);
  at::set_num_threads(1);
  for (auto _ : state) benchmark::DoNotOptimize(bits.sum());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bits.nbytes()));
}
BENCHMARK(sum_of_the_same_memory)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace crossloom
