#pragma once

#include <filesystem>

#include "crossloom/data/squad_features.h"
#include "crossloom/evaluation/task.h"

namespace crossloom {

/// Files of a question-answering set: the questions for tests and for training, and the vocabulary
/// of the network.
struct SquadFiles {
  std::filesystem::path questions;   // dev*.json
  std::filesystem::path training;    // train*.json; empty when there is none
  std::filesystem::path vocabulary;  // *vocab.txt
};

/// Whether `data` names questions: squad[:PLACE].
bool is_squad(const std::string& data);

/// The files, or the questions alone, of `squad[:PLACE]`, where PLACE is a file of questions or its
/// folder; without it the folder squad/ where data are. The vocabulary lies beside the questions.
/// Throws `ConfigError` when one is not there.
std::filesystem::path find_squad_questions(const std::string& data, const DataOptions& options);
SquadFiles find_squad(const std::string& data, const DataOptions& options);

/// Finding answers in paragraphs: F1 and exact match by the official metric, as shares. The network
/// takes input_ids, attention_mask and token_type_ids, and gives logits of starts and of ends.
class SquadTask final : public Task {
 public:
  enum class Part { kAll, kFirstHalf, kSecondHalf };

  SquadTask(const SquadFiles& files, const Network& network, Part part = Part::kAll);

  /// Questions.
  std::int64_t size() const override;
  std::string provenance() const override;
  void for_each_batch(const Network& network,
                      std::int64_t batch_size,
                      std::int64_t count,
                      const Use& use) const override;
  Score score(const std::vector<Tensor>& outputs) const override;

  /// The windows of the questions, as training needs them.
  Split windows(const Network& network) const;

 private:
  std::filesystem::path path_;
  SquadDataset dataset_;
  SquadFeatures features_;
};

}  // namespace crossloom
