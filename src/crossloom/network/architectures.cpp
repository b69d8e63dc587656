#include "crossloom/network/architectures.h"

#include "crossloom/core/errors.h"
#include "crossloom/core/join.h"
#include "crossloom/network/architectures/builder.h"

namespace crossloom {
namespace {

const architectures::Table& table() {
  static const architectures::Table all = [] {
    architectures::Table built;
    architectures::add_convolutional(built);
    architectures::add_resnets(built);
    architectures::add_mobile(built);
    architectures::add_transformers(built);
    return built;
  }();
  return all;
}

}  // namespace

bool is_network_name(const std::string& name) {
  return table().count(name) > 0;
}

Network make_network(const std::string& name) {
  const auto found = table().find(name);
  if (found == table().end()) {
    throw ConfigError("unknown network '" + name +
                      "' (no such architecture); use one of: " + join(network_names()));
  }
  return found->second(name);
}

std::vector<std::string> network_names() {
  std::vector<std::string> names;
  for (const auto& entry : table()) names.push_back(entry.first);
  return names;
}

}  // namespace crossloom
