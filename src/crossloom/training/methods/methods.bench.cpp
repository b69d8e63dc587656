// Training steps as ratios: mixed precision to the plain float step of the same network (goal 4 x),
// negative feedback to the step with noise (goals 4.2 x and 1.6 x: it has four passes, or one with
// exits). Finetuning for a chip with a sinh current to the plain step (goal 2 x, with a teacher
// too). The step with noise in bfloat16 to that in float (goal 0.7 x on processors with AMX).

#include <benchmark/benchmark.h>

#include "crossloom/core/registry.h"
#include "crossloom/network/architectures.h"
#include "crossloom/training/method.h"

namespace crossloom {
namespace {

/// HfOx cells behind a sinh current, four slices of 2 bits, as in configs/chips.
void make_harsh(Hardware& hardware) {
  hardware.device = Device("hfox_neurram_wan2022");
  ParamList params;
  hardware.device.describe(params);
  params.assign({{"iv", "sinh"}, {"iv_curvature", 10}});
  hardware.mapping.slice_bits = {2, 2, 2, 2};
  hardware.mapping.scale = ScalePer::kColumn;
  hardware.dac.v_read = 0.2;
  hardware.dac.range = {RangePolicy::kCalibrated, 0.9995, 0.02};
}

void training_step(benchmark::State& state,
                   const std::string& method_name,
                   const std::string& network_name,
                   const Json& values = Json::object(),
                   Precision precision = Precision::kFloat32) {
  Network network = make_network(network_name);
  network.initialise(Rng(1).fork(Purpose::kInitialisation));
  Hardware hardware;
  hardware.device = Device("bulk_switching_wu2023");
  if (method_name == "finetune") make_harsh(hardware);
  TrainingSetup setup{network, place_by_rule(network, hardware), {}, {}, 1, 1 << 20};
  setup.noise.sigma = 0.2;
  setup.precision = precision;
  const auto method = Registry<TrainingMethod>::instance().create(method_name);
  ParamList params;
  method->describe(params);
  params.assign(values);
  method->start(setup);
  std::vector<std::int64_t> sizes = network.input_size();
  sizes.insert(sizes.begin(), 64);
  Batch batch;
  batch.x = network.prepare((Rng(1).uniform(sizes) * 255).to(torch::kByte));
  batch.labels = (Rng(2).uniform({64}) * 10).to(torch::kLong);
  for (auto _ : state) {
    method->step(batch);
    ++batch.step;
  }
}

const Json kExits = {{"feedback", "exits"},
                     {"exits", {"relu1", "pool1", "pool2"}},
                     {"exit_sizes", {6, 4, 3}},
                     {"exit_width", 128}};
constexpr const char* kVgg8 = "vgg8_qin2023_quarter_cifar10";

BENCHMARK_CAPTURE(training_step, lenet_digital, "digital", "lenet_wu2023")->UseRealTime();
BENCHMARK_CAPTURE(training_step, lenet_mixed_precision, "mixed_precision", "lenet_wu2023")
    ->UseRealTime();
BENCHMARK_CAPTURE(training_step, lenet5_digital, "digital", "lenet5_mnist")->UseRealTime();
BENCHMARK_CAPTURE(training_step, lenet5_mixed_precision, "mixed_precision", "lenet5_mnist")
    ->UseRealTime();
BENCHMARK_CAPTURE(training_step, vgg8_digital, "digital", kVgg8)->UseRealTime();
BENCHMARK_CAPTURE(training_step, vgg8_noise, "noise_injection", kVgg8)->UseRealTime();
BENCHMARK_CAPTURE(training_step,
                  vgg8_noise_bfloat16,
                  "noise_injection",
                  kVgg8,
                  Json::object(),
                  Precision::kBfloat16)
    ->UseRealTime();
BENCHMARK_CAPTURE(training_step, vgg8_variational_forward, "negative_feedback", kVgg8)
    ->UseRealTime();
BENCHMARK_CAPTURE(training_step, vgg8_exits, "negative_feedback", kVgg8, kExits)->UseRealTime();
BENCHMARK_CAPTURE(training_step, resnet20_digital, "digital", "resnet20_cifar10")->UseRealTime();
BENCHMARK_CAPTURE(training_step, resnet20_finetune, "finetune", "resnet20_cifar10")->UseRealTime();
BENCHMARK_CAPTURE(training_step,
                  resnet20_finetune_taught,
                  "finetune",
                  "resnet20_cifar10",
                  Json{{"distillation", 0.5}})
    ->UseRealTime();

}  // namespace
}  // namespace crossloom
