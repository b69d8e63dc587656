#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace crossloom {

/// One Unicode character of a UTF-8 text, and where it stands there. A byte that begins no
/// well-formed character counts as one U+FFFD.
struct Character {
  char32_t code = 0;
  std::size_t begin = 0;  // [bytes]
  std::size_t end = 0;    // [bytes]
};

std::vector<Character> characters_of(std::string_view text);

/// Adds `code` in UTF-8.
void append_utf8(char32_t code, std::string& text);

/// `text` in lower case, by the rules that hold in every language; one character may become
/// several, and a final sigma is told from others, as in Python's `str.lower`.
std::string lower_case(std::string_view text);

/// The lower case of one character, without regard to its neighbours.
char32_t lower_case(char32_t code);

/// The canonical decomposition of one character: itself, or a base letter and its marks.
std::u32string decomposed(char32_t code);

/// General categories: letters and numbers; punctuation; marks that take no space; controls and
/// formats (Cc, Cf); separating spaces (Zs).
bool is_word_character(char32_t code);
bool is_punctuation(char32_t code);
bool is_mark(char32_t code);
bool is_control(char32_t code);
bool is_space_separator(char32_t code);

}  // namespace crossloom
