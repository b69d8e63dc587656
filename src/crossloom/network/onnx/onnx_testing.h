#pragma once

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "crossloom/network/onnx/proto.h"
#include "crossloom/network/onnx_import.h"

namespace crossloom {

using Sizes = std::vector<std::int64_t>;

/// A model with the input x [batch, sizes…] and the output y.
class ModelBuilder {
 public:
  explicit ModelBuilder(const Sizes& sizes = {4}, std::int64_t opset = 17) {
    model_.set_ir_version(8);
    auto& set = *model_.add_opset_import();
    set.set_version(opset);
    auto& input = *graph().add_input();
    input.set_name("x");
    auto& type = *input.mutable_type()->mutable_tensor_type();
    type.set_elem_type(::onnx::TensorProto::FLOAT);
    type.mutable_shape()->add_dim()->set_dim_param("batch");
    for (const std::int64_t size : sizes) type.mutable_shape()->add_dim()->set_dim_value(size);
    graph().add_output()->set_name("y");
  }

  ::onnx::GraphProto& graph() { return *model_.mutable_graph(); }
  ::onnx::TypeProto::Tensor& input_type(int index = 0) {
    return *graph().mutable_input(index)->mutable_type()->mutable_tensor_type();
  }

  ModelBuilder& fix_batch() {
    input_type().mutable_shape()->mutable_dim(0)->set_dim_value(1);
    return *this;
  }

  ModelBuilder& tensor(const std::string& name, const Tensor& value) {
    const bool is_float = value.is_floating_point();
    auto& tensor = *graph().add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(is_float ? ::onnx::TensorProto::FLOAT : ::onnx::TensorProto::INT64);
    for (const std::int64_t size : value.sizes()) tensor.add_dims(size);
    const Tensor packed = value.to(is_float ? at::kFloat : at::kLong).contiguous();
    tensor.set_raw_data(packed.data_ptr(), packed.nbytes());
    return *this;
  }

  ModelBuilder& integers(const std::string& name, const Sizes& values) {
    return tensor(name, at::tensor(values, at::kLong));
  }
  ModelBuilder& number(const std::string& name, double value) {
    return tensor(name, at::scalar_tensor(value));
  }

  ModelBuilder& node(const std::string& kind,
                     const std::vector<std::string>& inputs,
                     const std::vector<std::string>& outputs,
                     const Json& attributes = Json::object()) {
    auto& node = *graph().add_node();
    node.set_op_type(kind);
    node.set_name("the " + kind + " of " + outputs[0]);
    for (const std::string& input : inputs) node.add_input(input);
    for (const std::string& output : outputs) node.add_output(output);
    for (const auto& [name, value] : attributes.items()) add_attribute(node, name, value);
    return *this;
  }

  ModelBuilder& outputs(const std::vector<std::string>& names) {
    graph().clear_output();
    for (const std::string& name : names) graph().add_output()->set_name(name);
    return *this;
  }

  std::string bytes() const { return model_.SerializeAsString(); }
  Network network(const OnnxOptions& options = {}) const {
    return parse_onnx(bytes(), "test.onnx", options);
  }
  Tensor run(const Tensor& x) const {
    const at::NoGradGuard no_grad;
    return network().forward(x);
  }

 private:
  static void add_attribute(::onnx::NodeProto& node, const std::string& name, const Json& value) {
    auto& attribute = *node.add_attribute();
    attribute.set_name(name);
    if (value.is_string()) {
      attribute.set_type(::onnx::AttributeProto::STRING);
      attribute.set_s(value.get<std::string>());
    } else if (value.is_number_float()) {
      attribute.set_type(::onnx::AttributeProto::FLOAT);
      attribute.set_f(value.get<float>());
    } else if (value.is_array()) {
      attribute.set_type(::onnx::AttributeProto::INTS);
      for (const Json& entry : value) attribute.add_ints(entry.get<std::int64_t>());
    } else {
      attribute.set_type(::onnx::AttributeProto::INT);
      attribute.set_i(value.get<std::int64_t>());
    }
  }

  ::onnx::ModelProto model_;
};

inline void expect_close(const Tensor& given, const Tensor& expected) {
  ASSERT_EQ(given.sizes(), expected.sizes());
  EXPECT_TRUE(given.allclose(expected, 1e-5, 1e-6)) << (given - expected).abs().max();
}

}  // namespace crossloom
