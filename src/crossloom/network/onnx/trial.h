#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "crossloom/network/onnx/graph.h"

namespace crossloom {

/// Runs a graph while it is written, node by node, on a batch of one example and on one of two, so
/// that sizes are known and what does not depend on the examples becomes constant. Stored products
/// are not multiplied: only the sizes of their outputs are needed.
class OnnxTrial {
 public:
  /// A trial with the inputs, constants and outputs of `graph`, and no node yet.
  OnnxTrial(OnnxGraph graph, bool is_batch_fixed);

  /// Shape of a value with a batch of one.
  std::vector<std::int64_t> sizes(const std::string& value) const;

  /// The constant called `value`; undefined when it is not constant.
  Tensor constant(const std::string& value) const;

  /// A name that no value has, beginning with `name`.
  std::string fresh_name(const std::string& name);

  std::string add_constant(const std::string& name, const Tensor& value);

  /// Appends a node of opset 17, or its value when that is constant.
  void add(OnnxNode node);

  /// From now on `value` stands for `source`.
  void add_alias(const std::string& value, const std::string& source);

  /// `value` is not used any more.
  void forget(const std::string& value);

  /// The name that stands for `value`.
  std::string resolve(const std::string& value) const;

  OnnxGraph graph() &&;

 private:
  /// What a value depends on.
  enum class Origin { kConstant, kShapes, kExamples };

  struct Known {
    std::array<Tensor, 2> values;  // with a batch of one, and of two
    Origin origin = Origin::kExamples;
  };

  Tensor value(const std::string& name, std::size_t trial) const;
  Origin origin_of(const std::string& name) const;
  Origin origin_of(const OnnxNode& node) const;
  Tensor compute(const OnnxNode& node, std::size_t trial) const;
  Tensor apply(const OnnxNode& node, const std::vector<Tensor>& inputs) const;
  void fold(const OnnxNode& node);
  void simplify(OnnxNode& node);
  void simplify_sizes(const OnnxNode& node, std::string& input);
  void simplify_reshape(OnnxNode& node);
  void widen_concat(OnnxNode& node);
  std::string batch_sizes(const std::string& name, const std::vector<std::int64_t>& sizes);

  OnnxGraph graph_;
  bool is_batch_fixed_;
  std::map<std::string, Known> known_;
  std::map<std::string, std::string> aliases_;
  std::set<std::string> kept_;  // needed to the end
  std::set<std::string> names_;
  std::string batch_;  // the value that holds the size of the batch, empty: none yet
};

}  // namespace crossloom
