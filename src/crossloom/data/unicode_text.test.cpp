#include "crossloom/data/unicode_text.h"

#include <gtest/gtest.h>

namespace crossloom {
namespace {

TEST(UnicodeText, CharactersKnowTheirBytes) {
  const std::vector<Character> characters = characters_of("a\u00e9\u20ac\U0001f600");
  ASSERT_EQ(characters.size(), 4);
  EXPECT_EQ(characters[1].code, U'\u00e9');
  EXPECT_EQ(characters[1].begin, 1);
  EXPECT_EQ(characters[3].code, U'\U0001f600');
  EXPECT_EQ(characters[3].end, 10);
}

TEST(UnicodeText, EachByteOutsideACharacterIsAReplacement) {
  // A lone continuation, a character cut short, an overlong form, a surrogate.
  for (const std::string bytes : {"\x80", "\xe2\x82", "\xc0\xaf", "\xed\xa0\x80", "\xff\xfe"}) {
    const std::vector<Character> characters = characters_of(bytes);
    ASSERT_EQ(characters.size(), bytes.size());
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      EXPECT_EQ(characters[i].code, U'\ufffd');
      EXPECT_EQ(characters[i].begin, i);
      EXPECT_EQ(characters[i].end, i + 1);
    }
  }
}

TEST(UnicodeText, EveryCharacterSurvivesUtf8) {
  for (char32_t code = 1; code < 0x110000; ++code) {
    if (code >= 0xd800 && code < 0xe000) continue;  // no characters
    std::string text;
    append_utf8(code, text);
    const std::vector<Character> characters = characters_of(text);
    ASSERT_EQ(characters.size(), 1) << static_cast<unsigned>(code);
    ASSERT_EQ(characters[0].code, code);
  }
}

TEST(UnicodeText, DecompositionGoesToTheEnd) {
  EXPECT_EQ(decomposed(U'x'), U"x");
  EXPECT_EQ(decomposed(U'\u1e69'), U"s\u0323\u0307");
  EXPECT_EQ(decomposed(U'\ud55c'), U"\u1112\u1161\u11ab");  // Hangul
}

}  // namespace
}  // namespace crossloom
