#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "crossloom/data/squad.h"

namespace crossloom {

/// Mean scores of some questions.
struct SquadScore {
  double exact = 0;        // [%]  answers equal to an accepted one, once both are normalised
  double f1 = 0;           // [%]  overlap of words with the best accepted answer
  std::int64_t total = 0;  // questions
};

struct SquadScores {
  SquadScore all;
  std::optional<SquadScore> has_answer;  // absent when there are no such questions
  std::optional<SquadScore> no_answer;
};

/// The numbers of the official evaluator of SQuAD 2.0, to the last digits. Answers to unknown
/// questions are ignored. Throws `ConfigError` when a question has no answer in `predictions`.
/// Source: P. Rajpurkar, evaluate-v2.0.py, https://rajpurkar.github.io/SQuAD-explorer/.
SquadScores score_predictions(const SquadDataset& dataset, const SquadPredictions& predictions);

/// `answer` in lower case without ASCII punctuation, the words a, an, the, and superfluous spaces.
std::string normalize_answer(std::string_view answer);

}  // namespace crossloom
