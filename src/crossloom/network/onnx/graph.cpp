#include "crossloom/network/onnx/graph.h"

namespace crossloom {

std::map<std::string, std::size_t> count_uses(const OnnxGraph& graph) {
  std::map<std::string, std::size_t> uses;
  for (const OnnxNode& node : graph.nodes) {
    for (const std::string& input : node.inputs) ++uses[input];
  }
  for (const std::string& output : graph.outputs) ++uses[output];
  return uses;
}

void drop_unused(OnnxGraph& graph) {
  std::set<std::string> needed(graph.outputs.begin(), graph.outputs.end());
  std::vector<OnnxNode> kept;
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    bool is_needed = false;
    for (const std::string& output : node->outputs) is_needed |= needed.count(output) > 0;
    if (!is_needed) continue;
    needed.insert(node->inputs.begin(), node->inputs.end());
    kept.push_back(std::move(*node));
  }
  graph.nodes.assign(std::make_move_iterator(kept.rbegin()), std::make_move_iterator(kept.rend()));
}

void refuse_node(const OnnxNode& node, const std::string& message) {
  throw ConfigError("node '" + node.name + "' (" + node.kind + ") " + message);
}

}  // namespace crossloom
