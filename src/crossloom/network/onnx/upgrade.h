#pragma once

#include "crossloom/network/onnx/trial.h"

namespace crossloom {

/// Adds `node`, as opset `opset` means it, to `trial`: as one or several operators of opset 17 in
/// the form that `Operator` takes.
void add_upgraded(OnnxNode node, std::int64_t opset, OnnxTrial& trial);

}  // namespace crossloom
