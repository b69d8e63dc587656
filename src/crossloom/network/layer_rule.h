#pragma once

#include <string>
#include <vector>

#include "crossloom/core/params.h"
#include "crossloom/network/network.h"

namespace crossloom {

/// Which products of a network run on crossbars; the others stay digital.
///
/// A pattern is the name of a node, with `*` for any characters, or one of the words `@first`,
/// `@last`, `@depthwise`.
struct LayerRule {
  std::vector<std::string> analog = {"*"};
  std::vector<std::string> digital;  // exceptions, win over `analog`

  void describe(ParamList& params);

  /// For each product of `network`. Throws `ConfigError` on a pattern that fits no product.
  std::vector<bool> choose(const Network& network) const;
};

/// The products that `pattern` fits, by index.
std::vector<std::size_t> matching_products(const Network& network, const std::string& pattern);

}  // namespace crossloom
