#include "crossloom/core/params.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "crossloom/core/join.h"
#include "crossloom/core/units.h"

namespace crossloom {
namespace {

std::string describe(const Bounds& bounds, const std::string& unit) {
  const bool below = std::isfinite(bounds.min);
  const bool above = std::isfinite(bounds.max);
  if (!below && !above) return "any number";
  if (!above) return "at least " + format_quantity(bounds.min, unit);
  if (!below) return "at most " + format_quantity(bounds.max, unit);
  return format_quantity(bounds.min, unit) + " to " + format_quantity(bounds.max, unit);
}

[[noreturn]] void refuse(const std::string& name,
                         const Json& value,
                         const std::string& why,
                         const std::string& accepted) {
  throw ConfigError("invalid " + name + " = " + value.dump() + " (" + why + "); give " + accepted);
}

/// A JSON number, or a text with a unit, in SI and within `bounds`.
double read_quantity(const std::string& name,
                     const Json& value,
                     Bounds bounds,
                     const std::string& unit) {
  const std::string accepted = describe(bounds, unit);
  double number = 0;
  if (value.is_number()) {
    number = value.get<double>();
  } else if (value.is_string()) {
    try {
      number = parse_quantity(value.get<std::string>(), unit);
    } catch (const ConfigError& error) {
      throw ConfigError("invalid " + name + ": " + error.what());
    }
  } else {
    refuse(name, value, "not a number", accepted);
  }
  if (!(number >= bounds.min && number <= bounds.max)) {
    refuse(name, value, "out of bounds", accepted);
  }
  return number;
}

/// The same, a whole number.
std::int64_t read_count(const std::string& name,
                        const Json& value,
                        Bounds bounds,
                        const std::string& unit) {
  const double number = read_quantity(name, value, bounds, unit);
  if (number != std::floor(number)) {
    refuse(name, value, "not a whole number", "a whole number, " + describe(bounds, unit));
  }
  return static_cast<std::int64_t>(number);
}

/// A list whose items `read` understands.
template <class Number, class Read>
std::vector<Number> read_list(const std::string& name,
                              const Json& value,
                              const std::string& accepted,
                              const Read& read) {
  if (!value.is_array()) refuse(name, value, "not a list", accepted);
  std::vector<Number> numbers;
  for (const Json& item : value) numbers.push_back(read(item));
  return numbers;
}

}  // namespace

void ParamList::add(const std::string& name,
                    double& value,
                    Bounds bounds,
                    const std::string& unit,
                    const std::string& doc) {
  params_.push_back(
      {name,
       unit,
       describe(bounds, unit),
       doc,
       [=, &value](const Json& given) { value = read_quantity(name, given, bounds, unit); },
       [&value] { return Json(value); }});
}

void ParamList::add(const std::string& name,
                    std::int64_t& value,
                    Bounds bounds,
                    const std::string& unit,
                    const std::string& doc) {
  params_.push_back(
      {name,
       unit,
       "a whole number, " + describe(bounds, unit),
       doc,
       [=, &value](const Json& given) { value = read_count(name, given, bounds, unit); },
       [&value] { return Json(value); }});
}

void ParamList::add(const std::string& name,
                    std::vector<double>& values,
                    Bounds bounds,
                    const std::string& unit,
                    const std::string& doc) {
  const std::string accepted = "a list, each " + describe(bounds, unit);
  const auto read = [=](const Json& item) { return read_quantity(name, item, bounds, unit); };
  params_.push_back(
      {name,
       unit,
       accepted,
       doc,
       [=, &values](const Json& given) { values = read_list<double>(name, given, accepted, read); },
       [&values] { return Json(values); }});
}

void ParamList::add(const std::string& name,
                    std::vector<std::int64_t>& values,
                    Bounds bounds,
                    const std::string& unit,
                    const std::string& doc) {
  const std::string accepted = "a list, each a whole number, " + describe(bounds, unit);
  const auto read = [=](const Json& item) { return read_count(name, item, bounds, unit); };
  params_.push_back({name,
                     unit,
                     accepted,
                     doc,
                     [=, &values](const Json& given) {
                       values = read_list<std::int64_t>(name, given, accepted, read);
                     },
                     [&values] { return Json(values); }});
}

void ParamList::add(const std::string& name, bool& value, const std::string& doc) {
  params_.push_back({name,
                     "",
                     "true or false",
                     doc,
                     [=, &value](const Json& given) {
                       if (!given.is_boolean()) {
                         refuse(name, given, "not a switch", "true or false");
                       }
                       value = given.get<bool>();
                     },
                     [&value] { return Json(value); }});
}

void ParamList::add(const std::string& name, std::string& value, const std::string& doc) {
  params_.push_back({name,
                     "",
                     "a text",
                     doc,
                     [=, &value](const Json& given) {
                       if (!given.is_string()) refuse(name, given, "not a text", "a text");
                       value = given.get<std::string>();
                     },
                     [&value] { return Json(value); }});
}

void ParamList::add(const std::string& name,
                    std::vector<std::string>& values,
                    const std::string& doc) {
  params_.push_back({name,
                     "",
                     "a list of texts",
                     doc,
                     [=, &values](const Json& given) {
                       std::vector<std::string> texts;
                       for (const Json& item : given.is_array() ? given : Json::array({given})) {
                         if (!item.is_string())
                           refuse(name, given, "not a text", "a list of texts");
                         texts.push_back(item.get<std::string>());
                       }
                       values = texts;
                     },
                     [&values] { return Json(values); }});
}

void ParamList::add_named_choice(const std::string& name,
                                 const std::vector<std::string>& names,
                                 std::function<void(std::size_t)> choose,
                                 std::function<std::string()> chosen,
                                 const std::string& doc) {
  const std::string accepted = "one of: " + join(names);
  params_.push_back({name,
                     "",
                     accepted,
                     doc,
                     [=](const Json& given) {
                       const auto found =
                           given.is_string()
                               ? std::find(names.begin(), names.end(), given.get<std::string>())
                               : names.end();
                       if (found == names.end()) refuse(name, given, "not a choice", accepted);
                       choose(static_cast<std::size_t>(found - names.begin()));
                     },
                     [=] { return Json(chosen()); }});
}

void ParamList::assign(const Json& values) {
  for (const auto& item : values.items()) {
    const auto found = std::find_if(params_.begin(), params_.end(), [&item](const Param& param) {
      return param.name == item.key();
    });
    if (found == params_.end()) {
      std::vector<std::string> names;
      for (const Param& param : params_) names.push_back(param.name);
      throw ConfigError("unknown parameter '" + item.key() +
                        "' (not declared here); use one of: " + join(names));
    }
    found->set(item.value());
  }
}

Json ParamList::values() const {
  Json values = Json::object();
  for (const Param& param : params_) values[param.name] = param.get();
  return values;
}

}  // namespace crossloom
