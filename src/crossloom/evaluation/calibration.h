#pragma once

#include <vector>

#include "crossloom/core/params.h"
#include "crossloom/network/chip.h"

namespace crossloom {

/// What a chip may be given in the digital domain once it is programmed, from inputs without
/// labels.
struct CalibrationOptions {
  enum class BatchNorm {
    kFolded,       // into the weights, before mapping
    kKept,         // behind the converters, with the statistics of training
    kReestimated,  // behind the converters, with what the chip changed in these
  };
  enum class Columns {
    kNone,
    kGain,           // y -> gain y for each output
    kGainAndOffset,  // y -> gain y + offset
  };
  enum class ColumnsAt { kProgramming, kEachTime };

  std::int64_t examples = 64;
  std::int64_t batch_size = 8;  // ranges see all columns of a batch before any is converted
  BatchNorm batch_norm = BatchNorm::kFolded;
  Columns columns = Columns::kNone;
  ColumnsAt columns_at = ColumnsAt::kProgramming;
  bool has_drift_compensation = false;

  void describe(ParamList& params);
};

/// Batches of inputs, as `Network::forward` takes them.
using InputBatches = std::vector<std::vector<Tensor>>;

/// Calibrates one freshly programmed chip, and again whenever it has aged.
///
/// Column correction is the least-squares line from what the converters gave to what the exact
/// product of the same inputs is, found after programming, or anew at each time, batch by batch;
/// what is found so far is used at once, so that the products behind are corrected for the inputs
/// that they will see. (A line to the outputs of the exact network would shrink outputs whose
/// inputs have errors, the more so the deeper they are.) Drift compensation is one factor per
/// product and time: by how much the mean size of its outputs, against that of the exact product,
/// has changed since programming. Batch normalisations are re-estimated at each time: from the
/// exact network to the chip, their statistics move as those of the calibration inputs do, m + s z
/// -> m' + s' z. So few inputs are enough: what these have of their own is in both. The
/// normalisations behind see those re-estimated at once, or every layer would undo the errors of
/// all before it. Source of the latter two: V. Joshi et al., Nat. Commun. 11, 2473 (2020),
/// doi:10.1038/s41467-020-16108-9, where the statistics are those of the chip alone.
class Calibration {
 public:
  /// Sets the ranges of the converters, the corrections and the batch normalisations of `network`,
  /// which must be a copy of its own for each chip.
  Calibration(const CalibrationOptions& options,
              Chip& chip,
              Network& network,
              InputBatches batches);

  /// To be called whenever the chip has aged, and before its first use where something is found at
  /// each time.
  void follow_ageing();

 private:
  void set_ranges();
  bool corrects_columns(CalibrationOptions::ColumnsAt at) const;
  void correct_columns();
  void compensate_drift();
  void reestimate_batch_norm();
  std::vector<double> output_sizes();

  /// Runs the chip over one batch, or all inputs of the calibration.
  void run_chip(const std::vector<Tensor>& batch, RangeUse ranges, const Chip::Observer& observer);
  void run_chip(RangeUse ranges, const Chip::Observer& observer = {});

  CalibrationOptions options_;
  Chip& chip_;
  Network& network_;
  Network exact_;  // with the batch normalisations of training
  InputBatches batches_;
  std::uint64_t pass_ = 0;
  std::vector<double> sizes_at_start_;  // for each product
};

}  // namespace crossloom
