#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace crossloom {

/// `json` as text, on several lines with `indent` from 0 on. Bytes of names and paths that are not
/// UTF-8 become U+FFFD.
inline std::string to_text(const nlohmann::ordered_json& json, int indent = -1) {
  return json.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace crossloom
