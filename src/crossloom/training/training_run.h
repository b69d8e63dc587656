#pragma once

#include "crossloom/data/dataset.h"
#include "crossloom/training/augmentation.h"
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
  double decay_start = 0;            // cosine: share of the training before the decay
  double warmup = 0;                 // share of the training in which the rate rises from zero
  std::int64_t training_images = 0;  // 0: all that are not for validation
  std::int64_t validation_images = 0;
  std::int64_t validation_draws = 5;
  std::int64_t test_images = 0;  // 0: all
  Precision precision = Precision::kFloat32;
  Augmentation augmentation;
  OptimiserOptions optimiser;

  void describe(ParamList& params);
};

/// What one epoch came to.
struct EpochRecord {
  std::int64_t epoch = 0;
  double loss = 0;  // mean over its batches
  /// After it: mean over the draws on the validation images, or without these on the test images.
  double accuracy = 0;
  double learning_rate = 0;
  std::vector<std::int64_t> num_updates;  // weight updates within it, for each product
};

Json to_json(const EpochRecord& record);
EpochRecord epoch_record_from_json(const Json& json);

/// The training set as a run uses it: the first images are learned from, the next are held out.
struct TrainingSplit {
  Split learned;
  Split validation;  // empty without validation images

  /// Throws `ConfigError` when there are not enough images.
  TrainingSplit(const Split& train, const TrainingOptions& options);
};

/// The training was given up since its loss was no longer finite.
class Diverged : public ConfigError {
  using ConfigError::ConfigError;
};

/// The training of one method on one data set, batch by batch, so that it can be stopped anywhere
/// and put back to the bit.
///
/// With validation images the weights of the best epoch on these are kept, and are the result; the
/// test set is not looked at then.
class TrainingRun {
 public:
  /// `method` and `dataset` must outlive the run; the method is started here, with the optimiser
  /// and the number of steps of `options`.
  TrainingRun(TrainingMethod& method,
              TrainingSetup setup,
              const Dataset& dataset,
              const TrainingOptions& options);

  bool is_finished() const { return step_ >= num_steps(); }
  std::int64_t step() const { return step_; }
  std::int64_t num_steps() const {
    return method_.learns() ? options_.epochs * batches_per_epoch_ : 0;
  }
  std::int64_t batches_per_epoch() const { return batches_per_epoch_; }

  /// Learns from the next batch; at the end of an epoch tests, adds to `records` and returns true.
  /// Throws `Diverged` when the loss is no longer finite.
  bool advance();

  bool has_validation() const { return options_.validation_images > 0; }

  /// The result: the network of the method, with the weights of the best epoch when there are
  /// validation images. A copy.
  Network result() const;

  /// What the method had learned of the hardware by then (`TrainingMethod::learned_hardware`).
  Json learned_hardware() const;

  /// The epoch of `result`; -1 before the first.
  std::int64_t best_epoch() const;

  const std::vector<EpochRecord>& records() const { return records_; }

  TensorFile checkpoint() const;
  void restore(const TensorFile& checkpoint);

 private:
  void start_epoch();
  Batch next_batch();
  void finish_epoch();
  double measure(std::uint64_t epoch);
  void halve_on_plateau();
  double scheduled_learning_rate() const;

  TrainingMethod& method_;
  const Dataset& dataset_;
  TrainingSplit split_;
  TrainingOptions options_;
  std::uint64_t seed_;
  std::int64_t batches_per_epoch_;
  std::int64_t step_ = 0;
  double loss_sum_ = 0;
  double learning_rate_;
  Tensor order_;  // images of the present epoch
  std::vector<std::int64_t> updates_before_;
  std::vector<EpochRecord> records_;
  TensorMap best_weights_;  // of the best epoch on the validation images
  Json best_hardware_;      // learned by then
};

}  // namespace crossloom
