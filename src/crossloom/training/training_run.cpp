#include "crossloom/training/training_run.h"

#include <algorithm>
#include <cmath>

#include "crossloom/core/interrupt.h"
#include "crossloom/training/accuracy.h"

namespace crossloom {
namespace {

// Passes of tests are numbered apart from those of training steps.
constexpr std::uint64_t kTestPasses = std::uint64_t{1} << 40;

// Streams of batches' augmentation, apart from those of the order of epochs.
constexpr std::uint64_t kAugmentations = std::uint64_t{1} << 40;

Split part(const Split& split, std::int64_t first, std::int64_t count) {
  return {split.images.slice(0, first, first + count), split.labels.slice(0, first, first + count)};
}

void require_all_classes(const Split& split, const Dataset& dataset) {
  const auto present = static_cast<std::int64_t>(std::get<0>(at::_unique(split.labels)).numel());
  if (present >= dataset.num_classes) return;
  throw ConfigError("finetuning with labels on " + std::to_string(split.labels.size(0)) +
                    " images of " + std::to_string(present) + " of the " +
                    std::to_string(dataset.num_classes) + " classes of " + dataset.name +
                    " (the network would unlearn the others); give method.distillation = 1, which "
                    "needs no labels, or images of all classes");
}

}  // namespace

void TrainingOptions::describe(ParamList& params) {
  params.add(
      "epochs", epochs, {0, 100000}, "1", "epochs of training; 0 = the first weights are measured");
  params.add("batches_per_epoch",
             batches_per_epoch,
             {0, 1e9},
             "1",
             "random batches in an epoch; 0 = the whole training set");
  params.add("batch_size", batch_size, {1, 65536}, "1", "images in a batch");
  params.add_choice<Schedule>(
      "schedule",
      schedule,
      {{"constant", Schedule::kConstant},
       {"plateau", Schedule::kPlateau},
       {"cosine", Schedule::kCosine}},
      "course of the learning rate: constant, halved after `patience` epochs "
      "without a better test, or a half cosine to zero");
  params.add("decay_start",
             decay_start,
             {0, 0.999},
             "1",
             "cosine: share of the training before the rate decays");
  params.add("warmup",
             warmup,
             {0, 1},
             "1",
             "share of the training in which the rate rises from zero, whatever its course");
  params.add("patience", patience, {1, 1000}, "1", "plateau: epochs to wait for a better test");
  params.add("training_images",
             training_images,
             {0, 1e9},
             "1",
             "first images of the training set that are learned from; 0 = all but the validation");
  params.add("validation_images",
             validation_images,
             {0, 1e9},
             "1",
             "the next images of the training set, held out to choose the best epoch; 0 = the last "
             "epoch is taken");
  params.add("validation_draws",
             validation_draws,
             {1, 1000},
             "1",
             "chips, or reads of the chip, over which the accuracy on them is averaged");
  params.add(
      "test_images", test_images, {0, 1e9}, "1", "first images of the test set used; 0 = all");
  describe_precision(params, precision, "passes of training");
  augmentation.describe(params);
  optimiser.describe(params);
}

Json to_json(const EpochRecord& record) {
  return {{"epoch", record.epoch},
          {"loss", record.loss},
          {"accuracy", record.accuracy},
          {"learning_rate", record.learning_rate},
          {"num_updates", record.num_updates}};
}

EpochRecord epoch_record_from_json(const Json& json) {
  return {json.at("epoch").get<std::int64_t>(),
          json.at("loss").get<double>(),
          json.at("accuracy").get<double>(),
          json.at("learning_rate").get<double>(),
          json.at("num_updates").get<std::vector<std::int64_t>>()};
}

TrainingSplit::TrainingSplit(const Split& train, const TrainingOptions& options) {
  const std::int64_t all = train.images.size(0);
  const std::int64_t held_out = options.validation_images;
  const std::int64_t count = options.training_images > 0 ? options.training_images : all - held_out;
  if (count < 1 || count + held_out > all) {
    throw ConfigError(std::to_string(std::max<std::int64_t>(count, 1)) +
                      " images to learn from and " + std::to_string(held_out) +
                      " for validation (the training set has " + std::to_string(all) +
                      "); lower training.training_images or training.validation_images");
  }
  learned = part(train, 0, count);
  validation = part(train, count, held_out);
}

TrainingRun::TrainingRun(TrainingMethod& method,
                         TrainingSetup setup,
                         const Dataset& dataset,
                         const TrainingOptions& options)
    : method_(method),
      dataset_(dataset),
      split_(dataset.train, options),
      options_(options),
      seed_(setup.seed),
      learning_rate_(options.optimiser.learning_rate) {
  const std::int64_t images = split_.learned.images.size(0);
  const std::int64_t most = images / options.batch_size;
  if (most == 0 || options.batches_per_epoch > most) {
    throw ConfigError("an epoch of " + std::to_string(options.batches_per_epoch) + " batches of " +
                      std::to_string(options.batch_size) + " images (there are " +
                      std::to_string(images) + " to learn from); give fewer or smaller batches");
  }
  if (options.batch_size == 1 && has_batch_norm(setup.network)) {
    throw ConfigError("batches of one image for " + setup.network.name() +
                      " (its batch normalisations need the spread within a batch); give "
                      "training.batch_size of 2 or more");
  }
  if (split_.learned.images.dim() != 4 && options.augmentation.changes()) {
    throw ConfigError("training.augment_shift or augment_flip for " + dataset.name +
                      " (tokens cannot be moved as pixels can); leave them out");
  }
  if (method.needs_all_classes()) require_all_classes(split_.learned, dataset);
  batches_per_epoch_ = options.batches_per_epoch > 0 ? options.batches_per_epoch : most;
  setup.optimiser = options.optimiser;
  setup.num_steps = num_steps();
  setup.precision = options.precision;
  method_.start(setup);
}

void TrainingRun::start_epoch() {
  const auto epoch = static_cast<std::uint64_t>(step_ / batches_per_epoch_);
  order_ =
      Rng(seed_).fork(Purpose::kBatchOrder).fork(epoch).permutation(split_.learned.images.size(0));
}

double TrainingRun::scheduled_learning_rate() const {
  const double done = static_cast<double>(step_) / static_cast<double>(num_steps());
  double rate = learning_rate_;
  if (options_.schedule == TrainingOptions::Schedule::kCosine) {
    const double share = std::max(0.0, (done - options_.decay_start) / (1 - options_.decay_start));
    rate = options_.optimiser.learning_rate * 0.5 * (1 + std::cos(M_PI * share));
  }
  if (options_.warmup == 0) return rate;
  const double next = static_cast<double>(step_ + 1) / static_cast<double>(num_steps());
  return rate * std::min(1.0, next / options_.warmup);
}

Batch TrainingRun::next_batch() {
  const std::int64_t first = step_ % batches_per_epoch_ * options_.batch_size;
  const Tensor chosen = order_.slice(0, first, first + options_.batch_size);
  const Rng rng = Rng(seed_).fork(Purpose::kBatchOrder).fork(kAugmentations + step_);
  const Tensor images =
      options_.augmentation.apply(split_.learned.images.index_select(0, chosen), rng);
  return {method_.network().prepare(images), split_.learned.labels.index_select(0, chosen), step_};
}

bool TrainingRun::advance() {
  TORCH_CHECK(!is_finished(), "the training is finished");
  const bool is_first = step_ % batches_per_epoch_ == 0;
  if (is_first || !order_.defined()) start_epoch();
  if (is_first) {
    loss_sum_ = 0;
    updates_before_ = method_.num_updates();
  }
  method_.set_learning_rate(scheduled_learning_rate());
  const double loss = method_.step(next_batch());
  if (!std::isfinite(loss)) {
    throw Diverged("the loss is no longer finite at step " + std::to_string(step_) +
                   " (the training diverged); lower training.learning_rate");
  }
  loss_sum_ += loss;
  ++step_;
  const bool is_epoch_over = step_ % batches_per_epoch_ == 0;
  if (is_epoch_over) finish_epoch();
  return is_epoch_over;
}

double TrainingRun::measure(std::uint64_t epoch) {
  const bool validates = has_validation();
  const auto draws = static_cast<std::uint64_t>(validates ? options_.validation_draws : 1);
  double sum = 0;
  for (std::uint64_t draw = 0; draw < draws; ++draw) {
    const std::uint64_t pass = kTestPasses + epoch * draws + draw;
    sum += accuracy(method_.network(),
                    validates ? split_.validation : dataset_.test,
                    validates ? 0 : options_.test_images,
                    [&](const Tensor& x, std::int64_t first_image) {
                      return method_.predict(x, pass, first_image);
                    });
  }
  return sum / static_cast<double>(draws);
}

void TrainingRun::finish_epoch() {
  EpochRecord record;
  record.epoch = step_ / batches_per_epoch_ - 1;
  record.loss = loss_sum_ / static_cast<double>(batches_per_epoch_);
  record.learning_rate = scheduled_learning_rate();
  record.accuracy = measure(static_cast<std::uint64_t>(record.epoch));
  record.num_updates = method_.num_updates();
  for (std::size_t i = 0; i < record.num_updates.size(); ++i) {
    record.num_updates[i] -= updates_before_[i];
  }
  records_.push_back(record);
  if (has_validation() && best_epoch() == record.epoch) {
    best_weights_ = method_.network().weights();
    best_hardware_ = method_.learned_hardware();
  }
  if (options_.schedule == TrainingOptions::Schedule::kPlateau) halve_on_plateau();
}

/// Halves the rate after `patience` epochs since the best one or the last halving, whichever is
/// later.
void TrainingRun::halve_on_plateau() {
  std::size_t best = 0;
  for (std::size_t e = 0; e < records_.size(); ++e) {
    if (records_[e].accuracy > records_[best].accuracy) best = e;
    if (e > 0 && records_[e].learning_rate < records_[e - 1].learning_rate)
      best = std::max(best, e - 1);
  }
  if (records_.size() - 1 - best >= static_cast<std::size_t>(options_.patience))
    learning_rate_ /= 2;
}

std::int64_t TrainingRun::best_epoch() const {
  if (records_.empty()) return -1;
  if (!has_validation()) return records_.back().epoch;
  const auto best = std::max_element(
      records_.begin(), records_.end(), [](const EpochRecord& a, const EpochRecord& b) {
        return a.accuracy < b.accuracy;
      });
  return best->epoch;
}

Network TrainingRun::result() const {
  Network network = method_.network().clone();
  if (!best_weights_.empty()) network.load_weights(best_weights_, "the best epoch");
  return network;
}

Json TrainingRun::learned_hardware() const {
  return best_weights_.empty() ? method_.learned_hardware() : best_hardware_;
}

TensorFile TrainingRun::checkpoint() const {
  TensorFile file;
  file.tensors = with_prefix(method_.state(), "method.");
  file.tensors.merge(with_prefix(best_weights_, "best."));
  file.tensors["loss_sum"] = torch::tensor(loss_sum_, torch::kDouble);
  file.tensors["learning_rate"] = torch::tensor(learning_rate_, torch::kDouble);
  file.tensors["step"] = torch::tensor(step_, torch::kLong);
  Json records = Json::array();
  for (const EpochRecord& record : records_) records.push_back(to_json(record));
  file.metadata["records"] = records.dump();
  file.metadata["updates_before"] = Json(updates_before_).dump();
  file.metadata["best_hardware"] = best_hardware_.dump();
  return file;
}

void TrainingRun::restore(const TensorFile& checkpoint) {
  try {
    method_.load_state(without_prefix(checkpoint.tensors, "method."));
    best_weights_ = without_prefix(checkpoint.tensors, "best.");
    loss_sum_ = checkpoint.tensors.at("loss_sum").item<double>();
    learning_rate_ = checkpoint.tensors.at("learning_rate").item<double>();
    step_ = checkpoint.tensors.at("step").item<std::int64_t>();
    updates_before_ =
        Json::parse(checkpoint.metadata.at("updates_before")).get<std::vector<std::int64_t>>();
    best_hardware_ = Json::parse(checkpoint.metadata.at("best_hardware"));
    records_.clear();
    for (const Json& record : Json::parse(checkpoint.metadata.at("records"))) {
      records_.push_back(epoch_record_from_json(record));
    }
  } catch (const std::out_of_range&) {
    throw ConfigError("the checkpoint is incomplete (a tensor is missing); start the run anew");
  } catch (const Json::exception&) {
    throw ConfigError("the checkpoint is damaged (its records cannot be read); start the run anew");
  }
  order_ = Tensor();
}

}  // namespace crossloom
