#pragma once

#include <cstdint>
#include <vector>

#include <ATen/ATen.h>

#include "crossloom/data/squad.h"
#include "crossloom/data/wordpiece.h"

namespace crossloom {

using at::Tensor;

/// How questions and paragraphs are cut to the length that a network takes.
struct SquadWindowOptions {
  std::int64_t max_seq_length = 384;   // tokens of a window, the special ones included
  std::int64_t doc_stride = 128;       // tokens from the start of one window to the next
  std::int64_t max_query_length = 64;  // tokens of a question; the rest is dropped
};

/// One window: [CLS] question [SEP] part of the paragraph [SEP], then padding.
struct SquadWindow {
  std::size_t question = 0;        // index in the data set
  std::int64_t first_token = 0;    // position of the first token of the paragraph
  std::vector<TextRange> context;  // where each token of the paragraph stands in it
};

/// The windows of all questions, in their order: inputs of a network. L is `max_seq_length`.
struct SquadFeatures {
  Tensor input_ids;       // [F, L]  int64
  Tensor attention_mask;  // [F, L]  int64  1 for tokens, 0 for padding
  Tensor token_type_ids;  // [F, L]  int64  1 for the paragraph and the [SEP] behind it
  std::vector<SquadWindow> windows;
};

/// Windows over each paragraph, as many as it needs. Throws `ConfigError` when the options leave no
/// room for the paragraph.
SquadFeatures make_squad_features(const SquadDataset& dataset,
                                  const WordPiece& tokenizer,
                                  const SquadWindowOptions& options);

/// Where the first accepted answer to each question stands in its window: [F, 2], int64, its first
/// and last token; [CLS], 0, where there is none or the window does not hold all of it. It is taken
/// to be the first such text of the paragraph.
Tensor answer_positions(const SquadDataset& dataset, const SquadFeatures& features);

/// How an answer is chosen.
struct SquadAnswerOptions {
  std::int64_t n_best = 20;             // starts and ends that are tried in each window
  std::int64_t max_answer_length = 30;  // tokens
  double null_threshold = 0;            // see below
};

/// The answer to each question from the network's outputs.
///
/// The score of a piece of the paragraph is start_logits at its first token + end_logits at its
/// last; the best piece of all windows of a question wins. Where the data set has unanswerable
/// questions, the answer is "" if
///
///   (least score of [CLS] over the windows) - (best score of a piece) > null_threshold
///
///   start_logits, end_logits  [F, L]  float
///
/// Throws `ConfigError` when a logit is NaN.
/// Source: run_squad.py of BERT (google-research/bert), without its rule that a piece counts only
/// in the window that shows most of its surroundings; run_qa.py of Transformers does the same.
SquadPredictions choose_answers(const SquadDataset& dataset,
                                const SquadFeatures& features,
                                const Tensor& start_logits,
                                const Tensor& end_logits,
                                const SquadAnswerOptions& options);

}  // namespace crossloom
