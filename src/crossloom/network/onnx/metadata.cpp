#include "crossloom/network/onnx/metadata.h"

#include <algorithm>
#include <cmath>

#include "crossloom/network/shapes.h"

namespace crossloom {
namespace {

constexpr const char* kMean = "crossloom.input_mean";
constexpr const char* kStd = "crossloom.input_std";
constexpr const char* kLength = "crossloom.sequence_length";
constexpr std::int64_t kLongest = 1 << 20;

std::vector<double> read_numbers(const OnnxGraph& graph, const char* key, double fallback) {
  const auto found = graph.metadata.find(key);
  if (found == graph.metadata.end()) return {fallback};
  const Json values = Json::parse(found->second, nullptr, /*allow_exceptions=*/false);
  const auto is_number = [](const Json& value) { return value.is_number(); };
  if (!values.is_array() || values.empty() ||
      !std::all_of(values.begin(), values.end(), is_number)) {
    throw ConfigError(std::string("the metadata '") + key +
                      "' of the model is no list of numbers (one for each channel); remove it");
  }
  return values.get<std::vector<double>>();
}

}  // namespace

std::map<std::string, std::string> write_metadata(const Network& network) {
  const NetworkInput& input = network.inputs().at(0);
  if (is_sequence(input)) return {{kLength, std::to_string(input.sizes[0])}};
  return {{kMean, Json(input.scaling.mean).dump()}, {kStd, Json(input.scaling.std).dump()}};
}

std::int64_t read_length(const OnnxGraph& graph) {
  const auto found = graph.metadata.find(kLength);
  if (found == graph.metadata.end()) return 0;
  const Json length = Json::parse(found->second, nullptr, /*allow_exceptions=*/false);
  const bool fits = length.is_number_integer() && length >= 1 && length <= kLongest;
  return fits ? length.get<std::int64_t>() : 0;
}

InputScaling read_scaling(const OnnxGraph& graph) {
  const InputScaling scaling = {read_numbers(graph, kMean, 0), read_numbers(graph, kStd, 1)};
  const auto is_usable = [](double value) { return std::isfinite(value) && value > 0; };
  if (!std::all_of(scaling.std.begin(), scaling.std.end(), is_usable)) {
    throw ConfigError(std::string("the metadata '") + kStd +
                      "' of the model holds a number that is not positive (levels are divided by "
                      "it); remove it");
  }
  return scaling;
}

}  // namespace crossloom
