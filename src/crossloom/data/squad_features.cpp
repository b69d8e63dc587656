#include "crossloom/data/squad_features.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "crossloom/core/errors.h"

namespace crossloom {
namespace {

constexpr std::int64_t kNumSpecial = 3;  // [CLS], [SEP], [SEP]

using Tokens = std::vector<Token>;

void check(const SquadWindowOptions& options) {
  const std::int64_t room = options.max_seq_length - options.max_query_length - kNumSpecial;
  if (options.max_query_length < 1 || room < 1) {
    throw ConfigError("invalid max_seq_length = " + std::to_string(options.max_seq_length) +
                      " with max_query_length = " + std::to_string(options.max_query_length) +
                      " (the paragraph gets " + std::to_string(room) +
                      " tokens); make the first at least 4 larger than the second");
  }
  if (options.doc_stride < 1 || options.doc_stride > room) {
    throw ConfigError("invalid doc_stride = " + std::to_string(options.doc_stride) +
                      " (windows hold " + std::to_string(room) +
                      " tokens of a paragraph or more, none may be left out); give 1 to " +
                      std::to_string(room));
  }
}

/// A window before it is put into tensors: its tokens [begin, end) of the paragraph.
struct Piece {
  std::size_t question;
  const Tokens* query;
  const Tokens* context;
  std::int64_t begin;
  std::int64_t end;
};

/// Adds the windows of one question.
void add_pieces(const Piece& whole, const SquadWindowOptions& options, std::vector<Piece>& pieces) {
  const auto num_query = static_cast<std::int64_t>(whole.query->size());
  const std::int64_t room = options.max_seq_length - num_query - kNumSpecial;
  for (std::int64_t begin = 0;; begin += options.doc_stride) {
    Piece piece = whole;
    piece.begin = begin;
    piece.end = std::min(whole.end, begin + room);
    pieces.push_back(piece);
    if (piece.end == whole.end) return;
  }
}

/// Writes the window into row `row` of the tensors.
SquadWindow fill(const Piece& piece,
                 const WordPiece& tokenizer,
                 std::int64_t row,
                 const SquadFeatures& features) {
  const std::int64_t length = features.input_ids.size(1);
  auto* const ids = features.input_ids.data_ptr<std::int64_t>() + row * length;
  auto* const types = features.token_type_ids.data_ptr<std::int64_t>() + row * length;
  auto* const mask = features.attention_mask.data_ptr<std::int64_t>() + row * length;
  SquadWindow window;
  window.question = piece.question;
  std::int64_t next = 0;
  ids[next++] = tokenizer.cls();
  for (const Token& token : *piece.query) ids[next++] = token.id;
  ids[next++] = tokenizer.sep();
  window.first_token = next;
  for (std::int64_t i = piece.begin; i < piece.end; ++i) {
    const Token& token = (*piece.context)[static_cast<std::size_t>(i)];
    window.context.push_back(token.range);
    ids[next++] = token.id;
  }
  ids[next++] = tokenizer.sep();
  std::fill(types + window.first_token, types + next, 1);
  std::fill(mask, mask + next, 1);
  return window;
}

/// Indices of the `count` largest of `scores`, the largest first; of equal ones the earlier.
std::vector<std::int64_t> largest(const float* scores, std::int64_t size, std::int64_t count) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(size));
  std::iota(order.begin(), order.end(), 0);
  const auto end = order.begin() + std::min(size, count);
  std::partial_sort(order.begin(), end, order.end(), [scores](std::int64_t a, std::int64_t b) {
    return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
  });
  order.erase(end, order.end());
  return order;
}

struct Best {
  double score = -std::numeric_limits<double>::infinity();
  double null_score = std::numeric_limits<double>::infinity();
  TextRange range;
  bool is_found = false;
};

/// Takes the best piece of one window into `best`. `start` and `end` are the logits of the window.
void look_at(const SquadWindow& window,
             const float* start,
             const float* end,
             const SquadAnswerOptions& options,
             Best& best) {
  best.null_score = std::min(best.null_score, static_cast<double>(start[0]) + end[0]);
  const auto size = static_cast<std::int64_t>(window.context.size());
  const std::vector<std::int64_t> ends = largest(end + window.first_token, size, options.n_best);
  for (const std::int64_t first : largest(start + window.first_token, size, options.n_best)) {
    for (const std::int64_t last : ends) {
      if (last < first || last - first >= options.max_answer_length) continue;
      const double score =
          static_cast<double>(start[window.first_token + first]) + end[window.first_token + last];
      if (best.is_found && score <= best.score) continue;
      best.is_found = true;
      best.score = score;
      best.range = {window.context[static_cast<std::size_t>(first)].begin,
                    window.context[static_cast<std::size_t>(last)].end};
    }
  }
}

Tensor checked_logits(const Tensor& logits, const SquadFeatures& features, const char* name) {
  TORCH_CHECK(logits.sizes() == features.input_ids.sizes(), name, " are one logit per token");
  if (logits.isnan().any().item<bool>()) {
    throw ConfigError(std::string("cannot choose answers (") + name +
                      " hold a NaN); look for the layer of the network that made it");
  }
  return logits.to(at::kFloat).contiguous();
}

}  // namespace

SquadFeatures make_squad_features(const SquadDataset& dataset,
                                  const WordPiece& tokenizer,
                                  const SquadWindowOptions& options) {
  check(options);
  std::vector<Tokens> contexts;
  for (const std::string& context : dataset.contexts) {
    contexts.push_back(tokenizer.tokenize(context));
  }
  std::vector<Tokens> queries;
  for (const SquadQuestion& question : dataset.questions) {
    queries.push_back(tokenizer.tokenize(question.text));
    const auto max_size = static_cast<std::size_t>(options.max_query_length);
    if (queries.back().size() > max_size) queries.back().resize(max_size);
  }
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < queries.size(); ++i) {
    const Tokens& context = contexts.at(dataset.questions[i].context);
    add_pieces(
        {i, &queries[i], &context, 0, static_cast<std::int64_t>(context.size())}, options, pieces);
  }
  const auto num_windows = static_cast<std::int64_t>(pieces.size());
  SquadFeatures features;
  features.input_ids = at::full({num_windows, options.max_seq_length}, tokenizer.pad(), at::kLong);
  features.attention_mask = at::zeros_like(features.input_ids);
  features.token_type_ids = at::zeros_like(features.input_ids);
  for (const Piece& piece : pieces) {
    const auto row = static_cast<std::int64_t>(features.windows.size());
    features.windows.push_back(fill(piece, tokenizer, row, features));
  }
  return features;
}

Tensor answer_positions(const SquadDataset& dataset, const SquadFeatures& features) {
  const auto count = static_cast<std::int64_t>(features.windows.size());
  const Tensor positions = at::zeros({count, 2}, at::kLong);
  auto entries = positions.accessor<std::int64_t, 2>();
  for (std::int64_t i = 0; i < count; ++i) {
    const SquadWindow& window = features.windows[static_cast<std::size_t>(i)];
    const SquadQuestion& question = dataset.questions.at(window.question);
    if (question.answers.empty() || question.answers[0].empty() || window.context.empty()) continue;
    const std::size_t begin = dataset.contexts[question.context].find(question.answers[0]);
    const std::size_t end = begin + question.answers[0].size();
    if (begin == std::string::npos || begin < window.context.front().begin ||
        end > window.context.back().end) {
      continue;
    }
    const auto first = std::find_if(window.context.begin(),
                                    window.context.end(),
                                    [&](const TextRange& token) { return token.end > begin; });
    const auto behind = std::find_if(
        first, window.context.end(), [&](const TextRange& token) { return token.begin >= end; });
    entries[i][0] = window.first_token + (first - window.context.begin());
    entries[i][1] = window.first_token + (behind - window.context.begin()) - 1;
  }
  return positions;
}

SquadPredictions choose_answers(const SquadDataset& dataset,
                                const SquadFeatures& features,
                                const Tensor& start_logits,
                                const Tensor& end_logits,
                                const SquadAnswerOptions& options) {
  TORCH_CHECK(options.n_best > 0 && options.max_answer_length > 0, "answers have a token");
  const Tensor starts = checked_logits(start_logits, features, "start_logits");
  const Tensor ends = checked_logits(end_logits, features, "end_logits");
  std::vector<Best> best(dataset.questions.size());
  for (std::size_t i = 0; i < features.windows.size(); ++i) {
    const SquadWindow& window = features.windows[i];
    const auto offset = static_cast<std::int64_t>(i) * starts.size(1);
    look_at(window,
            starts.data_ptr<float>() + offset,
            ends.data_ptr<float>() + offset,
            options,
            best.at(window.question));
  }
  const bool may_be_none = dataset.has_unanswerable();
  SquadPredictions predictions;
  for (std::size_t i = 0; i < best.size(); ++i) {
    const SquadQuestion& question = dataset.questions[i];
    const bool is_none = !best[i].is_found || (may_be_none && best[i].null_score - best[i].score >
                                                                  options.null_threshold);
    const TextRange& range = best[i].range;
    predictions[question.id] =
        is_none ? ""
                : dataset.contexts[question.context].substr(range.begin, range.end - range.begin);
  }
  return predictions;
}

}  // namespace crossloom
