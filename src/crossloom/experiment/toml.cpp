#include "crossloom/experiment/toml.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include <toml++/toml.h>

#include "crossloom/core/files.h"
#include "crossloom/core/join.h"

namespace crossloom {
namespace {

Json to_json(const toml::node& node) {
  if (const auto* table = node.as_table()) {
    std::vector<std::pair<std::string, const toml::node*>> items;
    for (const auto& [key, value] : *table) items.emplace_back(key.str(), &value);
    // toml++ sorts keys by name; a reader expects the order of the file.
    std::stable_sort(items.begin(), items.end(), [](const auto& a, const auto& b) {
      return a.second->source().begin < b.second->source().begin;
    });
    Json object = Json::object();
    for (const auto& [key, value] : items) object[key] = to_json(*value);
    return object;
  }
  if (const auto* array = node.as_array()) {
    Json list = Json::array();
    for (const auto& value : *array) list.push_back(to_json(value));
    return list;
  }
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* whole = node.as_integer()) return whole->get();
  if (const auto* number = node.as_floating_point()) return number->get();
  if (const auto* flag = node.as_boolean()) return flag->get();
  std::ostringstream message;
  message << "a date in line " << node.source().begin.line
          << " (no parameter is a date); give a number, a text, a list or true/false";
  throw ConfigError(message.str());
}

}  // namespace

Json read_toml(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  try {
    return to_json(toml::parse(text, path.string()));
  } catch (const toml::parse_error& error) {
    std::ostringstream message;
    message << "cannot read " << path.string() << " (line " << error.source().begin.line
            << ", column " << error.source().begin.column << ": " << error.description()
            << "); mend the TOML there";
    throw ConfigError(message.str());
  }
}

Json parse_toml_value(const std::string& text) {
  try {
    return to_json(*toml::parse("value = " + text).get("value"));
  } catch (const toml::parse_error&) {
    return text;
  }
}

std::string to_toml_value(const Json& value) {
  if (value.is_array()) {
    std::vector<std::string> items;
    for (const Json& item : value) items.push_back(to_toml_value(item));
    return "[" + join(items) + "]";
  }
  if (value.is_number_float() && !std::isfinite(value.get<double>())) return "nan";
  return value.dump();
}

}  // namespace crossloom
