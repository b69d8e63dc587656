#pragma once

#include <string>
#include <vector>

namespace crossloom {

/// "a, b, c": how messages list names.
inline std::string join(const std::vector<std::string>& names) {
  std::string joined;
  for (const std::string& name : names) joined += (joined.empty() ? "" : ", ") + name;
  return joined;
}

}  // namespace crossloom
