#include "crossloom/data/wordpiece.h"

#include <cstdlib>

#include "crossloom/core/errors.h"
#include "crossloom/data/squad_metric.h"

namespace {

/// Tokens follow one another within the text, as far as their first byte is concerned.
void check_ranges(const crossloom::WordPiece& tokenizer, std::string_view text) {
  std::size_t last_begin = 0;
  for (const crossloom::Token& token : tokenizer.tokenize(text)) {
    const bool is_inside = token.range.begin < token.range.end && token.range.end <= text.size();
    if (!is_inside || token.range.begin < last_begin) std::abort();
    if (token.id < 0 || token.id >= tokenizer.vocabulary_size()) std::abort();
    last_begin = token.range.begin;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const char* data, std::size_t size) {
  const std::string_view text(data, size);
  static const crossloom::WordPiece fixed("[PAD]\n[UNK]\n[CLS]\n[SEP]\na\nb\n##b\n##aa\n.\n", "v");
  check_ranges(fixed, text);
  crossloom::normalize_answer(text);
  try {
    check_ranges(crossloom::WordPiece(text, "file"), text);
  } catch (const crossloom::ConfigError&) {
  }
  return 0;
}
