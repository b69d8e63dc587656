#pragma once

#include <map>
#include <string>

#include "crossloom/network/network.h"
#include "crossloom/network/onnx/graph.h"

namespace crossloom {

/// What crossloom notes in a model besides its graph.
std::map<std::string, std::string> write_metadata(const Network& network);

/// The scaling of the inputs as noted in the model, else level / 255. Throws `ConfigError` when the
/// note is damaged.
InputScaling read_scaling(const OnnxGraph& graph);

/// The length of token sequences as noted in the model, 0: none.
std::int64_t read_length(const OnnxGraph& graph);

}  // namespace crossloom
