#include "crossloom/data/squad_features.h"

#include <limits>

#include "crossloom/core/errors.h"
#include "crossloom/data/data_testing.h"
#include "crossloom/data/squad_metric.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;
using Ids = std::vector<std::int64_t>;

/// A vocabulary of the letters: 'a' is 4.
WordPiece letters() {
  std::string vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n";
  for (char letter = 'a'; letter <= 'z'; ++letter) vocabulary += std::string(1, letter) + "\n";
  return {vocabulary, "vocab.txt"};
}

SquadDataset squad_of(const std::string& context, const std::vector<std::string>& answers) {
  return {{context}, {{"id", "x y z", 0, answers}}};
}

Ids row(const Tensor& tensor, std::int64_t i) {
  const auto* const data = tensor.data_ptr<std::int64_t>() + i * tensor.size(1);
  return {data, data + tensor.size(1)};
}

TEST(SquadFeatures, AWindowIsQuestionAndContext) {
  const SquadFeatures features =
      make_squad_features(squad_of("a b c", {"b"}), letters(), {11, 2, 4});
  ASSERT_EQ(features.windows.size(), 1);
  EXPECT_EQ(row(features.input_ids, 0), (Ids{2, 27, 28, 29, 3, 4, 5, 6, 3, 0, 0}));
  EXPECT_EQ(row(features.attention_mask, 0), (Ids{1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0}));
  EXPECT_EQ(row(features.token_type_ids, 0), (Ids{0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0}));
  EXPECT_EQ(features.windows[0].first_token, 5);
  EXPECT_EQ(features.windows[0].context[1].begin, 2);
}

TEST(SquadFeatures, LongContextsTakeSeveralWindows) {
  // 10 - 3 - 3 = 4 tokens of the paragraph in each window.
  const SquadFeatures features =
      make_squad_features(squad_of("a b c d e f g", {"b"}), letters(), {10, 2, 3});
  ASSERT_EQ(features.windows.size(), 3);
  EXPECT_EQ(row(features.input_ids, 0), (Ids{2, 27, 28, 29, 3, 4, 5, 6, 7, 3}));
  EXPECT_EQ(row(features.input_ids, 1), (Ids{2, 27, 28, 29, 3, 6, 7, 8, 9, 3}));
  EXPECT_EQ(row(features.input_ids, 2), (Ids{2, 27, 28, 29, 3, 8, 9, 10, 3, 0}));
}

TEST(SquadFeatures, AnswersStandWhereTheirWindowHasThem) {
  const SquadDataset squad = squad_of("a b c d e f g", {"d e"});
  // Windows of a b c d, c d e f and e f g: the second alone has all of the answer.
  const SquadFeatures features = make_squad_features(squad, letters(), {10, 2, 3});
  const Tensor positions = answer_positions(squad, features);
  EXPECT_TRUE(positions.equal(at::tensor({0, 0, 6, 7, 0, 0}, at::kLong).view({3, 2})));
  // Logits of these positions are read back as the answer.
  Tensor starts = at::zeros(features.input_ids.sizes());
  Tensor ends = at::zeros(features.input_ids.sizes());
  starts[1][positions[1][0]] = ends[1][positions[1][1]] = 9;
  EXPECT_EQ(choose_answers(squad, features, starts, ends, {}).at("id"), "d e");
  const SquadDataset none = squad_of("a b c", {});
  EXPECT_EQ(answer_positions(none, make_squad_features(none, letters(), {10, 2, 3}))
                .abs()
                .sum()
                .item<std::int64_t>(),
            0);
}

TEST(SquadFeatures, LongQuestionsAreCut) {
  const SquadFeatures features = make_squad_features(squad_of("a", {"a"}), letters(), {10, 2, 2});
  EXPECT_EQ(row(features.input_ids, 0), (Ids{2, 27, 28, 3, 4, 3, 0, 0, 0, 0}));
}

TEST(SquadFeatures, AnEmptyContextHasOneWindowAndNoAnswer) {
  const SquadDataset squad = squad_of("", {"a"});
  const SquadFeatures features = make_squad_features(squad, letters(), {10, 2, 3});
  ASSERT_EQ(features.windows.size(), 1);
  const Tensor zeros = at::zeros({1, 10});
  EXPECT_EQ(choose_answers(squad, features, zeros, zeros, {}).at("id"), "");
}

TEST(SquadFeatures, RefusesOptionsThatLoseTokens) {
  const auto refusal = [](const SquadWindowOptions& options) {
    return message_of<ConfigError>(
        [&] { make_squad_features(squad_of("a", {"a"}), letters(), options); });
  };
  EXPECT_NE(refusal({67, 1, 64}).find("invalid max_seq_length = 67"), std::string::npos);
  EXPECT_NE(refusal({10, 0, 3}).find("invalid doc_stride = 0"), std::string::npos);
  EXPECT_NE(refusal({10, 5, 3}).find("give 1 to 4"), std::string::npos);
}

/// Three windows over "a b c d e f g": tokens a b c d, c d e f, e f g from position 5.
class ChooseAnswers : public testing::Test {
 protected:
  std::string answer(const SquadAnswerOptions& options = {}) const {
    return choose_answers(squad_, features_, starts_, ends_, options).at("id");
  }

  void allow_no_answer() { squad_.questions.push_back({"other", "x y z", 0, {}}); }

  SquadDataset squad_ = squad_of("a b c d e f g", {"b"});
  const SquadFeatures features_ = make_squad_features(squad_, letters(), {10, 2, 3});
  Tensor starts_ = at::zeros({3, 10});
  Tensor ends_ = at::zeros({3, 10});
};

TEST_F(ChooseAnswers, TheBestPieceOfAllWindowsWins) {
  starts_[0][5] = 2;
  ends_[0][6] = 2;
  EXPECT_EQ(answer(), "a b");
  starts_[1][7] = 3;
  ends_[1][8] = 2;
  EXPECT_EQ(answer(), "e f");
}

TEST_F(ChooseAnswers, NeitherQuestionNorEndsBeforeStartsCount) {
  starts_[0][1] = 9;
  ends_[0][2] = 9;
  starts_[0][8] = 5;  // d
  ends_[0][5] = 5;    // a
  ends_[0][8] = 1;
  EXPECT_EQ(answer(), "d");
}

TEST_F(ChooseAnswers, LongPiecesDoNotCount) {
  starts_[0][5] = 2;
  ends_[0][7] = 2;
  EXPECT_EQ(answer({20, 3, 0}), "a b c");
  EXPECT_NE(answer({20, 2, 0}), "a b c");
}

TEST_F(ChooseAnswers, OnlyTheBestStartsAndEndsAreTried) {
  starts_[0][8] = 3;  // best start: d; best end: a
  ends_[0][5] = 3;
  starts_[1].fill_(-9);
  starts_[2].fill_(-9);
  EXPECT_EQ(answer({2, 30, 0}), "a");
}

TEST_F(ChooseAnswers, NoAnswerMustBeAllowedAndBeatTheThreshold) {
  starts_[0][5] = 2;
  ends_[0][5] = 2;
  for (std::int64_t window = 0; window < 3; ++window) starts_[window][0] = 5 + window;
  EXPECT_EQ(answer(), "a");  // each question of SQuAD 1.1 has an answer
  allow_no_answer();
  EXPECT_EQ(answer(), "");
  EXPECT_EQ(answer({20, 30, 1}), "a");  // 5 - 4 is not above 1
  starts_[2][0] = 3;                    // the least score of [CLS] counts
  EXPECT_EQ(answer(), "a");
}

TEST_F(ChooseAnswers, RefusesNan) {
  ends_[2][0] = std::numeric_limits<double>::quiet_NaN();
  const std::string text = message_of<ConfigError>([this] { answer(); });
  EXPECT_NE(text.find("end_logits hold a NaN"), std::string::npos) << text;
}

/// Raises the logits of the tokens that hold the first accepted answer of each question, and those
/// of [CLS] where there is none.
void point_at_answers(const SquadDataset& squad,
                      const SquadFeatures& features,
                      Tensor& starts,
                      Tensor& ends) {
  for (std::size_t i = 0; i < features.windows.size(); ++i) {
    const SquadWindow& window = features.windows[i];
    const SquadQuestion& question = squad.questions[window.question];
    auto* const start = starts.data_ptr<float>() + static_cast<std::int64_t>(i) * starts.size(1);
    auto* const end = ends.data_ptr<float>() + static_cast<std::int64_t>(i) * ends.size(1);
    if (question.answers.empty()) {
      start[0] = end[0] = 1;
      continue;
    }
    const std::size_t begin_byte = squad.contexts[question.context].find(question.answers[0]);
    const std::size_t end_byte = begin_byte + question.answers[0].size();
    for (std::size_t t = 0; t < window.context.size(); ++t) {
      const auto position = window.first_token + static_cast<std::int64_t>(t);
      const TextRange& range = window.context[t];
      if (range.begin <= begin_byte && begin_byte < range.end) start[position] = 1;
      if (range.begin < end_byte && end_byte <= range.end) end[position] = 1;
    }
  }
}

TEST(SquadFeatures, ThePerfectReaderOfTheDevSetIsNearlyAlwaysRight) {
  const fs::path vocabulary = find_data("squad/bert_uncased_vocab.txt");
  const fs::path dev = find_data("squad/dev-v2.0-reconstructed.json");
  CROSSLOOM_NEEDS_DATA(vocabulary);
  CROSSLOOM_NEEDS_DATA(dev);
  const SquadDataset squad = read_squad(dev);
  const SquadFeatures features = make_squad_features(squad, WordPiece::read(vocabulary), {});
  EXPECT_EQ(features.windows.size(), 12232);  // counted with run_squad.py's rule in Python
  Tensor starts = at::zeros({static_cast<std::int64_t>(features.windows.size()), 384});
  Tensor ends = at::zeros_like(starts);
  point_at_answers(squad, features, starts, ends);
  SquadAnswerOptions options;
  options.max_answer_length = 100;
  const SquadScores scores =
      score_predictions(squad, choose_answers(squad, features, starts, ends, options));
  // The rest are answers that end inside a token.
  EXPECT_GT(scores.has_answer->exact, 99);
  EXPECT_EQ(scores.no_answer->exact, 100);
}

}  // namespace
}  // namespace crossloom
