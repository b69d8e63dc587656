#include "crossloom/data/wordpiece.h"

#include <algorithm>

#include "crossloom/core/errors.h"
#include "crossloom/core/files.h"
#include "crossloom/data/unicode_text.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxWordCharacters = 100;

bool is_space(char32_t code) {
  return code == '\t' || code == '\n' || code == '\r' || code == 0x2028 || code == 0x2029 ||
         is_space_separator(code);
}

bool is_dropped(char32_t code) {
  return code == 0 || code == 0xfffd || is_control(code);
}

/// Every visible ASCII character that is neither letter nor digit counts, such as $ and ^.
bool is_separate(char32_t code) {
  const bool is_ascii_symbol = (code >= 33 && code <= 47) || (code >= 58 && code <= 64) ||
                               (code >= 91 && code <= 96) || (code >= 123 && code <= 126);
  return is_ascii_symbol || is_punctuation(code);
}

/// The blocks of Chinese characters as BERT lists them (not Kana, not Hangul).
bool is_cjk(char32_t code) {
  return (code >= 0x4e00 && code <= 0x9fff) || (code >= 0x3400 && code <= 0x4dbf) ||
         (code >= 0x20000 && code <= 0x2a6df) || (code >= 0x2a700 && code <= 0x2b73f) ||
         (code >= 0x2b740 && code <= 0x2b81f) || (code >= 0x2b820 && code <= 0x2ceaf) ||
         (code >= 0xf900 && code <= 0xfaff) || (code >= 0x2f800 && code <= 0x2fa1f);
}

/// The small letters of `code` without their accents; may be none.
std::u32string plain(char32_t code) {
  std::u32string letters;
  for (const char32_t part : decomposed(lower_case(code))) {
    if (!is_mark(part)) letters += part;
  }
  return letters;
}

}  // namespace

/// Characters of one word in small letters, each with the range of the text that it came from.
struct WordPiece::Word {
  std::vector<std::string> characters;  // UTF-8
  std::vector<TextRange> ranges;

  void add(char32_t code, const TextRange& range) {
    characters.emplace_back();
    append_utf8(code, characters.back());
    ranges.push_back(range);
  }
};

WordPiece::WordPiece(std::string_view vocabulary, const fs::path& path) {
  const auto refuse = [&path](const std::string& why) {
    throw ConfigError(path.string() + " is not a usable vocabulary (" + why +
                      "); give the vocab.txt of an uncased BERT");
  };
  while (!vocabulary.empty()) {
    const std::size_t end = std::min(vocabulary.find('\n'), vocabulary.size());
    std::string token(vocabulary.substr(0, end));
    if (!token.empty() && token.back() == '\r') token.pop_back();
    vocabulary.remove_prefix(std::min(end + 1, vocabulary.size()));
    longest_piece_ = std::max(longest_piece_, token.size());
    const auto id = static_cast<std::int64_t>(ids_.size());
    if (!ids_.emplace(token, id).second) {
      refuse("line " + std::to_string(id + 1) + ": '" + token + "' is there twice");
    }
  }
  const auto special = [&](const char* token) {
    const auto found = ids_.find(token);
    if (found == ids_.end()) refuse(std::string("it lacks ") + token);
    return found->second;
  };
  pad_ = special("[PAD]");
  unk_ = special("[UNK]");
  cls_ = special("[CLS]");
  sep_ = special("[SEP]");
}

WordPiece WordPiece::read(const fs::path& path) {
  return {read_file(path), path};
}

std::vector<Token> WordPiece::tokenize(std::string_view text) const {
  std::vector<Token> tokens;
  Word word;
  const auto finish_word = [&] {
    add_pieces(word, tokens);
    word = {};
  };
  for (const Character& character : characters_of(text)) {
    const TextRange range{character.begin, character.end};
    if (is_space(character.code)) {  // first, since tabs and ends of lines are controls
      finish_word();
      continue;
    }
    if (is_dropped(character.code)) continue;
    if (is_cjk(character.code)) finish_word();
    for (const char32_t code : plain(character.code)) {
      if (is_separate(code)) finish_word();
      word.add(code, range);
      if (is_separate(code)) finish_word();
    }
    if (is_cjk(character.code)) finish_word();
  }
  finish_word();
  return tokens;
}

void WordPiece::add_pieces(const Word& word, std::vector<Token>& tokens) const {
  const std::size_t size = word.characters.size();
  const std::size_t num_before = tokens.size();
  const auto is_unknown = [&] {
    tokens.resize(num_before);
    tokens.push_back({unk_, {word.ranges.front().begin, word.ranges.back().end}});
  };
  if (size > kMaxWordCharacters) return is_unknown();
  for (std::size_t begin = 0; begin < size;) {
    std::string piece = begin == 0 ? "" : "##";
    std::int64_t longest = -1;
    std::size_t longest_end = begin;
    for (std::size_t end = begin; end < size && piece.size() < longest_piece_; ++end) {
      piece += word.characters[end];
      const auto found = ids_.find(piece);
      if (found == ids_.end()) continue;
      longest = found->second;
      longest_end = end + 1;
    }
    if (longest < 0) return is_unknown();
    tokens.push_back({longest, {word.ranges[begin].begin, word.ranges[longest_end - 1].end}});
    begin = longest_end;
  }
}

}  // namespace crossloom
