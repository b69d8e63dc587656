#include "crossloom/network/onnx_export.h"

#include <cmath>
#include <limits>
#include <set>

#include "crossloom/core/files.h"
#include "crossloom/network/onnx/metadata.h"
#include "crossloom/network/onnx/proto.h"
#include "crossloom/network/operators/table.h"
#include "crossloom/network/shapes.h"

namespace crossloom {
namespace {

constexpr std::int64_t kOpset = 17;
constexpr std::int64_t kIrVersion = 8;

std::int32_t onnx_type(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return ::onnx::TensorProto::FLOAT;
    case at::kDouble:
      return ::onnx::TensorProto::DOUBLE;
    case at::kLong:
      return ::onnx::TensorProto::INT64;
    case at::kInt:
      return ::onnx::TensorProto::INT32;
    case at::kShort:
      return ::onnx::TensorProto::INT16;
    case at::kChar:
      return ::onnx::TensorProto::INT8;
    case at::kByte:
      return ::onnx::TensorProto::UINT8;
    case at::kBool:
      return ::onnx::TensorProto::BOOL;
    default:
      TORCH_CHECK(false, "ONNX files of crossloom hold no tensor of type ", type);
  }
}

/// Whether token sequences of another length fit too.
bool takes_any_length(const Network& network) {
  const NetworkInput& input = network.inputs().at(0);
  if (!is_sequence(input) || input.sizes[0] < 2) return false;
  try {
    find_shapes(network, input.sizes[0] / 2 + 1);
    return true;
  } catch (const ConfigError&) {
    return false;
  }
}

void set_attribute(::onnx::NodeProto& node, const std::string& name, const Json& value) {
  using Proto = ::onnx::AttributeProto;
  // Numbers that ONNX declares as floats may be whole in a Json.
  static const std::set<std::string> floats = {"alpha", "beta", "bias", "epsilon", "momentum"};
  Proto& attribute = *node.add_attribute();
  attribute.set_name(name);
  if (value.is_string()) {
    attribute.set_type(Proto::STRING);
    attribute.set_s(value.get<std::string>());
  } else if (value.is_array()) {
    attribute.set_type(Proto::INTS);
    for (const Json& entry : value) attribute.add_ints(entry.get<std::int64_t>());
  } else if (value.is_number_float() || floats.count(name) > 0) {
    attribute.set_type(Proto::FLOAT);
    attribute.set_f(value.get<float>());
  } else {
    attribute.set_type(Proto::INT);
    attribute.set_i(value.get<std::int64_t>());
  }
}

/// Writes the nodes of a network into a graph. A value is called as its node.
class GraphWriter {
 public:
  GraphWriter(const Network& network, ::onnx::GraphProto& graph)
      : network_(network), graph_(graph) {}

  void write() {
    graph_.set_name(network_.name());
    const std::vector<std::vector<std::int64_t>> shapes = find_shapes(network_);
    const bool is_length_open = takes_any_length(network_);
    auto input = network_.inputs().begin();
    for (const Node& node : network_.nodes()) {
      if (node.is_input()) {
        declare(*graph_.add_input(), node.name, *input, is_length_open);
        ++input;
      } else if (node.parameter >= 0) {
        add_tensor(node.name, network_.parameters()[index(node.parameter)].value);
      } else if (node.product >= 0) {
        write_product(
            node, network_.products()[index(node.product)], shapes[node.inputs[0]].size());
      } else {
        write_operator(node);
      }
    }
    for (const std::size_t output : network_.outputs()) {
      declare_output(output, shapes[output], is_length_open);
    }
  }

 private:
  static std::size_t index(std::int64_t value) { return static_cast<std::size_t>(value); }

  std::int32_t output_type(std::size_t node) const {
    const Node& output = network_.nodes()[node];
    if (output.parameter >= 0) {
      return onnx_type(network_.parameters()[index(output.parameter)].value.scalar_type());
    }
    const bool is_index =
        output.op != nullptr && (output.op->kind() == "ArgMax" || output.op->kind() == "ArgMin");
    return is_index ? ::onnx::TensorProto::INT64 : ::onnx::TensorProto::FLOAT;
  }

  /// Sizes of outputs behind an open length are left open.
  void declare_output(std::size_t output,
                      const std::vector<std::int64_t>& shape,
                      bool is_length_open) {
    ::onnx::ValueInfoProto& value = *graph_.add_output();
    value.set_name(network_.nodes()[output].name);
    auto& tensor = *value.mutable_type()->mutable_tensor_type();
    tensor.set_elem_type(output_type(output));
    tensor.mutable_shape();
    const bool is_constant = network_.nodes()[output].parameter >= 0;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      auto& dim = *tensor.mutable_shape()->add_dim();
      if (is_constant || (i > 0 && !is_length_open)) {
        dim.set_dim_value(shape[i]);
      } else if (i == 0) {
        dim.set_dim_param("batch");
      }
    }
  }

  static void declare(::onnx::ValueInfoProto& value,
                      const std::string& name,
                      const NetworkInput& input,
                      bool is_length_open) {
    value.set_name(name);
    auto& tensor = *value.mutable_type()->mutable_tensor_type();
    tensor.set_elem_type(onnx_type(input.type));
    tensor.mutable_shape()->add_dim()->set_dim_param("batch");
    for (const std::int64_t size : input.sizes) {
      auto& dim = *tensor.mutable_shape()->add_dim();
      if (is_length_open && is_sequence(input)) {
        dim.set_dim_param("sequence");
      } else {
        dim.set_dim_value(size);
      }
    }
  }

  void add_tensor(const std::string& name, const Tensor& value) {
    const Tensor packed = value.detach().to(at::kCPU).contiguous();
    num_bytes_ += packed.nbytes();
    if (num_bytes_ > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
      throw ConfigError("the weights of " + network_.name() +
                        " have more than 2 GB (one ONNX file holds no more); write safetensors");
    }
    ::onnx::TensorProto& tensor = *graph_.add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(onnx_type(packed.scalar_type()));
    for (const std::int64_t size : packed.sizes()) tensor.add_dims(size);
    tensor.set_raw_data(packed.data_ptr(), packed.nbytes());
  }

  std::string add_number(const std::string& name, double value) {
    add_tensor(name, at::scalar_tensor(value, at::kFloat));
    return name;
  }

  ::onnx::NodeProto& add_node(const std::string& name,
                              const std::string& kind,
                              const std::vector<std::string>& inputs) {
    ::onnx::NodeProto& node = *graph_.add_node();
    node.set_name(name);
    node.set_op_type(kind);
    for (const std::string& input : inputs) node.add_input(input);
    node.add_output(name);
    return node;
  }

  std::vector<std::string> input_names(const Node& node) const {
    std::vector<std::string> names;
    for (const std::size_t input : node.inputs) {
      names.push_back(input == kNoInput ? "" : network_.nodes()[input].name);
    }
    return names;
  }

  void write_product(const Node& node, const StoredProduct& stored, std::size_t input_dims) {
    const std::string weight = node.name + ".weight";
    const std::string bias = node.name + ".bias";
    const Tensor scale = stored.log_scale.detach().exp();
    add_tensor(weight, stored.weight.detach() * scale);
    if (stored.has_bias) add_tensor(bias, stored.bias);
    std::vector<std::string> inputs = {input_names(node)[0], weight};
    if (stored.geometry.kind == ProductGeometry::Kind::kConv) {
      if (stored.has_bias) inputs.push_back(bias);
      write_conv(add_node(node.name, "Conv", inputs), stored.geometry);
    } else if (input_dims == 2) {
      if (stored.has_bias) inputs.push_back(bias);
      set_attribute(add_node(node.name, "Gemm", inputs), "transB", 1);
    } else {
      // ONNX multiplies matrices [C_in, C] along the last dimension.
      inputs[1] = node.name + ".transposed";
      set_attribute(add_node(inputs[1], "Transpose", {weight}), "perm", {1, 0});
      const std::string product = stored.has_bias ? node.name + ".product" : node.name;
      add_node(product, "MatMul", inputs);
      if (stored.has_bias) add_node(node.name, "Add", {product, bias});
    }
  }

  static void write_conv(::onnx::NodeProto& node, const ProductGeometry& geometry) {
    set_attribute(node, "kernel_shape", geometry.kernel);
    set_attribute(node, "strides", geometry.stride);
    set_attribute(node, "pads", geometry.padding);
    set_attribute(node, "dilations", geometry.dilation);
    set_attribute(node, "group", geometry.groups);
  }

  void write_operator(const Node& node) {
    const std::string& kind = node.op->kind();
    const Json& attributes = node.op->attributes();
    if (kind == "Gelu") return write_gelu(node);
    if (kind == "Mish") return write_mish(node);
    if (kind == "Pad" && node.inputs.size() > 3) {
      throw ConfigError("node '" + node.name +
                        "' (Pad) names its axes (ONNX opset 17 pads all of them); write "
                        "safetensors");
    }
    if (kind == "Clip") return write_clip(node);
    if (kind == "ConstantOfShape") return write_filled(node);
    if (kind.rfind("Reduce", 0) == 0) return write_reduction(node);
    ::onnx::NodeProto& written = add_node(node.name, kind, input_names(node));
    for (const auto& entry : attributes.items()) {
      if (!is_of_other_opset(kind, entry.key())) {
        set_attribute(written, entry.key(), entry.value());
      }
    }
  }

  /// Attributes without effect here that opset 17 does not have.
  static bool is_of_other_opset(const std::string& kind, const std::string& attribute) {
    return (kind == "AveragePool" && attribute == "dilations") ||
           (kind == "Dropout" && attribute == "ratio");
  }

  /// x tanh(log(1 + exp x))
  void write_mish(const Node& node) {
    const std::string x = input_names(node)[0];
    add_node(node.name + ".softplus", "Softplus", {x});
    add_node(node.name + ".tanh", "Tanh", {node.name + ".softplus"});
    add_node(node.name, "Mul", {x, node.name + ".tanh"});
  }

  /// x (1 + erf(x / sqrt 2)) / 2, or its approximation by tanh.
  void write_gelu(const Node& node) {
    const std::string& name = node.name;
    const std::string x = input_names(node)[0];
    const std::string half = add_number(name + ".half", 0.5);
    const std::string one = add_number(name + ".one", 1);
    std::string inner;
    if (node.op->attributes().value("approximate", "none") == "tanh") {
      add_node(name + ".cube", "Pow", {x, add_number(name + ".three", 3)});
      add_node(name + ".cubic", "Mul", {name + ".cube", add_number(name + ".factor", 0.044715)});
      add_node(name + ".sum", "Add", {x, name + ".cubic"});
      const double scale = std::sqrt(2 / M_PI);
      add_node(name + ".scaled", "Mul", {name + ".sum", add_number(name + ".scale", scale)});
      inner = add_node(name + ".tanh", "Tanh", {name + ".scaled"}).name();
    } else {
      add_node(name + ".scaled", "Div", {x, add_number(name + ".root", std::sqrt(2.0))});
      inner = add_node(name + ".erf", "Erf", {name + ".scaled"}).name();
    }
    add_node(name + ".shifted", "Add", {inner, one});
    add_node(name + ".product", "Mul", {x, name + ".shifted"});
    add_node(name, "Mul", {name + ".product", half});
  }

  /// Bounds are inputs in ONNX.
  void write_clip(const Node& node) {
    std::vector<std::string> inputs = input_names(node);
    const Json& attributes = node.op->attributes();
    const auto has = [&](std::size_t i) { return i < inputs.size() && !inputs[i].empty(); };
    if (attributes.contains("min") && !has(1)) {
      inputs.resize(std::max<std::size_t>(inputs.size(), 2));
      inputs[1] = add_number(node.name + ".min", attributes["min"].get<double>());
    }
    if (attributes.contains("max") && !has(2)) {
      inputs.resize(3);
      inputs[2] = add_number(node.name + ".max", attributes["max"].get<double>());
    }
    add_node(node.name, "Clip", inputs);
  }

  void write_filled(const Node& node) {
    ::onnx::NodeProto& written = add_node(node.name, "ConstantOfShape", input_names(node));
    const Json& attributes = node.op->attributes();
    ::onnx::AttributeProto& value = *written.add_attribute();
    value.set_name("value");
    value.set_type(::onnx::AttributeProto::TENSOR);
    value.mutable_t()->add_dims(1);
    const double number = attributes.value("value", 0.0);
    if (attributes.value("type", "float") == "int64") {
      value.mutable_t()->set_data_type(::onnx::TensorProto::INT64);
      value.mutable_t()->add_int64_data(static_cast<std::int64_t>(number));
    } else {
      value.mutable_t()->set_data_type(::onnx::TensorProto::FLOAT);
      value.mutable_t()->add_float_data(static_cast<float>(number));
    }
  }

  /// In opset 17 ReduceSum has its axes as an input, the others as an attribute.
  void write_reduction(const Node& node) {
    std::vector<std::string> inputs = input_names(node);
    Json attributes = node.op->attributes();
    const bool is_sum = node.op->kind() == "ReduceSum";
    if (is_sum && attributes.contains("axes")) {
      inputs.resize(2);
      inputs[1] = node.name + ".axes";
      const auto axes = attributes["axes"].get<std::vector<std::int64_t>>();
      add_tensor(inputs[1], at::tensor(axes, at::kLong));
      attributes.erase("axes");
    }
    if (!is_sum && inputs.size() > 1) {
      const Node& axes = network_.nodes()[node.inputs[1]];
      if (axes.parameter < 0) {
        throw ConfigError("node '" + node.name + "' (" + node.op->kind() +
                          ") computes the axes it reduces (ONNX opset 17 wants constant ones); "
                          "write safetensors");
      }
      attributes["axes"] =
          operators::to_integers(network_.parameters()[index(axes.parameter)].value);
      inputs.resize(1);
      attributes.erase("noop_with_empty_axes");
    }
    ::onnx::NodeProto& written = add_node(node.name, node.op->kind(), inputs);
    for (const auto& entry : attributes.items()) {
      set_attribute(written, entry.key(), entry.value());
    }
  }

  const Network& network_;
  ::onnx::GraphProto& graph_;
  std::size_t num_bytes_ = 0;
};

}  // namespace

std::string serialise_onnx(const Network& network) {
  ::onnx::ModelProto model;
  model.set_ir_version(kIrVersion);
  model.set_producer_name("crossloom");
  model.set_producer_version(CROSSLOOM_VERSION);
  ::onnx::OperatorSetIdProto& opset = *model.add_opset_import();
  opset.set_domain("");
  opset.set_version(kOpset);
  for (const auto& [key, value] : write_metadata(network)) {
    ::onnx::StringStringEntryProto& entry = *model.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  }
  GraphWriter(network, *model.mutable_graph()).write();
  if (model.ByteSizeLong() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    throw ConfigError("the network " + network.name() +
                      " has more than 2 GB (one ONNX file holds no more); write safetensors");
  }
  return model.SerializeAsString();
}

void write_onnx(const std::filesystem::path& path, const Network& network) {
  write_file(path, serialise_onnx(network));
}

}  // namespace crossloom
