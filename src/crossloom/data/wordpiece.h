#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace crossloom {

/// Bytes [begin, end) of a text in UTF-8.
struct TextRange {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// A piece of a word, and where it stands in the text.
struct Token {
  std::int64_t id = 0;
  TextRange range;
};

/// Splits text into the tokens of BERT's uncased networks.
///
/// First into words: controls are dropped, letters made small and their accents removed, words
/// split at spaces, and every punctuation mark and CJK character made a word of its own. Then each
/// word into the longest pieces that the vocabulary has, from its beginning; pieces that continue a
/// word begin with "##" there. A word that cannot be split so, or has more than 100 characters, is
/// one [UNK].
///
/// Letters are made small one by one (a final sigma is like others), as in the tokenizers library.
/// Source: J. Devlin et al., "BERT: Pre-training of deep bidirectional transformers for language
/// understanding", 2019, arXiv:1810.04805, and its tokenization.py.
class WordPiece {
 public:
  /// The vocabulary in the contents of a file with one token per line, whose id is its number from
  /// 0. `path` is for the messages. Throws `ConfigError` when a token is there twice or one of
  /// [PAD], [UNK], [CLS], [SEP] is not.
  WordPiece(std::string_view vocabulary, const std::filesystem::path& path);

  /// The same from the file at `path`.
  static WordPiece read(const std::filesystem::path& path);

  std::vector<Token> tokenize(std::string_view text) const;

  std::int64_t vocabulary_size() const { return static_cast<std::int64_t>(ids_.size()); }
  std::int64_t pad() const { return pad_; }
  std::int64_t cls() const { return cls_; }
  std::int64_t sep() const { return sep_; }

 private:
  struct Word;

  void add_pieces(const Word& word, std::vector<Token>& tokens) const;

  std::unordered_map<std::string, std::int64_t> ids_;
  std::size_t longest_piece_ = 0;  // [bytes]
  std::int64_t pad_ = 0;
  std::int64_t unk_ = 0;
  std::int64_t cls_ = 0;
  std::int64_t sep_ = 0;
};

}  // namespace crossloom
