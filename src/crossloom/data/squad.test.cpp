#include "crossloom/data/squad.h"

#include "crossloom/core/errors.h"
#include "crossloom/core/files.h"
#include "crossloom/data/data_testing.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

std::string file_with(const std::string& paragraph) {
  return R"({"version": "v2.0", "data": [{"title": "T", "paragraphs": [)" + paragraph + "]}]}";
}

std::string refusal(const std::string& contents) {
  const std::string text = message_of<ConfigError>([&] { parse_squad(contents, "dev.json"); });
  EXPECT_EQ(text.find("dev.json cannot be used ("), 0) << text;
  EXPECT_NE(text.find("); give a file "), std::string::npos) << text;
  return text;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Squad, BothVersionsAreRead) {
  const SquadDataset squad = parse_squad(file_with(R"({"context": "One two.", "qas": [
        {"id": "a", "question": "One?", "answers": [{"text": "One", "answer_start": 0},
                                                    {"text": "two", "answer_start": 4}]},
        {"id": "b", "question": "Three?", "is_impossible": true, "answers": []}]},
        {"context": "\u00c4.", "qas": [{"id": "c", "question": "?", "answers": []}]})"),
                                         "dev.json");
  EXPECT_EQ(squad.contexts, (std::vector<std::string>{"One two.", "\u00c4."}));
  ASSERT_EQ(squad.questions.size(), 3);
  EXPECT_EQ(squad.questions[0].answers, (std::vector<std::string>{"One", "two"}));
  EXPECT_EQ(squad.questions[2].context, 1);
  EXPECT_TRUE(squad.has_unanswerable());
}

TEST(Squad, RefusesWhatIsNotOfItsForm) {
  EXPECT_TRUE(contains(refusal(""), "not valid JSON"));
  EXPECT_TRUE(contains(refusal("{\"data\": \"\xff\"}"), "not valid JSON"));
  EXPECT_TRUE(contains(refusal(std::string(100'000, '[')), "not valid JSON"));
  EXPECT_TRUE(contains(refusal("[]"), "it is not an object"));
  EXPECT_TRUE(contains(refusal("{}"), "data is missing"));
  EXPECT_TRUE(contains(refusal(R"({"data": {}})"), "data is not a list"));
  EXPECT_TRUE(contains(refusal(R"({"data": [{}]})"), "data[0].paragraphs is missing"));
  EXPECT_TRUE(contains(refusal(R"({"data": []})"), "there is no question"));
  EXPECT_TRUE(contains(refusal(file_with(R"({"context": 3, "qas": []})")),
                       "data[0].paragraphs[0].context is not a text"));
  EXPECT_TRUE(
      contains(refusal(file_with(R"({"context": "", "qas": [{"id": "a", "question": ""}]})")),
               "data[0].paragraphs[0].qas[0].answers is missing"));
}

TEST(Squad, RefusesDeeplyNestedFilesWithoutHarm) {
  const std::string nested = std::string(200'000, '[') + std::string(200'000, ']');
  EXPECT_TRUE(contains(refusal(nested), "it is not an object"));
}

TEST(Squad, RefusesAQuestionIdThatIsThereTwice) {
  const std::string question = R"({"id": "a", "question": "", "answers": []})";
  EXPECT_TRUE(
      contains(refusal(file_with(R"({"context": "", "qas": [)" + question + "," + question + "]}")),
               "the question id 'a' is there twice"));
}

class SquadFiles : public EmptyPlaces {};

TEST_F(SquadFiles, PredictionsSurviveBeingWritten) {
  const SquadPredictions predictions = {{"a", "two \"words\""}, {"b", ""}, {"c", "\u00c4\n"}};
  write_predictions("predictions.json", predictions);
  EXPECT_EQ(read_predictions("predictions.json"), predictions);
}

TEST_F(SquadFiles, OtherPredictionsAreRefused) {
  const auto refused = [](const std::string& contents) {
    return message_of<ConfigError>([&] { parse_predictions(contents, "p.json"); });
  };
  EXPECT_TRUE(contains(refused("{"), "p.json cannot be used (it is not valid JSON"));
  EXPECT_TRUE(contains(refused("[]"), "it is not an object"));
  EXPECT_TRUE(contains(refused(R"({"a": 1})"), "the answer to 'a' is not a text"));
}

TEST_F(SquadFiles, AMissingFileIsNamed) {
  EXPECT_TRUE(contains(message_of<ConfigError>([] { read_squad("no.json"); }), "no.json"));
}

TEST(SquadDevSet, HasItsPublishedCounts) {
  const fs::path path = find_data("squad/dev-v2.0-reconstructed.json");
  CROSSLOOM_NEEDS_DATA(path);
  const SquadDataset squad = read_squad(path);
  EXPECT_EQ(squad.contexts.size(), 1204);
  EXPECT_EQ(squad.questions.size(), 11873);
}

}  // namespace
}  // namespace crossloom
