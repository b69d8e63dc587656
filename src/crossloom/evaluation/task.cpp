#include "crossloom/evaluation/task.h"

#include "crossloom/data/batch_loader.h"
#include "crossloom/evaluation/squad_task.h"

namespace crossloom {

void ImageTask::for_each_batch(const Network& network,
                               std::int64_t batch_size,
                               std::int64_t count,
                               const Use& use) const {
  const std::int64_t last = count > 0 ? std::min(count, size()) : size();
  BatchLoader loader(*examples_, batch_size);
  ImageBatch batch;
  while (loader.next(batch) && batch.first < last) {
    const std::int64_t rest = std::min(batch.images.size(0), last - batch.first);
    use(batch.first, {network.prepare(batch.images.slice(0, 0, rest))});
  }
}

Score ImageTask::score(const std::vector<Tensor>& outputs) const {
  const Tensor& logits = outputs.at(0);
  const std::int64_t count = logits.size(0);
  const std::int64_t classes = logits.size(1);
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < count; ++i) labels.push_back(examples_->label(i));
  const Tensor wanted = at::tensor(labels, at::kLong).unsqueeze(1);
  const Tensor best = std::get<1>(logits.topk(std::min<std::int64_t>(5, classes), 1));
  const Tensor is_right = best.eq(wanted);
  Score score;
  score.figures.emplace_back("top1", is_right.select(1, 0).to(at::kDouble).mean().item<double>());
  if (classes >= 100) {
    score.figures.emplace_back("top5", is_right.any(1).to(at::kDouble).mean().item<double>());
  }
  for (std::int64_t i = 0; i < count; ++i) {
    score.predictions.push_back(std::to_string(best[i][0].item<std::int64_t>()));
  }
  return score;
}

double agreement(const std::vector<std::string>& predictions,
                 const std::vector<std::string>& reference) {
  TORCH_CHECK(predictions.size() == reference.size() && !predictions.empty());
  std::size_t same = 0;
  for (std::size_t i = 0; i < predictions.size(); ++i) same += predictions[i] == reference[i];
  return static_cast<double>(same) / static_cast<double>(predictions.size());
}

namespace {

void require_images(const Network& network) {
  if (network.input_size().size() == 3) return;
  throw ConfigError("the network " + network.name() +
                    " does not take images (its inputs are tokens); give the data squad");
}

TrainingData open_squad_training(const std::string& data,
                                 const Network& network,
                                 const DataOptions& options) {
  using Part = SquadTask::Part;
  const SquadFiles files = find_squad(data, options);
  const bool has_training = !files.training.empty();
  auto test =
      std::make_unique<SquadTask>(files, network, has_training ? Part::kAll : Part::kFirstHalf);
  SquadFiles others = files;
  if (has_training) others.questions = files.training;
  const SquadTask learned(others, network, has_training ? Part::kAll : Part::kSecondHalf);
  TrainingData all;
  all.dataset.name = "squad";
  all.dataset.provenance = learned.provenance() + "; tested on " + test->provenance();
  all.dataset.train = learned.windows(network);
  all.dataset.test = test->windows(network);
  all.test = std::move(test);
  return all;
}

}  // namespace

std::unique_ptr<Task> open_task(const std::string& data,
                                TaskPart part,
                                const Network& network,
                                const DataOptions& options) {
  if (is_squad(data)) {
    return std::make_unique<SquadTask>(find_squad(data, options), network);
  }
  require_images(network);
  const Subset subset = part == TaskPart::kTest ? Subset::kTest : Subset::kTrain;
  return std::make_unique<ImageTask>(open_examples(data, subset, network.input_size(), options));
}

bool is_training_data(const std::string& data) {
  return is_squad(data) || is_dataset(data);
}

TrainingData open_training_data(const std::string& data,
                                const Network& network,
                                const DataOptions& options) {
  if (is_squad(data)) return open_squad_training(data, network, options);
  require_images(network);
  TrainingData all;
  all.dataset = open_dataset(data, network.input_size(), options);
  all.test = std::make_unique<ImageTask>(examples_of(all.dataset.test, all.dataset.provenance));
  return all;
}

}  // namespace crossloom
