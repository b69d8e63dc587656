#pragma once

#include <vector>

#include "crossloom/network/onnx/graph.h"

namespace crossloom {

/// An upper bound of the numbers that `node` computes of `inputs`, known before it does: a damaged
/// file must not fill the memory.
double bound_elements(const OnnxNode& node, const std::vector<Tensor>& inputs);

}  // namespace crossloom
