#include "crossloom/report/report_parts.h"

#include <cmath>
#include <cstdio>
#include <cstring>

#include "crossloom/core/files.h"

namespace crossloom {

std::string fixed(double value, int decimals) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  const bool is_zero = std::strpbrk(text, "123456789") == nullptr && text[0] == '-';
  return is_zero && std::isfinite(value) ? text + 1 : text;
}

std::string percent(double share) {
  return fixed(100 * share, 2) + " %";
}

Json card(const std::string& label, const std::string& value, const std::string& note) {
  return {{"label", label}, {"value", value}, {"note", note}};
}

Json columns(const std::vector<std::string>& labels) {
  Json list = Json::array();
  for (const std::string& label : labels) {
    list.push_back({{"label", label}, {"align", list.empty() ? "left" : "right"}});
  }
  return list;
}

Json provenance(const std::string& data) {
  Json pairs = Json::array();
  pairs.push_back(Json::array({"crossloom", CROSSLOOM_VERSION}));
  if (!data.empty()) pairs.push_back(Json::array({"data", data}));
  return pairs;
}

Json read_json_file(const std::filesystem::path& path) {
  Json json = Json::parse(read_file(path), nullptr, false);
  if (json.is_discarded()) {
    throw ConfigError("cannot read " + path.string() + " (damaged JSON); run the experiment again");
  }
  return json;
}

}  // namespace crossloom
