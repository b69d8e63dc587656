#include "crossloom/evaluation/squad_task.h"

#include <algorithm>

#include "crossloom/data/locate.h"
#include "crossloom/data/squad_metric.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

/// The first file of `folder`, by name, that begins and ends so; empty when there is none.
fs::path first_file(const fs::path& folder, const std::string& start, const std::string& end) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const bool fits = name.size() >= start.size() + end.size() && name.rfind(start, 0) == 0 &&
                      name.compare(name.size() - end.size(), end.size(), end) == 0;
    if (fits) found.push_back(entry.path());
  }
  return found.empty() ? fs::path() : *std::min_element(found.begin(), found.end());
}

fs::path find_questions(const std::string& data, const DataOptions& options) {
  const auto colon = data.find(':');
  if (colon != std::string::npos) {
    const fs::path place = data.substr(colon + 1);
    return fs::is_directory(place) ? first_file(place, "dev", ".json") : place;
  }
  for (const fs::path& place : search_places(options.data_dir)) {
    const fs::path folder = place / "squad";
    if (fs::is_directory(folder)) return first_file(folder, "dev", ".json");
  }
  return {};
}

/// Positions of the network's inputs: input_ids, attention_mask, token_type_ids.
Tensor input_named(const SquadFeatures& features, const std::string& name) {
  if (name == "input_ids") return features.input_ids;
  if (name == "attention_mask") return features.attention_mask;
  if (name == "token_type_ids") return features.token_type_ids;
  throw ConfigError("the network has an input '" + name +
                    "' (a question-answering network takes input_ids, attention_mask and "
                    "token_type_ids); give such a network");
}

/// Windows of the first `questions` questions.
std::int64_t windows_of(const SquadFeatures& features, std::size_t questions) {
  return std::count_if(features.windows.begin(),
                       features.windows.end(),
                       [&](const SquadWindow& window) { return window.question < questions; });
}

}  // namespace

fs::path find_squad_questions(const std::string& data, const DataOptions& options) {
  const fs::path questions = find_questions(data, options);
  if (!fs::is_regular_file(questions)) {
    throw ConfigError("no questions for " + data +
                      " (no dev*.json is where data are looked for); give squad:FILE.json");
  }
  return questions;
}

SquadFiles find_squad(const std::string& data, const DataOptions& options) {
  SquadFiles files;
  files.questions = find_squad_questions(data, options);
  files.vocabulary = first_file(files.questions.parent_path(), "", "vocab.txt");
  if (files.vocabulary.empty()) {
    throw ConfigError("no vocabulary beside " + files.questions.string() +
                      " (text cannot be split without it); put the network's vocab.txt there");
  }
  files.training = first_file(files.questions.parent_path(), "train", ".json");
  return files;
}

bool is_squad(const std::string& data) {
  return data == "squad" || data.rfind("squad:", 0) == 0;
}

SquadTask::SquadTask(const SquadFiles& files, const Network& network, Part part)
    : path_(files.questions), dataset_(read_squad(files.questions)) {
  if (network.outputs().size() != 2 || network.input_size().size() != 1) {
    throw ConfigError("the network " + network.name() +
                      " does not answer questions (it needs token inputs and two outputs, starts "
                      "and ends); use for example bert_tiny_squad");
  }
  std::vector<SquadQuestion>& questions = dataset_.questions;
  const auto middle = questions.begin() + static_cast<std::ptrdiff_t>(questions.size() / 2);
  if (part == Part::kFirstHalf) questions.erase(middle, questions.end());
  if (part == Part::kSecondHalf) questions.erase(questions.begin(), middle);
  SquadWindowOptions options;
  options.max_seq_length = network.input_size()[0];
  features_ = make_squad_features(dataset_, WordPiece::read(files.vocabulary), options);
}

std::int64_t SquadTask::size() const {
  return static_cast<std::int64_t>(dataset_.questions.size());
}

std::string SquadTask::provenance() const {
  return std::to_string(dataset_.questions.size()) + " questions of " + path_.string();
}

void SquadTask::for_each_batch(const Network& network,
                               std::int64_t batch_size,
                               std::int64_t count,
                               const Use& use) const {
  const std::int64_t questions = count > 0 ? std::min(count, size()) : size();
  const std::int64_t last = windows_of(features_, static_cast<std::size_t>(questions));
  for (std::int64_t first = 0; first < last; first += batch_size) {
    std::vector<Tensor> inputs;
    for (const NetworkInput& input : network.inputs()) {
      inputs.push_back(
          input_named(features_, input.name).slice(0, first, std::min(first + batch_size, last)));
    }
    use(first, inputs);
  }
}

Split SquadTask::windows(const Network& network) const {
  std::vector<Tensor> inputs;
  for (const NetworkInput& input : network.inputs()) {
    inputs.push_back(input_named(features_, input.name));
  }
  return {at::stack(inputs, 1), answer_positions(dataset_, features_)};
}

Score SquadTask::score(const std::vector<Tensor>& outputs) const {
  // Of the questions all of whose windows were computed.
  const auto windows = static_cast<std::size_t>(outputs.at(0).size(0));
  SquadFeatures part = {features_.input_ids.slice(0, 0, outputs.at(0).size(0)), {}, {}, {}};
  part.windows.assign(features_.windows.begin(),
                      features_.windows.begin() + static_cast<std::ptrdiff_t>(windows));
  const std::size_t questions = windows == features_.windows.size()
                                    ? dataset_.questions.size()
                                    : features_.windows[windows].question;
  SquadDataset answered;
  answered.contexts = dataset_.contexts;
  answered.questions.assign(dataset_.questions.begin(),
                            dataset_.questions.begin() + static_cast<std::ptrdiff_t>(questions));
  const SquadPredictions answers =
      choose_answers(answered, part, outputs.at(0), outputs.at(1), SquadAnswerOptions());
  const SquadScores scores = score_predictions(answered, answers);
  Score score;
  score.figures = {{"f1", scores.all.f1 / 100}, {"exact", scores.all.exact / 100}};
  if (scores.has_answer) score.figures.emplace_back("has_answer_f1", scores.has_answer->f1 / 100);
  if (scores.no_answer) score.figures.emplace_back("no_answer_f1", scores.no_answer->f1 / 100);
  for (const SquadQuestion& question : answered.questions) {
    score.predictions.push_back(answers.at(question.id));
  }
  return score;
}

}  // namespace crossloom
