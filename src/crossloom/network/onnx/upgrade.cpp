#include "crossloom/network/onnx/upgrade.h"

#include <algorithm>

#include "crossloom/network/operators/table.h"

namespace crossloom {
namespace {

using Sizes = std::vector<std::int64_t>;
using operators::Attributes;

/// One node on its way into a trial.
struct Upgrade {
  OnnxNode& node;
  std::int64_t opset;
  OnnxTrial& trial;

  Attributes attributes() const { return Attributes(node.kind, node.attributes); }
  bool has(const std::string& name) const { return node.attributes.contains(name); }
  void drop(const std::string& name) { node.attributes.erase(name); }

  /// Input `index`, empty when absent.
  std::string input(std::size_t index) const {
    return index < node.inputs.size() ? node.inputs[index] : std::string();
  }

  /// Shape of the first input, which must have one.
  Sizes sizes(std::size_t index = 0) const {
    if (input(index).empty()) refuse_node(node, "lacks an input; correct the network");
    return trial.sizes(input(index));
  }

  void set_input(std::size_t index, const Tensor& value) {
    if (node.inputs.size() <= index) node.inputs.resize(index + 1);
    node.inputs[index] = trial.add_constant(node.name + ".input", value);
  }

  /// An attribute that became input `index`.
  void move_to_input(const std::string& name, std::size_t index) {
    if (!has(name)) return;
    set_input(index, at::tensor(attributes().integers(name), at::kLong));
    drop(name);
  }

  void add() { trial.add(node); }

  /// Adds the operator `kind` on `value` and constants, and returns its value.
  std::string add(const std::string& kind,
                  const std::string& value,
                  const std::vector<Tensor>& others,
                  const Json& attributes = Json::object()) {
    OnnxNode step;
    step.kind = kind;
    step.name = trial.fresh_name(node.name + "." + kind);
    step.attributes = attributes;
    step.inputs = {value};
    step.outputs = {step.name};
    for (const Tensor& other : others) {
      step.inputs.push_back(trial.add_constant(step.name + ".input", other));
    }
    std::string result = step.name;
    trial.add(std::move(step));
    return result;
  }
};

std::int64_t from_front(const Upgrade& given, std::int64_t axis, std::size_t rank) {
  const auto dims = static_cast<std::int64_t>(rank);
  if (axis < -dims || axis >= dims) {
    refuse_node(given.node, "has an axis beyond its input; correct the network");
  }
  return axis < 0 ? axis + dims : axis;
}

Tensor one_number(std::int64_t value) {
  return at::tensor(Sizes{value}, at::kLong);
}

/// auto_pad as pads, for windows `kernel` over an image.
void resolve_auto_pad(Upgrade& given, const Sizes& kernel) {
  const std::string mode = given.attributes().text("auto_pad", "NOTSET");
  given.drop("auto_pad");
  if (mode == "NOTSET") return;
  const std::size_t dims = kernel.size();
  given.drop("pads");
  if (mode == "VALID") return;
  const Sizes sizes = given.sizes();
  const Sizes stride = given.attributes().integers("strides", Sizes(dims, 1));
  const Sizes dilation = given.attributes().integers("dilations", Sizes(dims, 1));
  const bool is_known = mode == "SAME_UPPER" || mode == "SAME_LOWER";
  const bool is_positive =
      std::all_of(stride.begin(), stride.end(), [](auto value) { return value > 0; });
  if (!is_known || !is_positive || sizes.size() != dims + 2 || stride.size() != dims ||
      dilation.size() != dims) {
    refuse_node(given.node, "has an auto_pad that fits no image; give pads");
  }
  Sizes pads(2 * dims);
  for (std::size_t i = 0; i < dims; ++i) {
    const std::int64_t size = sizes[2 + i];
    const std::int64_t steps = (size - 1) / stride[i];
    const std::int64_t total =
        std::max<std::int64_t>(steps * stride[i] + dilation[i] * (kernel[i] - 1) + 1 - size, 0);
    const std::int64_t less = total / 2;
    pads[i] = mode == "SAME_UPPER" ? less : total - less;
    pads[dims + i] = total - pads[i];
  }
  given.node.attributes["pads"] = pads;
}

/// A window over signals [B, C, L] as one over images [B, C, 1, L].
void add_as_image(Upgrade& given) {
  const auto widen = [&](const std::string& name, std::int64_t first, std::size_t each) {
    if (!given.has(name)) return;
    Sizes values = given.attributes().integers(name);
    if (values.size() != each) refuse_node(given.node, "has a wrong " + name + "; correct it");
    values.insert(values.begin(), first);
    if (each == 2) values.insert(values.begin() + 2, first);
    given.node.attributes[name] = values;
  };
  widen("kernel_shape", 1, 1);
  widen("strides", 1, 1);
  widen("dilations", 1, 1);
  widen("pads", 0, 2);
  given.node.inputs[0] = given.add("Unsqueeze", given.input(0), {one_number(2)});
  const std::string output = given.node.outputs[0];
  given.node.outputs[0] = given.trial.fresh_name(given.node.name + ".image");
  given.add();
  OnnxNode narrow;
  narrow.name = given.trial.fresh_name(given.node.name + ".Squeeze");
  narrow.kind = "Squeeze";
  narrow.inputs = {given.node.outputs[0],
                   given.trial.add_constant(narrow.name + ".axes", one_number(2))};
  narrow.outputs = {output};
  given.trial.add(std::move(narrow));
}

void add_conv(Upgrade& given) {
  const Tensor weight = given.trial.constant(given.input(1));
  if (!weight.defined()) return given.add();  // refused there
  const Sizes sizes = weight.sizes().vec();
  if (sizes.size() < 3) return given.add();
  resolve_auto_pad(given, {sizes.begin() + 2, sizes.end()});
  if (sizes.size() != 3) return given.add();
  given.node.inputs[1] = given.add("Unsqueeze", given.input(1), {one_number(2)});
  add_as_image(given);
}

void add_pool(Upgrade& given) {
  const Sizes kernel = given.attributes().integers("kernel_shape");
  resolve_auto_pad(given, kernel);
  if (given.opset < 7) given.drop("count_include_pad");
  return kernel.size() == 1 ? add_as_image(given) : given.add();
}

void add_split(Upgrade& given) {
  const Sizes sizes = given.sizes();
  const auto axis = static_cast<std::size_t>(
      from_front(given, given.attributes().integer("axis", 0), sizes.size()));
  const auto count = static_cast<std::int64_t>(given.node.outputs.size());
  Sizes parts(given.node.outputs.size(), (sizes[axis] + count - 1) / count);  // the last is smaller
  if (given.has("split")) parts = given.attributes().integers("split");
  if (!given.input(1).empty()) {
    const Tensor split = given.trial.constant(given.input(1));
    if (!split.defined()) {
      refuse_node(given.node, "splits at sizes that the network computes; split at constant ones");
    }
    parts = operators::to_integers(split);
  }
  if (parts.size() != given.node.outputs.size()) {
    refuse_node(given.node, "has not as many sizes as outputs; correct the network");
  }
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    OnnxNode slice;
    slice.kind = "Slice";
    slice.name = given.node.name + "." + std::to_string(i);
    const std::int64_t end = i + 1 == parts.size() ? std::int64_t{1} << 62 : begin + parts[i];
    const auto bound = [&](const char* which, std::int64_t value) {
      return given.trial.add_constant(slice.name + "." + which, one_number(value));
    };
    slice.inputs = {given.input(0),
                    bound("starts", begin),
                    bound("ends", end),
                    bound("axes", static_cast<std::int64_t>(axis))};
    slice.outputs = {given.node.outputs[i]};
    begin = end;
    given.trial.add(std::move(slice));
  }
}

/// Before opset 13 the dimensions from `axis` on, 1 by default, are taken together.
void add_softmax(Upgrade& given) {
  if (given.opset >= 13) return given.add();
  const Sizes sizes = given.sizes();
  const std::int64_t axis = from_front(given, given.attributes().integer("axis", 1), sizes.size());
  given.node.attributes["axis"] = axis;
  const bool is_plain = std::all_of(
      sizes.begin() + axis + 1, sizes.end(), [](std::int64_t size) { return size == 1; });
  if (is_plain) return given.add();
  const std::string shape = given.add("Shape", given.input(0), {});
  const std::string flat = given.add("Flatten", given.input(0), {}, {{"axis", axis}});
  const std::string result = given.add(given.node.kind, flat, {}, {{"axis", 1}});
  given.node.kind = "Reshape";
  given.node.attributes = Json::object();
  given.node.inputs = {result, shape};
  given.add();
}

/// Before opset 7 a second input is broadcast only when asked for, from `axis` on.
void add_binary(Upgrade& given) {
  const bool is_old = given.opset < 7;
  if (is_old && given.has("axis")) {
    const auto rank = static_cast<std::int64_t>(given.sizes().size());
    const auto own = static_cast<std::int64_t>(given.sizes(1).size());
    const std::int64_t axis =
        from_front(given, given.attributes().integer("axis", 0), static_cast<std::size_t>(rank));
    Sizes added;
    for (std::int64_t i = axis + own; i < rank; ++i) added.push_back(i - axis);
    if (!added.empty()) {
      given.node.inputs[1] = given.add("Unsqueeze", given.input(1), {at::tensor(added, at::kLong)});
    }
  }
  if (is_old) {
    given.drop("axis");
    given.drop("broadcast");
  }
  given.add();
}

/// Before opset 7 the slopes of the channels have no further dimensions.
void add_prelu(Upgrade& given) {
  if (given.opset < 7 && given.sizes(1).size() == 1 && given.sizes().size() > 2) {
    Sizes added;
    for (std::size_t i = 2; i < given.sizes().size(); ++i) {
      added.push_back(static_cast<std::int64_t>(i) - 1);
    }
    given.node.inputs[1] = given.add("Unsqueeze", given.input(1), {at::tensor(added, at::kLong)});
  }
  given.add();
}

void add_batch_norm(Upgrade& given) {
  if (given.attributes().integer("spatial", 1) == 0) {
    refuse_node(given.node,
                "normalises every pixel by itself (spatial = 0 of an old opset); export the "
                "network in opset 17");
  }
  given.drop("spatial");
  given.drop("is_test");
  given.add();
}

void add_clip(Upgrade& given) {
  const std::array<const char*, 2> names = {"min", "max"};
  bool is_constant = true;
  for (std::size_t i = 0; i < 2; ++i) {
    const Tensor bound = given.trial.constant(given.input(1 + i));
    is_constant &= given.input(1 + i).empty() || (bound.defined() && bound.numel() == 1);
  }
  for (std::size_t i = 0; i < 2 && is_constant; ++i) {
    const Tensor bound = given.trial.constant(given.input(1 + i));
    if (bound.defined()) given.node.attributes[names[i]] = bound.item<double>();
  }
  if (is_constant && !given.node.inputs.empty()) given.node.inputs.resize(1);
  given.add();
}

void add_cast(Upgrade& given) {
  given.drop("saturate");
  const auto to = given.node.attributes.find("to");
  constexpr std::int64_t kFloat = 1;
  const bool is_text = to != given.node.attributes.end() && to->is_string();
  const std::int64_t type = is_text ? (*to == "INT64"   ? 7
                                       : *to == "INT32" ? 6
                                       : *to == "BOOL"  ? 9
                                                        : kFloat)
                                    : given.attributes().integer("to", kFloat);
  const bool is_float = type == 10 || type == 11 || type == 16;  // half, double, bfloat16
  given.node.attributes["to"] = is_float ? kFloat : type;
  given.add();
}

void add_constant(Upgrade& given) {
  Tensor value;
  const auto tensor = given.node.tensors.find("value");
  Attributes attributes = given.attributes();
  const auto numbers = [&](const char* name) {
    const Json& list = given.node.attributes.at(name);
    const bool is_list =
        list.is_array() &&
        std::all_of(list.begin(), list.end(), [](const Json& n) { return n.is_number(); });
    if (!is_list) refuse_node(given.node, "holds no numbers; correct the network");
    return list;
  };
  if (tensor != given.node.tensors.end()) {
    value = tensor->second;
  } else if (given.has("value_float")) {
    value = at::scalar_tensor(attributes.real("value_float", 0), at::kFloat);
  } else if (given.has("value_int")) {
    value = at::scalar_tensor(attributes.integer("value_int", 0), at::kLong);
  } else if (given.has("value_floats")) {
    value = at::tensor(numbers("value_floats").get<std::vector<double>>(), at::kFloat);
  } else if (given.has("value_ints")) {
    value = at::tensor(attributes.integers("value_ints"), at::kLong);
  } else {
    refuse_node(given.node, "holds no numbers (a text or a sparse tensor); export it dense");
  }
  given.trial.add_alias(given.node.outputs[0],
                        given.trial.add_constant(given.node.name + ".value", value));
}

void add_constant_of_shape(Upgrade& given) {
  const auto value = given.node.tensors.find("value");
  if (value != given.node.tensors.end()) {
    if (value->second.numel() != 1) {
      refuse_node(given.node, "has not one value; correct the network");
    }
    given.node.attributes["value"] = value->second.item<double>();
    given.node.attributes["type"] = value->second.is_floating_point() ? "float" : "int64";
    given.node.tensors.clear();
  }
  given.add();
}

void add_dropout(Upgrade& given) {
  const Tensor training = given.trial.constant(given.input(2));
  const bool is_computed = !given.input(2).empty() && !training.defined();
  const bool is_training =
      training.defined() && training.numel() == 1 && training.item<double>() != 0;
  if (is_computed || is_training) {
    refuse_node(given.node, "drops values at random; export the network in evaluation mode");
  }
  given.trial.add_alias(given.node.outputs[0], given.input(0));
}

void add_identity(Upgrade& given) {
  given.trial.add_alias(given.node.outputs[0], given.input(0));
}

void add_slice(Upgrade& given) {
  if (given.opset < 10) {
    given.move_to_input("starts", 1);
    given.move_to_input("ends", 2);
    given.move_to_input("axes", 3);
  }
  given.add();
}

void add_pad(Upgrade& given) {
  if (given.opset < 11) {
    given.move_to_input("paddings", 1);
    given.move_to_input("pads", 1);
    const double value = given.attributes().real("value", 0);
    given.drop("value");
    if (value != 0) given.set_input(2, at::scalar_tensor(value, at::kFloat));
  }
  given.add();
}

void add_with_axes(Upgrade& given) {
  given.move_to_input("axes", 1);
  given.add();
}

void add_reshape(Upgrade& given) {
  given.move_to_input("shape", 1);
  given.add();
}

void add_concat(Upgrade& given) {
  if (given.opset < 4 && !given.has("axis")) given.node.attributes["axis"] = 1;
  given.add();
}

void add_gemm(Upgrade& given) {
  given.drop("broadcast");
  given.add();
}

using Add = void (*)(Upgrade&);

const std::map<std::string, Add>& upgrades() {
  static const std::map<std::string, Add> all = {{"Add", add_binary},
                                                 {"And", add_binary},
                                                 {"AveragePool", add_pool},
                                                 {"BatchNormalization", add_batch_norm},
                                                 {"Cast", add_cast},
                                                 {"Clip", add_clip},
                                                 {"Concat", add_concat},
                                                 {"Constant", add_constant},
                                                 {"ConstantOfShape", add_constant_of_shape},
                                                 {"Conv", add_conv},
                                                 {"Div", add_binary},
                                                 {"Dropout", add_dropout},
                                                 {"Equal", add_binary},
                                                 {"Gemm", add_gemm},
                                                 {"Greater", add_binary},
                                                 {"Identity", add_identity},
                                                 {"Less", add_binary},
                                                 {"LogSoftmax", add_softmax},
                                                 {"MaxPool", add_pool},
                                                 {"Mul", add_binary},
                                                 {"Or", add_binary},
                                                 {"PRelu", add_prelu},
                                                 {"Pad", add_pad},
                                                 {"Pow", add_binary},
                                                 {"Reshape", add_reshape},
                                                 {"Slice", add_slice},
                                                 {"Softmax", add_softmax},
                                                 {"Split", add_split},
                                                 {"Squeeze", add_with_axes},
                                                 {"Sub", add_binary},
                                                 {"Unsqueeze", add_with_axes},
                                                 {"Xor", add_binary}};
  return all;
}

}  // namespace

void add_upgraded(OnnxNode node, std::int64_t opset, OnnxTrial& trial) {
  if (opset < 7) node.attributes.erase("consumed_inputs");
  Upgrade upgrade{node, opset, trial};
  const auto found = upgrades().find(node.kind);
  found == upgrades().end() ? upgrade.add() : found->second(upgrade);
}

}  // namespace crossloom
