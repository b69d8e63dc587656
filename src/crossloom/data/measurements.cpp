#include "crossloom/data/measurements.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "crossloom/core/errors.h"
#include "crossloom/core/files.h"
#include "crossloom/core/join.h"
#include "crossloom/core/units.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxBytes = std::size_t{1} << 31;
const char* const kExample =
    "give a first line such as cell,t_s,g_uS and a line for each reading, all of them whole";

std::string_view strip(std::string_view text) {
  const char* blanks = " \t\r";
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// The value at `index` of a line.
std::string_view value_at(std::string_view line, std::size_t index) {
  for (std::size_t i = 0; i < index; ++i) line.remove_prefix(line.find(',') + 1);
  return strip(line.substr(0, line.find(',')));
}

struct Scale {
  double factor;
  double offset;
};

/// How numbers in `given` become SI `unit`; nothing when it is no such unit.
std::optional<Scale> scale_of(const std::string& given, const std::string& unit) {
  const bool is_word = !given.empty() && given.find_first_of("0123456789+-. ") == std::string::npos;
  if (!is_word) return {};
  try {
    const double zero = parse_quantity("0 " + given, unit);
    return Scale{parse_quantity("1 " + given, unit) - zero, zero};
  } catch (const ConfigError&) {
    return {};
  }
}

/// What follows "quantity_" in `name`; nothing when it does not begin so.
std::optional<std::string> after(const std::string& name, const std::string& quantity) {
  const std::string start = quantity + "_";
  if (name.compare(0, start.size(), start) != 0) return {};
  return name.substr(start.size());
}

}  // namespace

Measurements::Measurements(std::string contents, fs::path path)
    : contents_(std::move(contents)), path_(std::move(path)) {
  std::string_view left = contents_;
  if (left.substr(0, 3) == "\xef\xbb\xbf") left.remove_prefix(3);  // byte order mark
  for (std::int64_t number = 1; !left.empty(); ++number) {
    const std::size_t end = std::min(left.find('\n'), left.size());
    const std::string_view line = strip(left.substr(0, end));
    left.remove_prefix(std::min(end + 1, left.size()));
    if (line.empty()) continue;
    const std::string place = "line " + std::to_string(number) + ": ";
    if (line.find('"') != std::string_view::npos) {
      refuse(place + "quoted values are not read", "write the values without quotes");
    }
    const auto count = static_cast<std::size_t>(std::count(line.begin(), line.end(), ',')) + 1;
    if (names_.empty()) {
      for (std::size_t i = 0; i < count; ++i) names_.emplace_back(value_at(line, i));
      continue;
    }
    if (count != names_.size()) {
      refuse(place + "it has " + std::to_string(count) + " values, the first line names " +
                 std::to_string(names_.size()) + " columns",
             kExample);
    }
    rows_.push_back(line);
    line_numbers_.push_back(number);
  }
  if (rows_.empty()) refuse("there is no line of values in it", kExample);
}

void Measurements::refuse(const std::string& why, const std::string& remedy) const {
  throw ConfigError(path_.string() + " is not a usable table of measurements (" + why + "); " +
                    remedy);
}

void Measurements::use(const std::string& quantity,
                       const std::string& name,
                       const std::string& unit) {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found == names_.end()) {
    refuse("no column is called '" + name + "'", "use one of: " + join(names_));
  }
  const auto index = static_cast<std::size_t>(found - names_.begin());
  const auto underscore = name.rfind('_');
  const std::string of_name = underscore == std::string::npos ? "" : name.substr(underscore + 1);
  given_[quantity] = {index, unit.empty() ? of_name : unit};
}

/// `found` filled and returned, or null when there is no column of `quantity`.
const Measurements::Column* Measurements::find(const std::string& quantity,
                                               const std::string& unit,
                                               Column& found) const {
  const auto given = given_.find(quantity);
  const bool is_plain = unit == "1";
  if (given != given_.end()) {
    const auto scale = is_plain ? std::optional(Scale{1, 0}) : scale_of(given->second.unit, unit);
    if (!scale) {
      refuse("the column '" + names_[given->second.index] + "' is no quantity in " + unit,
             "name its unit, such as " + quantity + "=" + names_[given->second.index] + ":" + unit);
    }
    found = {given->second.index, scale->factor, scale->offset};
    return &found;
  }
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (names_[i] != quantity) continue;
    if (!is_plain) {
      refuse("the column '" + quantity + "' has no unit",
             "name it with its unit, such as " + quantity + "_" + unit);
    }
    found = {i, 1, 0};
    return &found;
  }
  if (is_plain) return nullptr;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const auto rest = after(names_[i], quantity);
    const auto scale = rest ? scale_of(*rest, unit) : std::nullopt;
    if (!scale) continue;
    found = {i, scale->factor, scale->offset};
    return &found;
  }
  return nullptr;
}

bool Measurements::has(const std::string& quantity, const std::string& unit) const {
  Column column{};
  return values_.count(quantity) > 0 || find(quantity, unit, column) != nullptr;
}

std::vector<double> Measurements::column(const std::string& quantity,
                                         const std::string& unit) const {
  const auto value = values_.find(quantity);
  if (value != values_.end()) {
    return std::vector<double>(rows_.size(), parse_quantity(value->second, unit));
  }
  Column column{};
  if (find(quantity, unit, column) == nullptr) {
    const std::string name = unit == "1" ? quantity : quantity + "_" + unit;
    refuse("no column is called '" + name + "'" +
               (unit == "1" ? "" : ", with any prefix of its unit") + "; there are " + join(names_),
           "add the column, or say which one it is");
  }
  return read(column);
}

std::map<std::string, std::vector<double>> Measurements::columns_by_label(
    const std::string& quantity, const std::string& unit) const {
  std::map<std::string, std::vector<double>> found;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const auto rest = after(names_[i], quantity);
    const auto underscore = rest ? rest->find('_') : std::string::npos;
    if (underscore == std::string::npos) continue;
    const auto scale = scale_of(rest->substr(0, underscore), unit);
    if (!scale) continue;
    found[rest->substr(underscore + 1)] = read({i, scale->factor, scale->offset});
  }
  return found;
}

std::vector<double> Measurements::read(const Column& column) const {
  std::vector<double> values;
  values.reserve(rows_.size());
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    const std::string_view text = value_at(rows_[row], column.index);
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const double value = column.offset + column.factor * number;
    if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
      refuse("line " + std::to_string(line_numbers_[row]) + ": '" + std::string(text) + "' under " +
                 names_[column.index] + " is not a finite number",
             "leave out the line, or mend the value");
    }
    values.push_back(value);
  }
  return values;
}

Measurements read_measurements(const fs::path& path) {
  return Measurements(read_maybe_gzip(path, kMaxBytes), path);
}

}  // namespace crossloom
