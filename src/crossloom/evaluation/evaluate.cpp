#include "crossloom/evaluation/evaluate.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "crossloom/core/interrupt.h"

namespace crossloom {
namespace {

/// Passes of tests, one for each time; calibration has others.
constexpr std::uint64_t kFirstTest = 1;

/// Appends the outputs of a batch to those of all.
void append(std::vector<std::vector<Tensor>>& all, const std::vector<Tensor>& outputs) {
  if (all.empty()) all.resize(outputs.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) all[i].push_back(outputs[i]);
}

std::vector<Tensor> joined(const std::vector<std::vector<Tensor>>& all) {
  std::vector<Tensor> outputs;
  for (const std::vector<Tensor>& parts : all) outputs.push_back(at::cat(parts));
  return outputs;
}

/// A chip that is programmed and calibrated, with the network it runs.
struct ReadyChip {
  Network network;
  Chip chip;
  std::unique_ptr<Calibration> calibration;

  ReadyChip(const ChipPlan& plan, const InputBatches& inputs, std::int64_t number)
      : network(mapped_network(plan.network, plan.calibration).clone()),
        chip(network, plan.placements, plan.seed, static_cast<std::uint64_t>(number)) {
    const at::NoGradGuard no_grad;
    chip.program(network);
    calibration = std::make_unique<Calibration>(plan.calibration, chip, network, inputs);
  }

  void age_to(double time) {
    chip.age_to(time);
    calibration->compensate_drift();
  }
};

double decibels(double signal, double noise) {
  constexpr double kMost = 200;  // an exact result
  return noise > 0 && signal > 0 ? std::min(10 * std::log10(signal / noise), kMost) : kMost;
}

double power(const Tensor& y) {
  return y.to(at::kDouble).square().sum().item<double>();
}

/// Sums of squares of a product's outputs and of their errors.
struct Powers {
  double signal = 0, own_error = 0, total_error = 0;
};

}  // namespace

Network mapped_network(const Network& network, const CalibrationOptions& options) {
  const bool is_folded = options.batch_norm == CalibrationOptions::BatchNorm::kFolded;
  return is_folded ? fold_batch_norm(network) : network;
}

Json to_json(const ChipResult& result) {
  Json json = {{"chip", result.chip}, {"time_s", result.time}};
  for (const auto& [name, value] : result.figures) json[name] = value;
  return json;
}

std::vector<Tensor> exact_outputs(const Network& network,
                                  const Task& task,
                                  std::int64_t batch_size,
                                  std::int64_t count) {
  const at::NoGradGuard no_grad;
  std::vector<std::vector<Tensor>> all;
  task.for_each_batch(network, batch_size, count, [&](std::int64_t, const auto& inputs) {
    throw_if_interrupted();
    append(all, network.forward(inputs));
  });
  return joined(all);
}

void test_chip(const ChipPlan& plan,
               const Task& task,
               const InputBatches& calibration,
               const TestOptions& options,
               std::int64_t number,
               const std::vector<double>& done,
               const std::function<void(const ChipResult&)>& report) {
  const at::NoGradGuard no_grad;
  ReadyChip ready(plan, calibration, number);
  for (std::size_t i = 0; i < options.times.size(); ++i) {
    const double time = options.times[i];
    if (std::find(done.begin(), done.end(), time) != done.end()) continue;
    ready.age_to(time);
    ChipRead read;
    read.pass = kFirstTest + i;
    std::vector<std::vector<Tensor>> all;
    task.for_each_batch(ready.network,
                        options.batch_size,
                        options.count,
                        [&](std::int64_t first, const auto& inputs) {
                          throw_if_interrupted();
                          read.first_image = first;
                          append(all, ready.chip.forward(ready.network, inputs, read));
                        });
    const Score score = task.score(joined(all));
    report({number, time, score.figures, score.predictions});
  }
}

std::vector<LayerQuality> layer_quality(const ChipPlan& plan,
                                        const InputBatches& calibration,
                                        double time) {
  const at::NoGradGuard no_grad;
  ReadyChip ready(plan, calibration, 1);
  ready.age_to(time);
  const Network exact = mapped_network(plan.network, plan.calibration);
  std::vector<Powers> powers(exact.products().size());
  ChipRead read;
  for (const std::vector<Tensor>& inputs : calibration) {
    std::vector<Tensor> wanted(powers.size());
    exact.forward(inputs, [&](std::size_t index, const Tensor& x) {
      const StoredProduct& stored = exact.products()[index];
      return wanted[index] = digital_product(x, stored.weight, stored.geometry);
    });
    ready.chip.forward(
        ready.network, inputs, read, [&](std::size_t index, const Tensor& x, const Tensor& y) {
          const StoredProduct& stored = exact.products()[index];
          const Tensor own = digital_product(x, stored.weight, stored.geometry);
          powers[index].signal += power(wanted[index]);
          powers[index].total_error += power(y - wanted[index]);
          powers[index].own_error += power(y - own);
          wanted[index] = Tensor();
        });
    read.first_image += inputs.at(0).size(0);
  }
  std::vector<LayerQuality> layers;
  for (std::size_t i = 0; i < powers.size(); ++i) {
    layers.push_back({exact.product_name(i),
                      decibels(powers[i].signal, powers[i].own_error),
                      decibels(powers[i].signal, powers[i].total_error)});
  }
  return layers;
}

}  // namespace crossloom
