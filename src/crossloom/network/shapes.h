#pragma once

#include <cstdint>
#include <vector>

#include "crossloom/network/network.h"

namespace crossloom {

/// Whether `input` takes token sequences [B, T].
bool is_sequence(const NetworkInput& input);

/// Shape of the output of each node for a batch of one, found without multiplying by stored
/// weights. `length` is that of token sequences, 0: as the network has it. Throws `ConfigError`
/// when it does not fit.
std::vector<std::vector<std::int64_t>> find_shapes(const Network& network, std::int64_t length = 0);

}  // namespace crossloom
