#pragma once

#include <optional>
#include <string>

#include "crossloom/mapping/geometry.h"
#include "crossloom/network/onnx/graph.h"

namespace crossloom {

/// A node that multiplies by a constant: a stored product of the network.
struct OnnxProduct {
  ProductGeometry geometry;
  Tensor weight;  // as `StoredProduct` has it
  Tensor bias;    // undefined: none
};

/// The product that `node` is, if it is one: a convolution, or a Gemm or MatMul whose right factor
/// is constant. Throws `ConfigError` on a convolution that is none.
std::optional<OnnxProduct> find_product(const OnnxNode& node, const OnnxConstants& constants);

}  // namespace crossloom
