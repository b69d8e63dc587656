#pragma once

#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "crossloom/core/errors.h"

namespace crossloom {

using Json = nlohmann::ordered_json;

/// Closed interval of accepted values, in SI.
struct Bounds {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
};

/// One declared parameter: what the config reader, `--help`, the resolved config and the report's
/// table know of it.
struct Param {
  std::string name;
  std::string unit;      // SI; "1" when dimensionless, "" for texts, switches and choices
  std::string accepted;  // the accepted set in words, for messages and tables
  std::string doc;       // one line
  std::function<void(const Json&)> set;
  std::function<Json()> get;
};

/// The parameters of a component, each declared once.
///
/// A component lists its members in `describe(ParamList&)`; their values at that moment are the
/// defaults. The list refers to the members, so it must not outlive the component.
class ParamList {
 public:
  void add(const std::string& name,
           double& value,
           Bounds bounds,
           const std::string& unit,
           const std::string& doc);
  void add(const std::string& name,
           std::int64_t& value,
           Bounds bounds,
           const std::string& unit,
           const std::string& doc);
  void add(const std::string& name,
           std::vector<double>& values,
           Bounds bounds,
           const std::string& unit,
           const std::string& doc);
  void add(const std::string& name,
           std::vector<std::int64_t>& values,
           Bounds bounds,
           const std::string& unit,
           const std::string& doc);
  void add(const std::string& name, bool& value, const std::string& doc);
  void add(const std::string& name, std::string& value, const std::string& doc);
  void add(const std::string& name, std::vector<std::string>& values, const std::string& doc);

  /// A member of an enumeration, named in configs by one of `choices`.
  template <class Enum>
  void add_choice(const std::string& name,
                  Enum& value,
                  const std::vector<std::pair<std::string, Enum>>& choices,
                  const std::string& doc) {
    std::vector<std::string> names;
    for (const auto& choice : choices) names.push_back(choice.first);
    add_named_choice(
        name,
        names,
        [&value, choices](std::size_t index) { value = choices[index].second; },
        [&value, choices]() {
          for (const auto& choice : choices) {
            if (choice.second == value) return choice.first;
          }
          return std::string("?");
        },
        doc);
  }

  /// Assign the members of the object `values`. Throws `ConfigError` on an unknown name, a wrong
  /// type or unit, or a value out of bounds; nothing else is checked here.
  void assign(const Json& values);

  /// Present values, in SI, in the order of declaration.
  Json values() const;

  const std::vector<Param>& all() const { return params_; }

 private:
  void add_named_choice(const std::string& name,
                        const std::vector<std::string>& names,
                        std::function<void(std::size_t)> choose,
                        std::function<std::string()> chosen,
                        const std::string& doc);

  std::vector<Param> params_;
};

}  // namespace crossloom
