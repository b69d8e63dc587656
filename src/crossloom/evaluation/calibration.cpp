#include "crossloom/evaluation/calibration.h"

#include <map>

namespace crossloom {
namespace {

/// Passes of calibration, apart from those of tests.
constexpr std::uint64_t kFirstPass = std::uint64_t{1} << 32;

/// Sums over the inputs of a batch normalisation, for each channel.
struct Moments {
  double count = 0;
  Tensor sum, squares;  // [C]

  void add(const Tensor& y) {
    count += static_cast<double>(y.size(1));
    sum = sum.defined() ? sum + y.sum(1) : y.sum(1);
    squares = squares.defined() ? squares + y.square().sum(1) : y.square().sum(1);
  }
  Tensor mean() const { return sum / count; }
  Tensor variance() const { return (squares / count - mean().square()).clamp_min(0); }
};

/// The batch normalisation behind a product.
struct BatchNormalisation {
  std::size_t mean = 0, variance = 0;  // parameters of the network
  double epsilon = 0;
  Moments exact, on_chip;

  /// Mean and variance that do on the chip what those of training do in the exact network.
  void update(const Network& trained, Network& network) const {
    const Tensor mean_before = trained.parameters()[mean].value.to(at::kDouble);
    const Tensor variance_before = trained.parameters()[variance].value.to(at::kDouble);
    const Tensor factor = (on_chip.variance() + epsilon) / (exact.variance() + epsilon);
    const Tensor mean_now = on_chip.mean() + factor.sqrt() * (mean_before - exact.mean());
    const Tensor variance_now = (variance_before + epsilon) * factor - epsilon;
    network.parameters()[mean].value = mean_now.to(at::kFloat);
    network.parameters()[variance].value = variance_now.clamp_min(0).to(at::kFloat);
  }
};

/// Those directly behind a product, by the number of the product.
std::map<std::size_t, BatchNormalisation> batch_normalisations(const Network& network) {
  std::map<std::size_t, BatchNormalisation> found;
  for (const Node& node : network.nodes()) {
    if (node.op == nullptr || node.op->kind() != "BatchNormalization") continue;
    const std::int64_t product = network.nodes()[node.inputs[0]].product;
    const std::int64_t mean = network.nodes()[node.inputs[3]].parameter;
    const std::int64_t variance = network.nodes()[node.inputs[4]].parameter;
    if (product < 0 || mean < 0 || variance < 0) continue;
    BatchNormalisation norm;
    norm.mean = static_cast<std::size_t>(mean);
    norm.variance = static_cast<std::size_t>(variance);
    norm.epsilon = node.op->attributes().value("epsilon", 1e-5);
    found[static_cast<std::size_t>(product)] = norm;
  }
  return found;
}

/// What follows a product of the chip or the exact network: [C, n].
Tensor product_outputs(const StoredProduct& stored, const Tensor& y) {
  return by_output(y, stored.geometry).to(at::kDouble) * stored.log_scale.exp() +
         stored.bias.to(at::kDouble).unsqueeze(1);
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
                             "digital correction of each output");
  params.add_choice<ColumnsAt>(
      "columns_at",
      columns_at,
      {{"programming", ColumnsAt::kProgramming}, {"each_time", ColumnsAt::kEachTime}},
      "when it is found: after programming, or anew whenever the chip has aged");
  params.add("drift_compensation",
             has_drift_compensation,
             "one digital factor per product that undoes the mean drift");
}

Calibration::Calibration(const CalibrationOptions& options,
                         Chip& chip,
                         Network& network,
                         InputBatches batches)
    : options_(options),
      chip_(chip),
      network_(network),
      exact_(network),
      batches_(std::move(batches)) {
  const at::NoGradGuard no_grad;
  set_ranges();
  if (corrects_columns(CalibrationOptions::ColumnsAt::kProgramming)) correct_columns();
  if (options_.has_drift_compensation) sizes_at_start_ = output_sizes();
  if (options_.batch_norm == CalibrationOptions::BatchNorm::kReestimated) reestimate_batch_norm();
}

void Calibration::follow_ageing() {
  const at::NoGradGuard no_grad;
  if (options_.has_drift_compensation) compensate_drift();
  if (corrects_columns(CalibrationOptions::ColumnsAt::kEachTime)) correct_columns();
  if (options_.batch_norm == CalibrationOptions::BatchNorm::kReestimated) reestimate_batch_norm();
}

void Calibration::run_chip(const std::vector<Tensor>& batch,
                           RangeUse ranges,
                           const Chip::Observer& observer) {
  ChipRead read;
  read.pass = kFirstPass + pass_++;
  read.ranges = ranges;
  chip_.forward(network_, batch, read, observer);
}

void Calibration::run_chip(RangeUse ranges, const Chip::Observer& observer) {
  for (const std::vector<Tensor>& batch : batches_) run_chip(batch, ranges, observer);
}

/// Every range takes over the first values it sees, so that one pass is enough but for those that
/// follow.
void Calibration::set_ranges() {
  run_chip(RangeUse::kCalibrate);
  if (chip_.has_tracked_ranges()) run_chip(RangeUse::kTrack);
}

bool Calibration::corrects_columns(CalibrationOptions::ColumnsAt at) const {
  return options_.columns != CalibrationOptions::Columns::kNone && options_.columns_at == at;
}

void Calibration::correct_columns() {
  const bool has_offset = options_.columns == CalibrationOptions::Columns::kGainAndOffset;
  std::vector<CorrectionFit> fits(network_.products().size());
  for (std::size_t i = 0; i < fits.size(); ++i) chip_.set_correction(i, {});
  run_chip(RangeUse::kFrozen, [&](std::size_t index, const Tensor& x, const Tensor& y) {
    if (!chip_.is_analog(index)) return;
    const StoredProduct& stored = network_.products()[index];
    fits[index].add(y, digital_product(x, stored.weight, stored.geometry), stored.geometry);
    chip_.set_correction(index, fits[index].solve(has_offset));
  });
}

/// Batch by batch; what is found so far is used at once.
void Calibration::reestimate_batch_norm() {
  std::map<std::size_t, BatchNormalisation> norms = batch_normalisations(exact_);
  for (const std::vector<Tensor>& batch : batches_) {
    exact_.forward(batch, [&](std::size_t index, const Tensor& x) {
      const StoredProduct& stored = exact_.products()[index];
      const Tensor y = digital_product(x, stored.weight, stored.geometry);
      const auto norm = norms.find(index);
      if (norm != norms.end()) norm->second.exact.add(product_outputs(stored, y));
      return y;
    });
    run_chip(batch, RangeUse::kFrozen, [&](std::size_t index, const Tensor&, const Tensor& y) {
      const auto norm = norms.find(index);
      if (norm == norms.end()) return;
      const StoredProduct& stored = network_.products()[index];
      const Tensor corrected = chip_.correction(index).apply(y, stored.geometry);
      norm->second.on_chip.add(product_outputs(stored, corrected));
      norm->second.update(exact_, network_);
    });
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
  for (std::size_t i = 0; i < sizes_at_start_.size(); ++i) chip_.set_drift_factor(i, 1);
  const std::vector<double> now = output_sizes();
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (now[i] > 0 && sizes_at_start_[i] > 0) {
      chip_.set_drift_factor(i, sizes_at_start_[i] / now[i]);
    }
  }
}

}  // namespace crossloom
