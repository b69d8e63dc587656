#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "crossloom/data/examples.h"
#include "crossloom/network/network.h"

namespace crossloom {

/// How well a network did. The first figure is the one that is called its accuracy.
struct Score {
  std::vector<std::pair<std::string, double>> figures;  // name -> share or percent / 100
  std::vector<std::string> predictions;                 // one for each example

  double accuracy() const { return figures.at(0).second; }
};

/// What networks are measured on: examples, and how the outputs for them are judged.
class Task {
 public:
  virtual ~Task() = default;

  virtual std::int64_t size() const = 0;

  /// Where the examples are from, in words.
  virtual std::string provenance() const = 0;

  /// Calls `use` with the inputs of `count` examples (0: all) in batches, in order.
  using Use = std::function<void(std::int64_t first, const std::vector<Tensor>& inputs)>;
  virtual void for_each_batch(const Network& network,
                              std::int64_t batch_size,
                              std::int64_t count,
                              const Use& use) const = 0;

  /// `outputs` of the network for the first examples, each with these along its first dimension.
  virtual Score score(const std::vector<Tensor>& outputs) const = 0;
};

/// Classification of images: top-1 and, from 100 classes on, top-5.
class ImageTask final : public Task {
 public:
  explicit ImageTask(std::shared_ptr<const Examples> examples) : examples_(std::move(examples)) {}

  std::int64_t size() const override { return examples_->size(); }
  std::string provenance() const override { return examples_->provenance(); }
  void for_each_batch(const Network& network,
                      std::int64_t batch_size,
                      std::int64_t count,
                      const Use& use) const override;
  Score score(const std::vector<Tensor>& outputs) const override;

 private:
  std::shared_ptr<const Examples> examples_;
};

/// Which examples of a data set: those it is tested on, or others, to set up chips with.
enum class TaskPart { kTest, kCalibration };

/// What `data`, NAME[:FOLDER], is for `network` (see `open_examples` and `find_squad`). Throws
/// `ConfigError` when there are no such data, or the network has other inputs.
std::unique_ptr<Task> open_task(const std::string& data,
                                TaskPart part,
                                const Network& network,
                                const DataOptions& options);

/// What a network is trained with, and how it is tested.
struct TrainingData {
  Dataset dataset;
  std::unique_ptr<Task> test;
};

/// The same `data` for training, all in memory. Questions are learned from train*.json beside those
/// for tests; without such a file from the second half of these, and only the first is for tests.
TrainingData open_training_data(const std::string& data,
                                const Network& network,
                                const DataOptions& options);

/// Whether `open_training_data` knows the name in `data`.
bool is_training_data(const std::string& data);

/// Share of `predictions` that are those of `reference`.
double agreement(const std::vector<std::string>& predictions,
                 const std::vector<std::string>& reference);

}  // namespace crossloom
