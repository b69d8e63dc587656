#include "crossloom/data/squad_metric.h"

#include <algorithm>
#include <map>
#include <vector>

#include "crossloom/core/errors.h"
#include "crossloom/data/unicode_text.h"

namespace crossloom {
namespace {

using Words = std::vector<std::string>;

/// Exact match and F1 of one answer, from 0 to 1.
struct AnswerScore {
  double exact = 0;
  double f1 = 0;
};

/// What Python's `str.split` splits at.
bool is_python_space(char32_t code) {
  return (code >= 0x09 && code <= 0x0d) || (code >= 0x1c && code <= 0x1f) || code == 0x85 ||
         code == 0x2028 || code == 0x2029 || is_space_separator(code);
}

bool is_ascii_punctuation(char32_t code) {
  return (code >= 0x21 && code <= 0x2f) || (code >= 0x3a && code <= 0x40) ||
         (code >= 0x5b && code <= 0x60) || (code >= 0x7b && code <= 0x7e);
}

/// `run` of word characters, unless it is an article.
std::string without_article(std::string run) {
  return run == "a" || run == "an" || run == "the" ? " " : run;
}

/// The words of the normalised answer, in the order of evaluate-v2.0.py: lower case, punctuation,
/// articles, spaces. An article is a whole run of letters and digits there (\b), so that it may
/// also be a part of what spaces separate.
Words words_of(std::string_view answer) {
  const std::string lower = lower_case(answer);
  std::string text;
  std::string run;
  for (const Character& character : characters_of(lower)) {
    if (is_ascii_punctuation(character.code)) continue;
    if (is_word_character(character.code)) {
      append_utf8(character.code, run);
      continue;
    }
    text += without_article(std::move(run));
    run.clear();
    append_utf8(is_python_space(character.code) ? U' ' : character.code, text);
  }
  text += without_article(std::move(run));

  Words words(1);
  for (const char letter : text) {
    if (letter != ' ') {
      words.back() += letter;
    } else if (!words.back().empty()) {
      words.emplace_back();
    }
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

std::string joined_words(const Words& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

/// How many words both have, each as often as in the one that has it less.
std::int64_t num_common(const Words& a, const Words& b) {
  std::map<std::string, std::int64_t> left;
  for (const std::string& word : a) ++left[word];
  std::int64_t count = 0;
  for (const std::string& word : b) {
    if (left[word]-- > 0) ++count;
  }
  return count;
}

double f1(const Words& accepted, const Words& given) {
  if (accepted.empty() || given.empty()) return accepted == given ? 1 : 0;
  const auto common = static_cast<double>(num_common(accepted, given));
  if (common == 0) return 0;
  const double precision = common / static_cast<double>(given.size());
  const double recall = common / static_cast<double>(accepted.size());
  return 2 * precision * recall / (precision + recall);
}

AnswerScore score_answer(const SquadQuestion& question, const std::string& given) {
  std::vector<Words> accepted;
  for (const std::string& answer : question.answers) {
    accepted.push_back(words_of(answer));
    if (accepted.back().empty()) accepted.pop_back();
  }
  if (accepted.empty()) accepted.emplace_back();  // right is only to give no answer
  const Words words = words_of(given);
  AnswerScore best;
  for (const Words& answer : accepted) {
    best.exact = std::max(best.exact, answer == words ? 1.0 : 0.0);
    best.f1 = std::max(best.f1, f1(answer, words));
  }
  return best;
}

void add(const AnswerScore& score, SquadScore& sum) {
  sum.exact += score.exact;
  sum.f1 += score.f1;
  ++sum.total;
}

SquadScore mean(const SquadScore& sum) {
  const auto total = static_cast<double>(sum.total);
  return {100.0 * sum.exact / total, 100.0 * sum.f1 / total, sum.total};
}

std::optional<SquadScore> mean_if_any(const SquadScore& sum) {
  return sum.total == 0 ? std::nullopt : std::optional(mean(sum));
}

void require_all(const SquadDataset& dataset, const SquadPredictions& predictions) {
  std::int64_t num_missing = 0;
  std::string first;
  for (const SquadQuestion& question : dataset.questions) {
    if (predictions.count(question.id) != 0) continue;
    if (num_missing++ == 0) first = question.id;
  }
  if (dataset.questions.empty()) {
    throw ConfigError("cannot score the predictions (there are no questions); give a data set");
  }
  if (num_missing == 0) return;
  throw ConfigError("cannot score the predictions (" + std::to_string(num_missing) + " of " +
                    std::to_string(dataset.questions.size()) +
                    " questions have no answer there, the first is '" + first +
                    "'); give an answer to each, \"\" for none");
}

}  // namespace

std::string normalize_answer(std::string_view answer) {
  return joined_words(words_of(answer));
}

SquadScores score_predictions(const SquadDataset& dataset, const SquadPredictions& predictions) {
  require_all(dataset, predictions);
  SquadScore all;
  SquadScore has_answer;
  SquadScore no_answer;
  for (const SquadQuestion& question : dataset.questions) {
    const AnswerScore score = score_answer(question, predictions.at(question.id));
    add(score, all);
    add(score, question.answers.empty() ? no_answer : has_answer);
  }
  return {mean(all), mean_if_any(has_answer), mean_if_any(no_answer)};
}

}  // namespace crossloom
