// One training step as a ratio to the plain float step of the same network: goal <= 4 x.

#include <benchmark/benchmark.h>

#include "crossloom/core/registry.h"
#include "crossloom/network/architectures.h"
#include "crossloom/training/method.h"

namespace crossloom {
namespace {

void training_step(benchmark::State& state,
                   const std::string& method_name,
                   const std::string& network_name) {
  Hardware hardware;
  hardware.device = Device("bulk_switching_wu2023");
  const auto method = Registry<TrainingMethod>::instance().create(method_name);
  method->start(make_network(network_name), hardware, {}, 1);
  Batch batch;
  batch.x = method->network().prepare((Rng(1).uniform({64, 1, 28, 28}) * 255).to(torch::kByte));
  batch.labels = (Rng(2).uniform({64}) * 10).to(torch::kLong);
  for (auto _ : state) {
    method->step(batch);
    ++batch.step;
  }
}
BENCHMARK_CAPTURE(training_step, lenet_digital, "digital", "lenet_wu2023")->UseRealTime();
BENCHMARK_CAPTURE(training_step, lenet_mixed_precision, "mixed_precision", "lenet_wu2023")
    ->UseRealTime();
BENCHMARK_CAPTURE(training_step, lenet5_digital, "digital", "lenet5_mnist")->UseRealTime();
BENCHMARK_CAPTURE(training_step, lenet5_mixed_precision, "mixed_precision", "lenet5_mnist")
    ->UseRealTime();

}  // namespace
}  // namespace crossloom
