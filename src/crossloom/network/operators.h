#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include "crossloom/core/params.h"

namespace crossloom {

using at::Tensor;

/// Inputs of an operator in ONNX order; an optional one that is absent is undefined.
using OperatorInputs = std::vector<Tensor>;

/// What a node of a network does to its inputs, stored products apart: an operator of ONNX opset 17
/// (and Gelu of opset 20) with its attributes. It has one output and no state.
/// Meaning of each: https://github.com/onnx/onnx/blob/main/docs/Operators.md
class Operator {
 public:
  /// The operator `kind`, such as "Relu", with `attributes` by their ONNX names. Throws
  /// `ConfigError` when the kind or an attribute is unknown, of a wrong type, or missing.
  explicit Operator(const std::string& kind, const Json& attributes = Json::object());

  const std::string& kind() const { return kind_; }
  const Json& attributes() const { return attributes_; }

  /// Throws `ConfigError` when the number of inputs does not fit, LibTorch's error when a shape
  /// does not.
  Tensor apply(const OperatorInputs& inputs) const;

  /// Whether the output cannot be negative, given that of the inputs.
  bool is_non_negative(const std::vector<bool>& inputs) const;

  /// Whether there is an operator `kind`.
  static bool is_known(const std::string& kind);

  /// All operators, sorted.
  static std::vector<std::string> kinds();

 private:
  std::string kind_;
  Json attributes_;
  std::function<Tensor(const OperatorInputs&)> compute_;
};

}  // namespace crossloom
