#include "crossloom/data/unicode_text.h"

#include <memory>

#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/utf8.h>

#include "crossloom/core/errors.h"

namespace crossloom {
namespace {

void check(UErrorCode status) {
  if (U_FAILURE(status)) {
    throw IoError(std::string("ICU failed (") + u_errorName(status) +
                  "); check the installation of libicu");
  }
}

const icu::Normalizer2& decomposer() {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* const found = icu::Normalizer2::getNFDInstance(status);
  check(status);
  return *found;
}

bool has_category(char32_t code, std::uint32_t mask) {
  return (U_GET_GC_MASK(static_cast<UChar32>(code)) & mask) != 0;
}

}  // namespace

std::vector<Character> characters_of(std::string_view text) {
  std::vector<Character> characters;
  characters.reserve(text.size());
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t begin = at;
    UChar32 code = 0;
// The macro narrows integers.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
    U8_NEXT(text.data(), at, text.size(), code);
#pragma GCC diagnostic pop
    if (code < 0) at = begin + 1;
    characters.push_back({code < 0 ? U'\ufffd' : static_cast<char32_t>(code), begin, at});
  }
  return characters;
}

void append_utf8(char32_t code, std::string& text) {
  char bytes[U8_MAX_LENGTH];
  std::size_t size = 0;
  U8_APPEND_UNSAFE(bytes, size, static_cast<UChar32>(code));
  text.append(bytes, size);
}

std::string lower_case(std::string_view text) {
  std::string lower;
  icu::StringByteSink<std::string> sink(&lower);
  UErrorCode status = U_ZERO_ERROR;
  icu::CaseMap::utf8ToLower("",
                            0,
                            icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())),
                            sink,
                            nullptr,
                            status);
  check(status);
  return lower;
}

char32_t lower_case(char32_t code) {
  return static_cast<char32_t>(u_tolower(static_cast<UChar32>(code)));
}

std::u32string decomposed(char32_t code) {
  icu::UnicodeString parts;
  if (!decomposer().getDecomposition(static_cast<UChar32>(code), parts)) return {code};
  std::u32string codes;
  for (std::int32_t i = 0; i < parts.length(); i = parts.moveIndex32(i, 1)) {
    codes += static_cast<char32_t>(parts.char32At(i));
  }
  return codes;
}

bool is_word_character(char32_t code) {
  return has_category(code, U_GC_L_MASK | U_GC_N_MASK);
}

bool is_punctuation(char32_t code) {
  return has_category(code, U_GC_P_MASK);
}

bool is_mark(char32_t code) {
  return has_category(code, U_GC_MN_MASK);
}

bool is_control(char32_t code) {
  return has_category(code, U_GC_CC_MASK | U_GC_CF_MASK);
}

bool is_space_separator(char32_t code) {
  return has_category(code, U_GC_ZS_MASK);
}

}  // namespace crossloom
