#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace crossloom {

/// A question about one paragraph.
struct SquadQuestion {
  std::string id;
  std::string text;
  std::size_t context = 0;           // index of the paragraph
  std::vector<std::string> answers;  // accepted ones; empty when the paragraph does not tell
};

/// Questions whose answers are pieces of paragraphs of Wikipedia, or that cannot be answered from
/// them. All texts are UTF-8.
/// Source: P. Rajpurkar, R. Jia, P. Liang, "Know what you don't know: unanswerable questions for
/// SQuAD", ACL 2018, doi:10.18653/v1/P18-2124.
struct SquadDataset {
  std::vector<std::string> contexts;  // paragraphs
  std::vector<SquadQuestion> questions;

  /// Whether some question has no answer (SQuAD 2.0; in 1.1 each has one).
  bool has_unanswerable() const;
};

/// The contents of a file of SQuAD 1.1 or 2.0. Where an answer stands in its paragraph
/// (`answer_start`) is not read. `path` is for the messages. Throws `ConfigError`, naming the
/// place, when they are not JSON of that form or a question's id is there twice.
SquadDataset parse_squad(std::string_view contents, const std::filesystem::path& path);

SquadDataset read_squad(const std::filesystem::path& path);

/// The answer given to each question id; "" means that there is none.
using SquadPredictions = std::map<std::string, std::string>;

/// A JSON object of texts, as the official evaluator reads it. Throws `ConfigError` when the
/// contents are something else.
SquadPredictions parse_predictions(std::string_view contents, const std::filesystem::path& path);

SquadPredictions read_predictions(const std::filesystem::path& path);

/// Writes them, whole or not at all.
void write_predictions(const std::filesystem::path& path, const SquadPredictions& predictions);

}  // namespace crossloom
