#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include "crossloom/core/params.h"

namespace crossloom {

using at::Tensor;

/// A tensor that is known before the network runs.
struct OnnxConstant {
  Tensor value;
  std::string origin;      // the initialiser it was made of, empty: none
  bool is_weight = false;  // an initialiser as it stands in the file, of more than one float
};

using OnnxConstants = std::map<std::string, OnnxConstant>;

/// A node as ONNX has it: values go in and out by name.
struct OnnxNode {
  std::string name;
  std::string kind;
  Json attributes = Json::object();
  std::map<std::string, Tensor> tensors;  // attributes that are tensors
  std::vector<std::string> inputs;        // empty: absent
  std::vector<std::string> outputs;
};

/// What a graph is given.
struct OnnxInput {
  std::string name;
  at::ScalarType type = at::kFloat;
  std::vector<std::int64_t> sizes;        // batch first; -1: open
  std::vector<std::string> dim_names;     // of the open ones
  std::vector<std::int64_t> other_sizes;  // of a second batch; what differs may be of any size
};

/// An ONNX model without its protobuf. Every value is defined once, before it is used.
struct OnnxGraph {
  std::string name;
  std::int64_t opset = 0;
  std::vector<OnnxInput> inputs;
  std::vector<std::string> outputs;
  OnnxConstants constants;
  std::vector<OnnxNode> nodes;
  std::map<std::string, std::string> metadata;
};

/// The model in `bytes`, with its nodes in order; external tensors are read from the folder of
/// `path` only. Throws `ConfigError` when the bytes are no model, do not fit together, or hold an
/// operator that crossloom cannot compute.
OnnxGraph parse_onnx_graph(const std::string& bytes, const std::filesystem::path& path);

/// How many nodes, or outputs of the graph, need each value.
std::map<std::string, std::size_t> count_uses(const OnnxGraph& graph);

/// Removes nodes that no output needs.
void drop_unused(OnnxGraph& graph);

/// The graph in operators of opset 17 alone, as `Operator` takes them: what does not depend on the
/// examples is computed, and no size of the batch is left in it. No size of the inputs may be open.
///
/// `is_batch_fixed` says that the file was written for a batch of one; its constant shapes are then
/// made to fit any.
OnnxGraph fold_constants(OnnxGraph graph, bool is_batch_fixed);

/// Replaces what exporters write for an operator their opset lacks: Gelu, LayerNormalization and
/// HardSwish; joins a bias to the MatMul before it, as its third input.
void fuse_operators(OnnxGraph& graph);

/// Throws `ConfigError`: "node 'x' (Kind) <problem>; <remedy>".
[[noreturn]] void refuse_node(const OnnxNode& node, const std::string& message);

}  // namespace crossloom
