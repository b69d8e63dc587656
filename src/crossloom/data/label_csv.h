#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace crossloom {

/// A file and the class of what it shows.
struct LabelledFile {
  std::string name;  // relative path
  std::int64_t label = 0;
};

/// The rows of a table of labels, in their order. Its first line names the columns, separated by
/// commas; those called `file` and `label` are read. `path` is for the messages. Throws
/// `ConfigError`, naming the line, on a missing column or value, a label that is not a whole
/// number from 0, a quoted value, a file named twice, and a file name that leads out of its folder.
std::vector<LabelledFile> parse_label_csv(std::string_view contents,
                                          const std::filesystem::path& path);

}  // namespace crossloom
