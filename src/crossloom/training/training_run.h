#pragma once

#include "crossloom/data/dataset.h"
#include "crossloom/training/method.h"

namespace crossloom {

/// How long and in what portions a method is trained.
struct TrainingOptions {
  enum class Schedule { kConstant, kPlateau, kCosine };

  std::int64_t epochs = 13;
  std::int64_t batches_per_epoch = 0;  // 0: the whole training set
  std::int64_t batch_size = 64;
  Schedule schedule = Schedule::kConstant;
  std::int64_t patience = 5;
  double decay_start = 0;        // cosine: share of the training before the decay
  std::int64_t test_images = 0;  // 0: all
  OptimiserOptions optimiser;

  void describe(ParamList& params);
};

/// What one epoch came to.
struct EpochRecord {
  std::int64_t epoch = 0;
  double loss = 0;           // mean over its batches
  double test_accuracy = 0;  // after it
  double learning_rate = 0;
  std::vector<std::int64_t> num_updates;  // weight updates within it, for each product
};

Json to_json(const EpochRecord& record);
EpochRecord epoch_record_from_json(const Json& json);

/// The training of one method on one data set, batch by batch, so that it can be stopped anywhere
/// and put back to the bit.
class TrainingRun {
 public:
  /// `method` must outlive the run; it is started here.
  TrainingRun(TrainingMethod& method,
              const Network& network,
              const Hardware& hardware,
              const Dataset& dataset,
              const TrainingOptions& options,
              std::uint64_t seed);

  bool is_finished() const { return step_ >= options_.epochs * batches_per_epoch_; }
  std::int64_t step() const { return step_; }
  std::int64_t num_steps() const { return options_.epochs * batches_per_epoch_; }
  std::int64_t batches_per_epoch() const { return batches_per_epoch_; }

  /// Learns from the next batch; at the end of an epoch tests, adds to `records` and returns true.
  /// Throws `ConfigError` when the loss is no longer finite.
  bool advance();

  const std::vector<EpochRecord>& records() const { return records_; }

  TensorFile checkpoint() const;
  void restore(const TensorFile& checkpoint);

 private:
  void start_epoch();
  void finish_epoch();
  double scheduled_learning_rate() const;

  TrainingMethod& method_;
  const Dataset& dataset_;
  TrainingOptions options_;
  std::uint64_t seed_;
  std::int64_t batches_per_epoch_;
  std::int64_t step_ = 0;
  double loss_sum_ = 0;
  double learning_rate_;
  Tensor order_;  // images of the present epoch
  std::vector<std::int64_t> updates_before_;
  std::vector<EpochRecord> records_;
};

}  // namespace crossloom
