#include "crossloom/evaluation/calibration.h"

#include <map>

namespace crossloom {
namespace {

/// Passes of calibration, apart from those of tests.
constexpr std::uint64_t kFirstPass = std::uint64_t{1} << 32;

/// [B, C, H, W] or [..., C] -> [C, n]
Tensor by_output(const Tensor& y, const ProductGeometry& geometry) {
  const bool is_image = geometry.kind == ProductGeometry::Kind::kConv;
  return (is_image ? y.transpose(0, 1).flatten(1) : y.flatten(0, -2).t()).to(at::kDouble);
}

/// Sums of a regression of `exact` on `given`, for each output.
struct Line {
  Tensor count, x, y, xx, xy;  // [C]

  void add(const Tensor& given, const Tensor& exact) {
    if (!count.defined()) {
      count = at::zeros({given.size(0)}, at::kDouble);
      x = y = xx = xy = count;
    }
    count = count + given.size(1);
    x = x + given.sum(1);
    y = y + exact.sum(1);
    xx = xx + given.square().sum(1);
    xy = xy + (given * exact).sum(1);
  }

  /// A column that does not vary keeps its gain.
  DigitalCorrection solve(bool has_offset) const {
    const Tensor var = has_offset ? xx / count - (x / count).square() : xx / count;
    const Tensor cov = has_offset ? xy / count - x * y / count.square() : xy / count;
    const Tensor varies = var > 1e-12 * (xx / count).clamp_min(1e-300);
    DigitalCorrection line;
    line.gain = at::where(varies, cov / var, at::ones_like(var));
    line.offset = has_offset ? (y - line.gain * x) / count : at::zeros_like(var);
    line.gain = line.gain.to(at::kFloat);
    line.offset = line.offset.to(at::kFloat);
    return line;
  }
};

/// Running mean and variance of the batch normalisation behind each product that has one.
std::map<std::size_t, std::pair<Tensor, Tensor>> batch_norm_statistics(Network& network) {
  std::map<std::size_t, std::pair<Tensor, Tensor>> statistics;
  for (const Node& node : network.nodes()) {
    if (node.op == nullptr || node.op->kind() != "BatchNormalization") continue;
    const std::int64_t product = network.nodes()[node.inputs[0]].product;
    const auto value = [&](std::size_t input) {
      const std::int64_t parameter = network.nodes()[node.inputs[input]].parameter;
      return parameter < 0 ? Tensor()
                           : network.parameters()[static_cast<std::size_t>(parameter)].value;
    };
    if (product >= 0 && value(3).defined() && value(4).defined()) {
      statistics[static_cast<std::size_t>(product)] = {value(3), value(4)};
    }
  }
  return statistics;
}

}  // namespace

void CalibrationOptions::describe(ParamList& params) {
  params.add(
      "examples", examples, {1, 1e6}, "1", "inputs without labels that a chip is set up with");
  params.add("batch_size", batch_size, {1, 1e5}, "1", "of them at a time");
  params.add_choice<BatchNorm>("batch_norm",
                               batch_norm,
                               {{"folded", BatchNorm::kFolded},
                                {"kept", BatchNorm::kKept},
                                {"reestimated", BatchNorm::kReestimated}},
                               "batch norm: in the weights, digital, or digital with the "
                               "statistics of the chip");
  params.add_choice<Columns>("columns",
                             columns,
                             {{"none", Columns::kNone},
                              {"gain", Columns::kGain},
                              {"gain_and_offset", Columns::kGainAndOffset}},
                             "digital correction of each output after programming");
  params.add("drift_compensation",
             has_drift_compensation,
             "one digital factor per product that undoes the mean drift");
}

Calibration::Calibration(const CalibrationOptions& options,
                         Chip& chip,
                         Network& network,
                         InputBatches batches)
    : options_(options), chip_(chip), network_(network), batches_(std::move(batches)) {
  const at::NoGradGuard no_grad;
  set_ranges();
  if (options_.columns != CalibrationOptions::Columns::kNone) correct_columns();
  if (options_.batch_norm == CalibrationOptions::BatchNorm::kReestimated) reestimate_batch_norm();
  if (options_.has_drift_compensation) sizes_at_start_ = output_sizes();
}

void Calibration::run_chip(RangeUse ranges, const Chip::Observer& observer) {
  for (const std::vector<Tensor>& batch : batches_) {
    ChipRead read;
    read.pass = kFirstPass + pass_++;
    read.ranges = ranges;
    chip_.forward(network_, batch, read, observer);
  }
}

/// Every range takes over the first values it sees, so that one pass is enough but for those that
/// follow.
void Calibration::set_ranges() {
  run_chip(RangeUse::kCalibrate);
  if (chip_.has_tracked_ranges()) run_chip(RangeUse::kTrack);
}

void Calibration::correct_columns() {
  std::vector<Line> lines(network_.products().size());
  const auto compare = [&](std::size_t index, const Tensor& x, const Tensor& y) {
    const StoredProduct& stored = network_.products()[index];
    const Tensor exact = digital_product(x, stored.weight, stored.geometry);
    lines[index].add(by_output(y, stored.geometry), by_output(exact, stored.geometry));
  };
  run_chip(RangeUse::kFrozen, compare);
  const bool has_offset = options_.columns == CalibrationOptions::Columns::kGainAndOffset;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].count.defined()) chip_.set_correction(i, lines[i].solve(has_offset));
  }
}

/// The normalisations see the statistics of the batch at hand while their means over batches are
/// taken, as in training.
void Calibration::reestimate_batch_norm() {
  const auto statistics = batch_norm_statistics(network_);
  std::map<std::size_t, std::pair<Tensor, Tensor>> sums;
  const auto measure = [&](std::size_t index, const Tensor&, const Tensor& y) {
    const auto found = statistics.find(index);
    if (found == statistics.end()) return;
    const StoredProduct& stored = network_.products()[index];
    const Tensor outputs = by_output(y, stored.geometry) * stored.log_scale.exp() +
                           stored.bias.to(at::kDouble).unsqueeze(1);
    const Tensor mean = outputs.mean(1);
    const Tensor variance = outputs.var(1, /*unbiased=*/true);
    found->second.first.copy_(mean);
    found->second.second.copy_(variance);
    auto& sum = sums[index];
    sum.first = sum.first.defined() ? sum.first + mean : mean;
    sum.second = sum.second.defined() ? sum.second + variance : variance;
  };
  run_chip(RangeUse::kFrozen, measure);
  const auto count = static_cast<double>(batches_.size());
  for (const auto& [index, sum] : sums) {
    statistics.at(index).first.copy_(sum.first / count);
    statistics.at(index).second.copy_(sum.second / count);
  }
}

/// Mean size of the outputs of each product against that of the exact product of the same inputs.
std::vector<double> Calibration::output_sizes() {
  const std::size_t count = network_.products().size();
  std::vector<double> on_chip(count, 0);
  std::vector<double> exactly(count, 0);
  const auto compare = [&](std::size_t index, const Tensor& x, const Tensor& y) {
    const StoredProduct& stored = network_.products()[index];
    const Tensor exact = digital_product(x, stored.weight, stored.geometry);
    on_chip[index] += y.abs().sum().item<double>();
    exactly[index] += exact.abs().sum().item<double>();
  };
  run_chip(RangeUse::kFrozen, compare);
  for (std::size_t i = 0; i < count; ++i) {
    on_chip[i] = exactly[i] > 0 ? on_chip[i] / exactly[i] : 1;
  }
  return on_chip;
}

void Calibration::compensate_drift() {
  if (!options_.has_drift_compensation) return;
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < sizes_at_start_.size(); ++i) chip_.set_drift_factor(i, 1);
  const std::vector<double> now = output_sizes();
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (now[i] > 0 && sizes_at_start_[i] > 0) {
      chip_.set_drift_factor(i, sizes_at_start_[i] / now[i]);
    }
  }
}

}  // namespace crossloom
