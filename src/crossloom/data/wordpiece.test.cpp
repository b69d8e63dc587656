#include "crossloom/data/wordpiece.h"

#include "crossloom/core/errors.h"
#include "crossloom/core/files.h"
#include "crossloom/data/data_testing.h"
#include "crossloom/data/squad.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

const std::string kVocabulary =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\nun\n##aff\n##able\n##a\naffable\n,\nhello\n$\n\u4e2d\ni";

std::vector<std::int64_t> ids(const std::vector<Token>& tokens) {
  std::vector<std::int64_t> result;
  for (const Token& token : tokens) result.push_back(token.id);
  return result;
}

using Ids = std::vector<std::int64_t>;

class WordPieceTest : public testing::Test {
 protected:
  Ids tokenize(const std::string& text) const { return ids(tokenizer_.tokenize(text)); }

  const WordPiece tokenizer_{kVocabulary, "vocab.txt"};
};

TEST_F(WordPieceTest, TakesTheLongestPieces) {
  EXPECT_EQ(tokenize("unaffable"), (Ids{4, 5, 6}));
  EXPECT_EQ(tokenize("una affable"), (Ids{4, 7, 8}));
}

TEST_F(WordPieceTest, AWordWithAnUnknownRestIsUnknownAsAWhole) {
  EXPECT_EQ(tokenize("unx hello"), (Ids{1, 10}));
  EXPECT_EQ(tokenize("Zebra"), (Ids{1}));
}

TEST_F(WordPieceTest, ALongWordIsUnknown) {
  std::string vocabulary = kVocabulary + "\nx\n##x\n";
  const WordPiece tokenizer(vocabulary, "vocab.txt");
  EXPECT_EQ(tokenizer.tokenize(std::string(100, 'x')).size(), 100);
  EXPECT_EQ(ids(tokenizer.tokenize(std::string(101, 'x'))), (Ids{1}));
}

TEST_F(WordPieceTest, PunctuationAndChineseAreWordsOfTheirOwn) {
  EXPECT_EQ(tokenize("hello,hello$"), (Ids{10, 9, 10, 11}));
  EXPECT_EQ(tokenize("hello\u4e2dhello"), (Ids{10, 12, 10}));
}

TEST_F(WordPieceTest, CaseAccentsAndControlsDoNotMatter) {
  EXPECT_EQ(tokenize("H\u00c9llo"), (Ids{10}));
  EXPECT_EQ(tokenize("HE\u0301LLO"), (Ids{10}));
  EXPECT_EQ(tokenize("\u0130"), (Ids{13}));
  EXPECT_EQ(tokenize("he\u00adl\u200blo\u2028hello"), (Ids{10, 10}));
  EXPECT_EQ(tokenize(std::string("he\0llo\xff", 7)), (Ids{10}));
  EXPECT_EQ(tokenize("hello\thello\nhello"), (Ids{10, 10, 10}));
  EXPECT_EQ(tokenize(" \t\u00a0\u0301"), (Ids{}));
}

TEST_F(WordPieceTest, RangesLeadBackToTheText) {
  const std::string text = "  H\u00c9llo,\u4e2d una";
  std::vector<std::string> parts;
  for (const Token& token : tokenizer_.tokenize(text)) {
    parts.push_back(text.substr(token.range.begin, token.range.end - token.range.begin));
  }
  EXPECT_EQ(parts, (std::vector<std::string>{"H\u00c9llo", ",", "\u4e2d", "un", "a"}));
}

TEST_F(WordPieceTest, RefusesAVocabularyWithoutSpecialTokensOrWithDoubles) {
  const auto refusal = [](const std::string& vocabulary) {
    return message_of<ConfigError>([&] { WordPiece(vocabulary, "vocab.txt"); });
  };
  EXPECT_EQ(refusal("[PAD]\n[UNK]\n[CLS]\n").find("vocab.txt is not a usable vocabulary (it lacks"),
            0);
  EXPECT_NE(refusal("").find("it lacks [PAD]"), std::string::npos);
  EXPECT_NE(refusal("a\nb\na\n").find("line 3: 'a' is there twice"), std::string::npos);
}

TEST(BertVocabulary, GivesTheIdsOfTheReference) {
  const fs::path path = find_data("squad/bert_uncased_vocab.txt");
  CROSSLOOM_NEEDS_DATA(path);
  const WordPiece tokenizer = WordPiece::read(path);
  EXPECT_EQ(tokenizer.vocabulary_size(), 30522);
  EXPECT_EQ(tokenizer.cls(), 101);
  // From tokenization.py of google-research/bert, rewritten for Python 3.
  const std::vector<std::pair<std::string, Ids>> expected = {
      {"H\u00e9llo, WORLD!", {7592, 1010, 2088, 999}},
      {"na\u00efve \u00c5ngstr\u00f6m \u00c0\u00c9\u00ce", {15743, 17076, 15687, 29347, 2072}},
      {"\u4e2d\u6587\u5b57 ab", {1746, 1861, 100, 11113}},
      {"\u201cquotes\u201d \u2014 5\u00b0C \u20ac30 x\u00b2",
       {1523, 16614, 1524, 1517, 1019, 7737, 2278, 1574, 14142, 1060, 10701}},
      {"\ufb01ne \u0130stanbul", {1984, 2638, 9960}},
      {"\ud55c\uad6d\uc5b4", {1469, 30006, 30021, 29991, 30014, 30020, 29999, 30008}},
      {"unaffable embeddings", {14477, 20961, 3468, 7861, 8270, 4667, 2015}}};
  for (const auto& [text, wanted] : expected) EXPECT_EQ(ids(tokenizer.tokenize(text)), wanted);
}

TEST(BertVocabulary, SplitsTheDevSetOfSquadAsTheReferenceDoes) {
  const fs::path vocabulary = find_data("squad/bert_uncased_vocab.txt");
  const fs::path dev = find_data("squad/dev-v2.0-reconstructed.json");
  CROSSLOOM_NEEDS_DATA(vocabulary);
  CROSSLOOM_NEEDS_DATA(dev);
  const WordPiece tokenizer = WordPiece::read(vocabulary);
  const SquadDataset squad = read_squad(dev);
  std::string lines;  // ids of each paragraph, followed by those of its questions
  const auto add_line = [&](const std::string& text) {
    std::string line;
    for (const Token& token : tokenizer.tokenize(text)) {
      line += (line.empty() ? "" : " ") + std::to_string(token.id);
    }
    lines += (lines.empty() ? "" : "\n") + line;
  };
  std::size_t next_context = 0;
  for (const SquadQuestion& question : squad.questions) {
    while (next_context <= question.context) add_line(squad.contexts[next_context++]);
    add_line(question.text);
  }
  // Of the 343 016 ids that tokenization.py gives, rewritten for Python 3.
  EXPECT_EQ(sha256(lines), "925dbad452b9501ae5210ae5a62cb58db1f20318c864ac2804077cb664f64f57");
}

}  // namespace
}  // namespace crossloom
