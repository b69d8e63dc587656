#pragma once

#include <filesystem>
#include <string>

#include "crossloom/core/params.h"

namespace crossloom {

/// Values of a TOML file. Throws `ConfigError` with line and column when it is not TOML, or holds
/// dates. (toml++ is included in one file only; it is slow to compile.)
Json read_toml(const std::filesystem::path& path);

/// Value of a single TOML expression such as "25", "[1, 2]" or "true"; a bare word is a text.
Json parse_toml_value(const std::string& text);

/// `value` as TOML writes it. Numbers are read back to the bit.
std::string to_toml_value(const Json& value);

}  // namespace crossloom
