#pragma once

#include <string>
#include <vector>

#include "crossloom/network/network.h"

namespace crossloom {

/// The built-in architecture `name`, with weights of zero. Throws `ConfigError` on an unknown name.
Network make_network(const std::string& name);

/// Whether `make_network` knows `name`.
bool is_network_name(const std::string& name);

/// Names that `make_network` knows.
std::vector<std::string> network_names();

}  // namespace crossloom
