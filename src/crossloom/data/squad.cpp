#include "crossloom/data/squad.h"

#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "crossloom/core/errors.h"
#include "crossloom/core/files.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;
using UnorderedJson = nlohmann::json;

[[noreturn]] void refuse(const fs::path& path, const std::string& why, const std::string& remedy) {
  throw ConfigError(path.string() + " cannot be used (" + why + "); " + remedy);
}

UnorderedJson parse(std::string_view contents, const fs::path& path, const std::string& remedy) {
  try {
    return UnorderedJson::parse(contents);
  } catch (const UnorderedJson::exception& error) {
    refuse(path, std::string("it is not valid JSON: ") + error.what(), remedy);
  }
}

/// A value inside the file, and the way to it such as "data[0].paragraphs[3]".
class Node {
 public:
  Node(const UnorderedJson& value, const fs::path& path, std::string where = "")
      : value_(value), path_(path), where_(std::move(where)) {}

  Node member(const char* name) const {
    if (!value_.is_object()) wrong("an object");
    const auto found = value_.find(name);
    const std::string where = where_ + (where_.empty() ? "" : ".") + name;
    if (found == value_.end()) refuse_here(where + " is missing");
    return {*found, path_, where};
  }

  std::vector<Node> elements() const {
    if (!value_.is_array()) wrong("a list");
    std::vector<Node> nodes;
    for (std::size_t i = 0; i < value_.size(); ++i) {
      nodes.emplace_back(value_[i], path_, where_ + "[" + std::to_string(i) + "]");
    }
    return nodes;
  }

  const std::string& text() const {
    if (!value_.is_string()) wrong("a text");
    return value_.get_ref<const std::string&>();
  }

  [[noreturn]] void refuse_here(const std::string& why) const {
    refuse(path_, why, "give a file in the form of SQuAD 1.1 or 2.0");
  }

 private:
  [[noreturn]] void wrong(const std::string& expected) const {
    refuse_here((where_.empty() ? "it" : where_) + " is not " + expected);
  }

  const UnorderedJson& value_;
  const fs::path& path_;
  std::string where_;
};

void add_questions(const Node& paragraph, SquadDataset& dataset, std::set<std::string>& ids) {
  dataset.contexts.push_back(paragraph.member("context").text());
  for (const Node& node : paragraph.member("qas").elements()) {
    SquadQuestion question;
    question.id = node.member("id").text();
    question.text = node.member("question").text();
    question.context = dataset.contexts.size() - 1;
    for (const Node& answer : node.member("answers").elements()) {
      question.answers.push_back(answer.member("text").text());
    }
    if (!ids.insert(question.id).second) {
      node.refuse_here("the question id '" + question.id + "' is there twice");
    }
    dataset.questions.push_back(std::move(question));
  }
}

}  // namespace

bool SquadDataset::has_unanswerable() const {
  return std::any_of(questions.begin(), questions.end(), [](const SquadQuestion& question) {
    return question.answers.empty();
  });
}

SquadDataset parse_squad(std::string_view contents, const fs::path& path) {
  const UnorderedJson json = parse(contents, path, "give a file of SQuAD 1.1 or 2.0");
  const Node root(json, path);
  SquadDataset dataset;
  std::set<std::string> ids;
  for (const Node& article : root.member("data").elements()) {
    for (const Node& paragraph : article.member("paragraphs").elements()) {
      add_questions(paragraph, dataset, ids);
    }
  }
  if (dataset.questions.empty()) root.refuse_here("there is no question in it");
  return dataset;
}

SquadDataset read_squad(const fs::path& path) {
  return parse_squad(read_file(path), path);
}

SquadPredictions parse_predictions(std::string_view contents, const fs::path& path) {
  const std::string remedy = "give a JSON object with the answer of each question id";
  const UnorderedJson json = parse(contents, path, remedy);
  if (!json.is_object()) refuse(path, "it is not an object", remedy);
  SquadPredictions predictions;
  for (const auto& [id, answer] : json.items()) {
    if (!answer.is_string()) refuse(path, "the answer to '" + id + "' is not a text", remedy);
    predictions[id] = answer.get<std::string>();
  }
  return predictions;
}

SquadPredictions read_predictions(const fs::path& path) {
  return parse_predictions(read_file(path), path);
}

void write_predictions(const fs::path& path, const SquadPredictions& predictions) {
  write_file(path, UnorderedJson(predictions).dump(1) + "\n");
}

}  // namespace crossloom
