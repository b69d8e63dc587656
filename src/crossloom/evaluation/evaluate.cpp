#include "crossloom/evaluation/evaluate.h"

#include <algorithm>
#include <cmath>
#include <map>
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

/// `placements` for a chip that is written once. Statistical reads need the cells at each batch.
std::vector<Placement> only_read(std::vector<Placement> placements) {
  for (Placement& placement : placements) {
    placement.hardware.keeps_cells = placement.hardware.fidelity == Fidelity::kStatistical;
  }
  return placements;
}

/// A chip that is programmed and calibrated, with the network it runs.
struct ReadyChip {
  Network network;
  Chip chip;
  std::unique_ptr<Calibration> calibration;

  ReadyChip(const ChipPlan& plan, const InputBatches& inputs, std::int64_t number)
      : network(mapped_network(plan.network, plan.calibration).clone()),
        chip(network,
             only_read(plan.placements),
             plan.seed,
             static_cast<std::uint64_t>(number),
             plan.computed) {
    const at::NoGradGuard no_grad;
    chip.program(network);
    calibration = std::make_unique<Calibration>(plan.calibration, chip, network, inputs);
  }

  void age_to(double time) {
    chip.age_to(time);
    calibration->follow_ageing();
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

namespace {

/// What products give on a chip against what they would give exactly.
class QualityProbe {
 public:
  /// Outputs of the exact network for `inputs`, all of which are kept: few examples at a time.
  void keep_exact(const Network& network,
                  const std::vector<Tensor>& inputs,
                  const std::map<std::size_t, ComputedProduct>& on_chip) {
    const auto stored = [&](std::size_t index, const Tensor& x) {
      const StoredProduct& product = network.products()[index];
      return wanted_[network.product_node(index)] =
                 digital_product(x, product.weight, product.geometry);
    };
    const auto computed = [&](std::size_t node, const Tensor& a, const Tensor& b) {
      return on_chip.count(node) == 0 ? Tensor() : wanted_[node] = at::matmul(a, b);
    };
    network.forward(inputs, stored, {}, computed);
  }

  /// `y` came out of the chip, `own` is exact for the same inputs.
  void compare(std::size_t node, const Tensor& y, const Tensor& own) {
    const Tensor wanted = std::move(wanted_.at(node));
    Powers& powers = powers_[node];
    powers.signal += power(wanted);
    powers.total_error += power(y - wanted);
    powers.own_error += power(y - own);
  }

  LayerQuality result(std::size_t node, const std::string& name) const {
    const Powers& powers = powers_.at(node);
    return {name,
            decibels(powers.signal, powers.own_error),
            decibels(powers.signal, powers.total_error),
            0,
            0};
  }

 private:
  std::map<std::size_t, Tensor> wanted_;
  std::map<std::size_t, Powers> powers_;
};

/// The examples of `batches`, each by itself.
InputBatches one_by_one(const InputBatches& batches) {
  InputBatches examples;
  for (const std::vector<Tensor>& batch : batches) {
    for (std::int64_t i = 0; i < batch.at(0).size(0); ++i) {
      examples.emplace_back();
      for (const Tensor& input : batch) examples.back().push_back(input.slice(0, i, i + 1));
    }
  }
  return examples;
}

/// Cells written so far for each of the products of two activations.
std::map<std::size_t, std::int64_t> writes_so_far(const Chip& chip) {
  std::map<std::size_t, std::int64_t> writes;
  for (const auto& [node, product] : chip.computed()) writes[node] = product.writes();
  return writes;
}

}  // namespace

std::vector<LayerQuality> layer_quality(const ChipPlan& plan,
                                        const InputBatches& calibration,
                                        const QualityOptions& options) {
  const at::NoGradGuard no_grad;
  const Network exact = mapped_network(plan.network, plan.calibration);
  InputBatches inputs = one_by_one(calibration);
  if (options.examples > 0 && options.examples < static_cast<std::int64_t>(inputs.size())) {
    inputs.resize(static_cast<std::size_t>(options.examples));
  }
  QualityProbe probe;
  std::vector<LayerQuality> computed;  // products of two activations, on the last chip
  for (std::int64_t number = 1; number <= options.chips; ++number) {
    ReadyChip ready(plan, calibration, number);
    ready.age_to(options.time);
    const std::map<std::size_t, std::int64_t> writes_before = writes_so_far(ready.chip);
    ChipRead read;
    for (const std::vector<Tensor>& input : inputs) {
      throw_if_interrupted();
      probe.keep_exact(exact, input, ready.chip.computed());
      ready.chip.forward(
          ready.network,
          input,
          read,
          [&](std::size_t index, const Tensor& x, const Tensor& y) {
            const StoredProduct& stored = exact.products()[index];
            probe.compare(exact.product_node(index),
                          ready.chip.correction(index).apply(y, stored.geometry),
                          digital_product(x, stored.weight, stored.geometry));
          },
          [&](std::size_t node, const Tensor& a, const Tensor& b, const Tensor& y) {
            probe.compare(node, y, at::matmul(a, b));
          });
      ++read.first_image;
    }
    computed.clear();
    for (const auto& [node, product] : ready.chip.computed()) {
      LayerQuality layer = probe.result(node, exact.nodes()[node].name);
      layer.cells = product.num_cells();
      layer.writes = static_cast<double>(product.writes() - writes_before.at(node)) /
                     static_cast<double>(inputs.size());
      computed.push_back(layer);
    }
  }
  std::vector<LayerQuality> layers;
  for (std::size_t i = 0; i < exact.products().size(); ++i) {
    layers.push_back(probe.result(exact.product_node(i), exact.product_name(i)));
  }
  layers.insert(layers.end(), computed.begin(), computed.end());
  return layers;
}

}  // namespace crossloom
