#include "crossloom/data/squad_metric.h"

#include "crossloom/core/errors.h"
#include "crossloom/data/data_testing.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

TEST(NormalizeAnswer, EqualsPythonsOutsideAscii) {
  // From normalize_answer of evaluate-v2.0.py with Python 3.11.
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"The  Cat's, a \"hat\"!", "cats hat"},
      {"a-n apple", "apple"},
      {"\u038c\u03a3\u039f\u03a3 \u0391\u03a3", "\u03cc\u03c3\u03bf\u03c2 \u03b1\u03c2"},
      {"\u0130x", "i\u0307x"},
      {"a\u0301 the\u0301", "\u0301 \u0301"},
      {"the\u00a0a\u2003b an", "b"},
      {"_a_ U.S.A.", "usa"},
      {"\u00bd a \u00b2", "\u00bd \u00b2"},
      {"\uff21 a", "\uff41"},
      {"\u201cThe\u201d end\u2014a", "\u201c \u201d end\u2014"},
      {"a\u0085b\u200bc the_an", "b\u200bc thean"},
      {"\u00c7A \u00c0 THE", "\u00e7a \u00e0"},
      {"a1 the2 \u00aaa", "a1 the2 \u00aaa"},
      {"", ""}};
  for (const auto& [answer, normalized] : expected) EXPECT_EQ(normalize_answer(answer), normalized);
}

SquadDataset one_question(const std::vector<std::string>& answers) {
  return {{"context"}, {{"id", "question", 0, answers}}};
}

double f1_of(const std::vector<std::string>& answers, const std::string& given) {
  return score_predictions(one_question(answers), {{"id", given}}).all.f1;
}

TEST(SquadMetric, F1CountsRepeatedWordsAsOftenAsBothHaveThem) {
  // 1 of 3 words given, 1 of 2 accepted: 2 (1/3) (1/2) / (1/3 + 1/2) = 0.4.
  EXPECT_DOUBLE_EQ(f1_of({"x y"}, "x x x"), 40);
  EXPECT_DOUBLE_EQ(f1_of({"x y", "x"}, "x"), 100);
  EXPECT_DOUBLE_EQ(f1_of({"x y"}, "z"), 0);
}

TEST(SquadMetric, AnUnanswerableQuestionWantsNoAnswer) {
  EXPECT_DOUBLE_EQ(f1_of({}, ""), 100);
  EXPECT_DOUBLE_EQ(f1_of({}, "x"), 0);
  EXPECT_DOUBLE_EQ(f1_of({"the"}, ""), 100);  // nothing is left of it
  EXPECT_DOUBLE_EQ(f1_of({"x"}, ""), 0);
}

TEST(SquadMetric, GroupsThatAreEmptyAreAbsent) {
  const SquadScores scores = score_predictions(one_question({"x"}), {{"id", "x"}, {"other", ""}});
  EXPECT_EQ(scores.all.total, 1);
  EXPECT_TRUE(scores.has_answer.has_value());
  EXPECT_FALSE(scores.no_answer.has_value());
}

TEST(SquadMetric, RefusesAMissingPrediction) {
  const std::string text = message_of<ConfigError>([] {
    score_predictions(one_question({"x"}), {{"other", "x"}});
  });
  EXPECT_NE(text.find("1 of 1 questions have no answer there, the first is 'id'"),
            std::string::npos)
      << text;
  EXPECT_THROW(score_predictions({}, {}), ConfigError);
}

TEST(SquadMetric, ReproducesThePublishedScoresOfNlnet) {
  const fs::path dev = find_data("squad/dev-v2.0-reconstructed.json");
  const fs::path predictions = find_data("squad/predictions_nlnet.json");
  CROSSLOOM_NEEDS_DATA(dev);
  CROSSLOOM_NEEDS_DATA(predictions);
  const SquadScores scores = score_predictions(read_squad(dev), read_predictions(predictions));
  // As evaluate-v2.0.py prints them.
  EXPECT_NEAR(scores.all.exact, 75.82750779078582, 1e-12);
  EXPECT_NEAR(scores.all.f1, 78.77776770381462, 1e-12);
  EXPECT_EQ(scores.all.total, 11873);
  ASSERT_TRUE(scores.has_answer && scores.no_answer);
  EXPECT_NEAR(scores.has_answer->exact, 69.61875843454791, 1e-12);
  EXPECT_NEAR(scores.has_answer->f1, 75.52773885752187, 1e-12);
  EXPECT_EQ(scores.has_answer->total, 5928);
  EXPECT_NEAR(scores.no_answer->exact, 82.01850294365012, 1e-12);
  EXPECT_NEAR(scores.no_answer->f1, 82.01850294365012, 1e-12);
  EXPECT_EQ(scores.no_answer->total, 5945);
}

}  // namespace
}  // namespace crossloom
