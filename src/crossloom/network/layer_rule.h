#pragma once

#include <string>
#include <vector>

#include "crossloom/core/params.h"
#include "crossloom/network/chip.h"

namespace crossloom {

/// Which products of a network run on crossbars; the others stay digital.
///
/// A pattern is the name of a node, with `*` for any characters, or one of the words `@first`,
/// `@last`, `@depthwise`.
struct LayerRule {
  std::vector<std::string> analog = {"*"};
  std::vector<std::string> digital;    // exceptions, win over `analog`
  std::vector<std::string> attention;  // products of two activations on crossbars

  void describe(ParamList& params);

  /// For each product of `network`. Throws `ConfigError` on a pattern that fits no product.
  std::vector<bool> choose(const Network& network) const;

  /// The nodes of the products of two activations that run on crossbars. Throws `ConfigError` on a
  /// pattern that fits none.
  std::vector<std::size_t> choose_computed(const Network& network) const;
};

/// Where each product of `network` runs, on one hardware, with the windows of the largest weights.
std::vector<Placement> place_by_rule(const Network& network,
                                     const Hardware& hardware,
                                     const LayerRule& layers = {});

/// The products that `pattern` fits, by index.
std::vector<std::size_t> matching_products(const Network& network, const std::string& pattern);

/// The products of two activations that `pattern` fits, by node.
std::vector<std::size_t> matching_computed(const Network& network, const std::string& pattern);

}  // namespace crossloom
