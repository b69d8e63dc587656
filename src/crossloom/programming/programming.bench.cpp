// ViT-Base (86 M weights, 10 bits, 128 rows): sorting and counting, goal 5 s on two threads; row
// assignment, goal 10 minutes for all of it, that is 58 s for one block with embedding and head;
// counting alone on one thread, with the bytes a second that it reads.

#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>

#include "crossloom/programming/cell_array.h"
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

// What counting takes of that: the loads of 86 M weights, as words of 32 bits, into one crossbar.
constexpr std::int64_t kRows = 128;
constexpr std::int64_t kLoads = 86'000'000 / kRows;

void count_vit_base(benchmark::State& state) {
  const Tensor words = Rng(1).uniform({kLoads * kRows}).mul(1024).to(at::kInt);
  const auto* word = reinterpret_cast<const std::uint32_t*>(words.data_ptr<std::int32_t>());
  const std::vector<std::uint8_t> used(kRows, 1);
  std::vector<std::uint64_t> flips(10);
  for (auto _ : state) {
    CellArray array(kRows, 10, 1);
    for (std::int64_t load = 0; load < kLoads; ++load) {
      array.load(word + load * kRows, used.data(), flips.data());
    }
    benchmark::DoNotOptimize(array.wear().data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(words.nbytes()));
}
BENCHMARK(count_vit_base)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace crossloom
