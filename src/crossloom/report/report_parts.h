#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "crossloom/core/params.h"

namespace crossloom {

/// Pieces that reports are made of.

std::string fixed(double value, int decimals);

/// A share as a text, such as "97.91 %".
std::string percent(double share);

/// A figure of the headline.
Json card(const std::string& label, const std::string& value, const std::string& note);

/// Columns of a table: the first to the left, the others, numbers, to the right.
Json columns(const std::vector<std::string>& labels);

/// Where the numbers come from: the program and, unless empty, the data.
Json provenance(const std::string& data);

/// The JSON file at `path`. Throws `ConfigError` when it is missing or damaged.
Json read_json_file(const std::filesystem::path& path);

}  // namespace crossloom
