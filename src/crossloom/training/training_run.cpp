#include "crossloom/training/training_run.h"

#include <cmath>

#include "crossloom/core/interrupt.h"
#include "crossloom/training/accuracy.h"

namespace crossloom {
namespace {

// Passes of tests are numbered apart from those of training steps.
constexpr std::uint64_t kTestPasses = std::uint64_t{1} << 40;

}  // namespace

void TrainingOptions::describe(ParamList& params) {
  params.add("epochs", epochs, {1, 100000}, "1", "epochs of training");
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
  params.add("patience", patience, {1, 1000}, "1", "plateau: epochs to wait for a better test");
  params.add(
      "test_images", test_images, {0, 1e9}, "1", "first images of the test set used; 0 = all");
  optimiser.describe(params);
}

Json to_json(const EpochRecord& record) {
  return {{"epoch", record.epoch},
          {"loss", record.loss},
          {"test_accuracy", record.test_accuracy},
          {"learning_rate", record.learning_rate},
          {"num_updates", record.num_updates}};
}

EpochRecord epoch_record_from_json(const Json& json) {
  return {json.at("epoch").get<std::int64_t>(),
          json.at("loss").get<double>(),
          json.at("test_accuracy").get<double>(),
          json.at("learning_rate").get<double>(),
          json.at("num_updates").get<std::vector<std::int64_t>>()};
}

TrainingRun::TrainingRun(TrainingMethod& method,
                         const Network& network,
                         const Hardware& hardware,
                         const Dataset& dataset,
                         const TrainingOptions& options,
                         std::uint64_t seed)
    : method_(method),
      dataset_(dataset),
      options_(options),
      seed_(seed),
      learning_rate_(options.optimiser.learning_rate) {
  const std::int64_t most = dataset.train.images.size(0) / options.batch_size;
  if (most == 0 || options.batches_per_epoch > most) {
    throw ConfigError("an epoch of " + std::to_string(options.batches_per_epoch) + " batches of " +
                      std::to_string(options.batch_size) + " images (the training set has " +
                      std::to_string(dataset.train.images.size(0)) +
                      "); give fewer or smaller batches");
  }
  batches_per_epoch_ = options.batches_per_epoch > 0 ? options.batches_per_epoch : most;
  method_.start(network, hardware, options.optimiser, seed);
}

void TrainingRun::start_epoch() {
  const auto epoch = static_cast<std::uint64_t>(step_ / batches_per_epoch_);
  order_ =
      Rng(seed_).fork(Purpose::kBatchOrder).fork(epoch).permutation(dataset_.train.images.size(0));
}

double TrainingRun::scheduled_learning_rate() const {
  if (options_.schedule != TrainingOptions::Schedule::kCosine) return learning_rate_;
  const double done = static_cast<double>(step_) / static_cast<double>(num_steps());
  const double share = std::max(0.0, (done - options_.decay_start) / (1 - options_.decay_start));
  return options_.optimiser.learning_rate * 0.5 * (1 + std::cos(M_PI * share));
}

bool TrainingRun::advance() {
  TORCH_CHECK(!is_finished(), "the training is finished");
  const std::int64_t in_epoch = step_ % batches_per_epoch_;
  if (in_epoch == 0 || !order_.defined()) start_epoch();
  if (in_epoch == 0) {
    loss_sum_ = 0;
    updates_before_ = method_.num_updates();
  }
  method_.set_learning_rate(scheduled_learning_rate());
  const Tensor chosen =
      order_.slice(0, in_epoch * options_.batch_size, (in_epoch + 1) * options_.batch_size);
  Batch batch;
  batch.x = method_.network().prepare(dataset_.train.images.index_select(0, chosen));
  batch.labels = dataset_.train.labels.index_select(0, chosen);
  batch.step = step_;
  const double loss = method_.step(batch);
  if (!std::isfinite(loss)) {
    throw ConfigError("the loss is no longer finite at step " + std::to_string(step_) +
                      " (the training diverged); lower training.learning_rate");
  }
  loss_sum_ += loss;
  ++step_;
  const bool is_epoch_over = step_ % batches_per_epoch_ == 0;
  if (is_epoch_over) finish_epoch();
  return is_epoch_over;
}

void TrainingRun::finish_epoch() {
  EpochRecord record;
  record.epoch = step_ / batches_per_epoch_ - 1;
  record.loss = loss_sum_ / static_cast<double>(batches_per_epoch_);
  record.learning_rate = scheduled_learning_rate();
  const std::uint64_t pass = kTestPasses + static_cast<std::uint64_t>(record.epoch);
  record.test_accuracy = accuracy(method_.network(),
                                  dataset_.test,
                                  options_.test_images,
                                  [&](const Tensor& x, std::int64_t first_image) {
                                    return method_.predict(x, pass, first_image);
                                  });
  record.num_updates = method_.num_updates();
  for (std::size_t i = 0; i < record.num_updates.size(); ++i) {
    record.num_updates[i] -= updates_before_[i];
  }
  records_.push_back(record);
  if (options_.schedule != TrainingOptions::Schedule::kPlateau) return;
  // Halve after `patience` epochs since the best test or the last halving, whichever is later.
  std::size_t best = 0;
  for (std::size_t e = 0; e < records_.size(); ++e) {
    if (records_[e].test_accuracy > records_[best].test_accuracy) best = e;
    if (e > 0 && records_[e].learning_rate < records_[e - 1].learning_rate)
      best = std::max(best, e - 1);
  }
  if (records_.size() - 1 - best >= static_cast<std::size_t>(options_.patience))
    learning_rate_ /= 2;
}

TensorFile TrainingRun::checkpoint() const {
  TensorFile file;
  file.tensors = with_prefix(method_.state(), "method.");
  file.tensors["loss_sum"] = torch::tensor(loss_sum_, torch::kDouble);
  file.tensors["learning_rate"] = torch::tensor(learning_rate_, torch::kDouble);
  file.tensors["step"] = torch::tensor(step_, torch::kLong);
  Json records = Json::array();
  for (const EpochRecord& record : records_) records.push_back(to_json(record));
  file.metadata["records"] = records.dump();
  file.metadata["updates_before"] = Json(updates_before_).dump();
  return file;
}

void TrainingRun::restore(const TensorFile& checkpoint) {
  try {
    method_.load_state(without_prefix(checkpoint.tensors, "method."));
    loss_sum_ = checkpoint.tensors.at("loss_sum").item<double>();
    learning_rate_ = checkpoint.tensors.at("learning_rate").item<double>();
    step_ = checkpoint.tensors.at("step").item<std::int64_t>();
    updates_before_ =
        Json::parse(checkpoint.metadata.at("updates_before")).get<std::vector<std::int64_t>>();
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
