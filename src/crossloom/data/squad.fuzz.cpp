#include <cstdlib>

#include "crossloom/core/errors.h"
#include "crossloom/data/squad_features.h"
#include "crossloom/data/squad_metric.h"

namespace {

/// Cuts the questions into windows and scores the first accepted answer of each.
void use(const crossloom::SquadDataset& squad) {
  static const crossloom::WordPiece tokenizer("[PAD]\n[UNK]\n[CLS]\n[SEP]\na\nb\n##b\n", "vocab");
  const crossloom::SquadFeatures features =
      crossloom::make_squad_features(squad, tokenizer, {16, 4, 6});
  crossloom::choose_answers(squad,
                            features,
                            at::zeros(features.input_ids.sizes()),
                            at::zeros(features.input_ids.sizes()),
                            {});
  crossloom::SquadPredictions predictions;
  for (const crossloom::SquadQuestion& question : squad.questions) {
    predictions[question.id] = question.answers.empty() ? "" : question.answers.front();
  }
  if (crossloom::score_predictions(squad, predictions).all.f1 > 100) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const char* data, std::size_t size) {
  try {
    crossloom::parse_predictions({data, size}, "file");
  } catch (const crossloom::ConfigError&) {
  }
  try {
    use(crossloom::parse_squad({data, size}, "file"));
  } catch (const crossloom::ConfigError&) {
  }
  return 0;
}
