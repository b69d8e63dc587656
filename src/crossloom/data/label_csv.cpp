#include "crossloom/data/label_csv.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "crossloom/core/errors.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMaxLabel = 1'000'000'000;

/// The part of `text` before the next `separator`; `text` becomes the rest.
std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

std::vector<std::string_view> values_of(std::string_view line) {
  std::vector<std::string_view> values;
  const auto num_values = std::count(line.begin(), line.end(), ',') + 1;
  for (std::ptrdiff_t i = 0; i < num_values; ++i) values.push_back(take_until(line, ','));
  return values;
}

/// Goes through the lines of one table.
class LabelTable {
 public:
  LabelTable(std::string_view contents, const fs::path& path) : left_(contents), path_(path) {
    if (left_.substr(0, 3) == "\xef\xbb\xbf") left_.remove_prefix(3);  // byte order mark
  }

  std::vector<LabelledFile> read() {
    const std::vector<std::string_view> header = next_line();
    const std::size_t file_column = column(header, "file");
    const std::size_t label_column = column(header, "label");
    std::vector<LabelledFile> files;
    while (!left_.empty()) {
      const std::vector<std::string_view> values = next_line();
      if (values.size() == 1 && values[0].empty()) continue;
      if (values.size() != header.size()) {
        refuse("it has " + std::to_string(values.size()) + " values, the first line names " +
               std::to_string(header.size()) + " columns");
      }
      files.push_back({file_name(values[file_column]), label(values[label_column])});
    }
    if (files.empty()) refuse("there is no file in it");
    return files;
  }

 private:
  [[noreturn]] void refuse(const std::string& why) const {
    throw ConfigError(path_.string() + " is not a usable table of labels (line " +
                      std::to_string(line_) + ": " + why +
                      "); give a first line such as file,label and one line per picture");
  }

  std::vector<std::string_view> next_line() {
    ++line_;
    std::string_view line = take_until(left_, '\n');
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.find('"') != std::string_view::npos) refuse("quoted values are not read");
    return values_of(line);
  }

  std::size_t column(const std::vector<std::string_view>& header, std::string_view name) const {
    const auto found = std::find(header.begin(), header.end(), name);
    if (found == header.end()) refuse("no column is called '" + std::string(name) + "'");
    return static_cast<std::size_t>(found - header.begin());
  }

  std::string file_name(std::string_view value) {
    const fs::path name(value);
    const bool leads_out = std::find(name.begin(), name.end(), "..") != name.end();
    if (value.empty() || name.is_absolute() || leads_out ||
        value.find('\0') != std::string_view::npos) {
      refuse("'" + std::string(value) + "' is not a file in the folder of the pictures");
    }
    if (!seen_.insert(std::string(value)).second) {
      refuse("'" + std::string(value) + "' is there twice");
    }
    return std::string(value);
  }

  std::int64_t label(std::string_view value) const {
    std::int64_t number = -1;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc() || end != value.data() + value.size() || number < 0 ||
        number > kMaxLabel) {
      refuse("the label '" + std::string(value) + "' is not a whole number from 0");
    }
    return number;
  }

  std::string_view left_;
  const fs::path& path_;
  std::set<std::string> seen_;
  std::int64_t line_ = 0;
};

}  // namespace

std::vector<LabelledFile> parse_label_csv(std::string_view contents, const fs::path& path) {
  return LabelTable(contents, path).read();
}

}  // namespace crossloom
