#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "crossloom/core/errors.h"
#include "crossloom/core/join.h"

namespace crossloom {

/// Named factories of the implementations of one interface. An implementation adds itself from its
/// own file with a `Registered` object.
template <class Interface>
class Registry {
 public:
  using Factory = std::function<std::unique_ptr<Interface>()>;

  static Registry& instance() {
    static Registry registry;
    return registry;
  }

  void add(const std::string& name, Factory make) {
    if (!factories_.emplace(name, std::move(make)).second) {
      throw std::logic_error("'" + name + "' is registered twice");
    }
  }

  /// A new `name`; throws `ConfigError` with the known names when there is none.
  std::unique_ptr<Interface> create(const std::string& name) const {
    const auto found = factories_.find(name);
    if (found == factories_.end()) {
      throw ConfigError("unknown name '" + name +
                        "' (nothing is registered under it); use one of: " + join(names()));
    }
    return found->second();
  }

  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : factories_) names.push_back(entry.first);
    return names;
  }

 private:
  std::map<std::string, Factory> factories_;
};

/// Registers `Implementation` under `name` for the life of the program.
template <class Interface, class Implementation>
struct Registered {
  explicit Registered(const std::string& name) {
    Registry<Interface>::instance().add(name, [] { return std::make_unique<Implementation>(); });
  }
};

}  // namespace crossloom
