#include "crossloom/network/layer_rule.h"

#include <set>

#include "crossloom/core/join.h"
#include "crossloom/network/computed_product.h"

namespace crossloom {
namespace {

/// Whether `text` is `pattern`, in which * stands for any characters.
bool is_match(const char* pattern, const char* text) {
  if (*pattern == '\0') return *text == '\0';
  if (*pattern == '*') {
    return is_match(pattern + 1, text) || (*text != '\0' && is_match(pattern, text + 1));
  }
  return *pattern == *text && is_match(pattern + 1, text + 1);
}

}  // namespace

void LayerRule::describe(ParamList& params) {
  params.add(
      "analog",
      analog,
      "products on crossbars: names with *, @first, @last, @depthwise (the rest is digital)");
  params.add("digital", digital, "exceptions of analog, in the same form");
  params.add(
      "attention",
      attention,
      "products of two activations on crossbars, one of them written for each example: names "
      "with * (default none: each example costs a write of all their cells)");
}

std::vector<std::size_t> matching_products(const Network& network, const std::string& pattern) {
  std::vector<std::size_t> found;
  const std::size_t count = network.products().size();
  for (std::size_t i = 0; i < count; ++i) {
    const bool fits = (pattern == "@first" && i == 0) || (pattern == "@last" && i + 1 == count) ||
                      (pattern == "@depthwise" && network.products()[i].geometry.is_depthwise()) ||
                      is_match(pattern.c_str(), network.product_name(i).c_str());
    if (fits) found.push_back(i);
  }
  return found;
}

std::vector<std::size_t> matching_computed(const Network& network, const std::string& pattern) {
  std::vector<std::size_t> found;
  for (const std::size_t node : computed_products(network)) {
    if (is_match(pattern.c_str(), network.nodes()[node].name.c_str())) found.push_back(node);
  }
  return found;
}

std::vector<std::size_t> LayerRule::choose_computed(const Network& network) const {
  std::set<std::size_t> chosen;
  for (const std::string& pattern : attention) {
    const std::vector<std::size_t> found = matching_computed(network, pattern);
    if (found.empty()) {
      std::vector<std::string> names;
      for (const std::size_t node : computed_products(network)) {
        names.push_back(network.nodes()[node].name);
      }
      throw ConfigError("the pattern '" + pattern +
                        "' of layers.attention fits no product of two "
                        "activations of " +
                        network.name() + " (" +
                        (names.empty() ? "it has none" : "it has " + join(names)) +
                        "); give one of these, with * for any characters");
    }
    chosen.insert(found.begin(), found.end());
  }
  return {chosen.begin(), chosen.end()};
}

std::vector<bool> LayerRule::choose(const Network& network) const {
  std::vector<bool> is_analog(network.products().size(), false);
  const auto set = [&](const std::vector<std::string>& patterns, bool value) {
    for (const std::string& pattern : patterns) {
      const std::vector<std::size_t> found = matching_products(network, pattern);
      // A word may fit nothing (a network without depthwise products); a name may not.
      if (found.empty() && pattern != "*" && pattern[0] != '@') {
        throw ConfigError("the pattern '" + pattern + "' of [layers] fits no product of " +
                          network.name() + " (a misspelt name?); `crossloom inspect` lists them");
      }
      for (const std::size_t index : found) is_analog[index] = value;
    }
  };
  set(analog, true);
  set(digital, false);
  for (std::size_t i = 0; i < is_analog.size(); ++i) {
    if (network.products()[i].is_digital) is_analog[i] = false;
  }
  return is_analog;
}

std::vector<Placement> place_by_rule(const Network& network,
                                     const Hardware& hardware,
                                     const LayerRule& layers) {
  const std::vector<bool> is_analog = layers.choose(network);
  const std::vector<Tensor> w_max = largest_weights(network, hardware.mapping.scale);
  std::vector<Placement> placements;
  for (std::size_t i = 0; i < is_analog.size(); ++i) {
    placements.push_back({is_analog[i], hardware, w_max.at(i)});
  }
  return placements;
}

}  // namespace crossloom
