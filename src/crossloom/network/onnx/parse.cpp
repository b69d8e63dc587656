// Protobuf to `OnnxGraph`.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <fstream>
#include <limits>
#include <optional>

#include <google/protobuf/stubs/logging.h>

#include "crossloom/network/onnx/graph.h"
#include "crossloom/network/onnx/proto.h"
#include "crossloom/network/operators.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kNewestOpset = 21;
constexpr std::int64_t kLargest = std::int64_t{1} << 40;  // elements of a tensor

[[noreturn]] void refuse(const fs::path& path, const std::string& why, const std::string& remedy) {
  throw ConfigError("cannot use " + path.string() + " (" + why + "); " + remedy);
}

constexpr const char* kExportAgain = "export the network again";

/// How a type of ONNX is stored in a file.
struct StoredType {
  at::ScalarType type;
  bool becomes_float;  // computed in float32
};

std::optional<StoredType> stored_type(std::int64_t onnx_type) {
  switch (onnx_type) {
    case ::onnx::TensorProto::FLOAT:
      return StoredType{at::kFloat, true};
    case ::onnx::TensorProto::DOUBLE:
      return StoredType{at::kDouble, true};
    case ::onnx::TensorProto::FLOAT16:
      return StoredType{at::kHalf, true};
    case ::onnx::TensorProto::BFLOAT16:
      return StoredType{at::kBFloat16, true};
    case ::onnx::TensorProto::INT64:
      return StoredType{at::kLong, false};
    case ::onnx::TensorProto::INT32:
      return StoredType{at::kInt, false};
    case ::onnx::TensorProto::INT16:
      return StoredType{at::kShort, false};
    case ::onnx::TensorProto::INT8:
      return StoredType{at::kChar, false};
    case ::onnx::TensorProto::UINT8:
      return StoredType{at::kByte, false};
    case ::onnx::TensorProto::BOOL:
      return StoredType{at::kBool, false};
    default:
      return std::nullopt;
  }
}

std::string printable(const std::string& text) {
  std::string shown = text;
  for (char& c : shown) {
    if (c < ' ' || c > '~') c = '?';
  }
  return shown;
}

/// The number that was written: the float nearest to 1e-5 becomes 1e-5.
double as_written(float value) {
  std::array<char, 64> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  double number = value;
  std::from_chars(text.data(), end, number);
  return number;
}

/// Reads the tensors of one file.
class TensorReader {
 public:
  explicit TensorReader(fs::path path) : path_(std::move(path)) {}

  Tensor read(const ::onnx::TensorProto& proto) const {
    const std::optional<StoredType> stored = stored_type(proto.data_type());
    if (!stored) {
      bad(proto, "has the type " + std::to_string(proto.data_type()) + ", which is no number");
    }
    if (proto.has_segment()) bad(proto, "is cut into segments");
    const std::vector<std::int64_t> sizes(proto.dims().begin(), proto.dims().end());
    const std::int64_t count = count_elements(proto, sizes);
    Tensor tensor = read_values(proto, stored->type, count).reshape(sizes);
    return stored->becomes_float ? tensor.to(at::kFloat) : tensor;
  }

 private:
  [[noreturn]] void bad(const ::onnx::TensorProto& proto, const std::string& why) const {
    refuse(path_, "its tensor '" + printable(proto.name()) + "' " + why, kExportAgain);
  }

  std::int64_t count_elements(const ::onnx::TensorProto& proto,
                              const std::vector<std::int64_t>& sizes) const {
    std::int64_t bound = 1;  // of the number of elements, and of every stride
    for (const std::int64_t size : sizes) {
      if (size < 0 || size > kLargest / bound) {
        bad(proto, "has a shape that is negative or overflows");
      }
      bound *= std::max<std::int64_t>(size, 1);
    }
    const bool is_empty = std::find(sizes.begin(), sizes.end(), 0) != sizes.end();
    return is_empty ? 0 : bound;
  }

  Tensor read_values(const ::onnx::TensorProto& proto,
                     at::ScalarType type,
                     std::int64_t count) const {
    if (proto.data_location() == ::onnx::TensorProto::EXTERNAL) {
      return from_bytes(proto, read_external(proto), type, count);
    }
    if (proto.has_raw_data()) return from_bytes(proto, proto.raw_data(), type, count);
    if (type == at::kFloat) return from_list(proto, proto.float_data(), count);
    if (type == at::kDouble) return from_list(proto, proto.double_data(), count);
    if (type == at::kLong) return from_list(proto, proto.int64_data(), count);
    const Tensor numbers = from_list(proto, proto.int32_data(), count);
    if (type == at::kHalf || type == at::kBFloat16) {  // their bits
      return numbers.to(at::kShort).view(type);
    }
    return numbers.to(type);
  }

  Tensor from_bytes(const ::onnx::TensorProto& proto,
                    const std::string& bytes,
                    at::ScalarType type,
                    std::int64_t count) const {
    const std::uint64_t needed = static_cast<std::uint64_t>(count) * c10::elementSize(type);
    if (bytes.size() != needed) {
      bad(proto,
          "has " + std::to_string(bytes.size()) + " bytes where its shape needs " +
              std::to_string(needed));
    }
    Tensor tensor = at::empty({count}, type);
    if (needed > 0) std::memcpy(tensor.data_ptr(), bytes.data(), needed);
    return tensor;
  }

  template <class Number>
  Tensor from_list(const ::onnx::TensorProto& proto,
                   const google::protobuf::RepeatedField<Number>& values,
                   std::int64_t count) const {
    if (values.size() != count) {
      bad(proto,
          "has " + std::to_string(values.size()) + " values where its shape needs " +
              std::to_string(count));
    }
    Tensor tensor = at::empty({count}, c10::CppTypeToScalarType<Number>::value);
    std::copy(values.begin(), values.end(), tensor.data_ptr<Number>());
    return tensor;
  }

  std::uint64_t external_number(const ::onnx::TensorProto& proto,
                                const ::onnx::StringStringEntryProto& entry) const {
    std::uint64_t value = 0;
    const char* const end = entry.value().data() + entry.value().size();
    if (std::from_chars(entry.value().data(), end, value).ptr != end) {
      bad(proto, "has an external " + printable(entry.key()) + " that is no number");
    }
    return value;
  }

  std::string read_external(const ::onnx::TensorProto& proto) const {
    fs::path location;
    std::uint64_t offset = 0;
    std::optional<std::uint64_t> length;
    for (const auto& entry : proto.external_data()) {
      if (entry.key() == "location") location = entry.value();
      if (entry.key() == "offset") offset = external_number(proto, entry);
      if (entry.key() == "length") length = external_number(proto, entry);
    }
    return read_part(proto, external_path(proto, location), offset, length);
  }

  /// The file must lie in the folder of the model, links followed.
  fs::path external_path(const ::onnx::TensorProto& proto, const fs::path& location) const {
    std::error_code error;
    const fs::path folder = fs::weakly_canonical(fs::absolute(path_).parent_path(), error);
    fs::path file = fs::weakly_canonical(folder / location, error);
    const auto end = std::mismatch(folder.begin(), folder.end(), file.begin(), file.end()).first;
    if (error || location.empty() || end != folder.end() || !fs::is_regular_file(file, error)) {
      bad(proto,
          "is kept in '" + printable(location.string()) +
              "', which is no file in the folder of the model");
    }
    return file;
  }

  std::string read_part(const ::onnx::TensorProto& proto,
                        const fs::path& file,
                        std::uint64_t offset,
                        std::optional<std::uint64_t> length) const {
    std::error_code error;
    const std::uint64_t size = fs::file_size(file, error);
    if (error || offset > size || length.value_or(0) > size - offset) {
      bad(proto, "lies beyond the end of '" + file.filename().string() + "'");
    }
    std::string bytes(static_cast<std::size_t>(length.value_or(size - offset)), '\0');
    std::ifstream stream(file, std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(offset));
    stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!stream) bad(proto, "cannot be read from '" + file.filename().string() + "'");
    return bytes;
  }

  fs::path path_;
};

using AttributeType = ::onnx::AttributeProto;

/// Files before IR version 2 do not say which kind of value an attribute has.
AttributeType::AttributeType type_of(const AttributeType& attribute) {
  if (attribute.type() != AttributeType::UNDEFINED) return attribute.type();
  if (attribute.has_f()) return AttributeType::FLOAT;
  if (attribute.has_i()) return AttributeType::INT;
  if (attribute.has_s()) return AttributeType::STRING;
  if (attribute.has_t()) return AttributeType::TENSOR;
  if (attribute.floats_size() > 0) return AttributeType::FLOATS;
  if (attribute.strings_size() > 0) return AttributeType::STRINGS;
  return AttributeType::INTS;
}

void read_attribute(const AttributeType& attribute, const TensorReader& tensors, OnnxNode& node) {
  const std::string name = printable(attribute.name());
  Json list = Json::array();
  switch (type_of(attribute)) {
    case AttributeType::FLOAT:
      node.attributes[name] = as_written(attribute.f());
      return;
    case AttributeType::INT:
      node.attributes[name] = attribute.i();
      return;
    case AttributeType::STRING:
      node.attributes[name] = printable(attribute.s());
      return;
    case AttributeType::TENSOR:
      node.tensors[name] = tensors.read(attribute.t());
      return;
    case AttributeType::FLOATS:
      for (const float value : attribute.floats()) list.push_back(as_written(value));
      break;
    case AttributeType::INTS:
      for (const std::int64_t value : attribute.ints()) list.push_back(value);
      break;
    case AttributeType::STRINGS:
      for (const std::string& value : attribute.strings()) list.push_back(printable(value));
      break;
    default:
      refuse_node(node,
                  "has the attribute '" + name +
                      "' (a graph or a list of tensors, which crossloom does not know); export the "
                      "network without it");
  }
  node.attributes[name] = list;
}

/// Operators that become others, or stored products.
bool is_known(const std::string& kind) {
  return kind == "Conv" || kind == "Constant" || kind == "Split" || Operator::is_known(kind);
}

OnnxNode read_node(const ::onnx::NodeProto& proto, const TensorReader& tensors) {
  OnnxNode node;
  node.kind = printable(proto.op_type());
  node.inputs.assign(proto.input().begin(), proto.input().end());
  node.outputs.assign(proto.output().begin(), proto.output().end());
  if (node.outputs.empty()) node.outputs.emplace_back();
  node.name = printable(proto.name().empty() ? node.outputs[0] : proto.name());
  const bool is_standard = proto.domain().empty() || proto.domain() == "ai.onnx";
  if (!is_standard || !is_known(node.kind)) {
    const std::string domain = is_standard ? "" : " of '" + printable(proto.domain()) + "'";
    throw ConfigError("unknown operator '" + node.kind + "'" + domain + " at node '" + node.name +
                      "' (crossloom cannot compute it); export the network without it, or open an "
                      "issue that names it");
  }
  for (const auto& attribute : proto.attribute()) read_attribute(attribute, tensors, node);
  return node;
}

OnnxInput read_input(const ::onnx::ValueInfoProto& proto, const fs::path& path) {
  OnnxInput input;
  input.name = proto.name();
  const auto bad = [&](const std::string& why) {
    refuse(path, "its input '" + printable(proto.name()) + "' " + why, kExportAgain);
  };
  if (!proto.type().has_tensor_type()) bad("is no tensor");
  const auto& type = proto.type().tensor_type();
  const std::optional<StoredType> stored = stored_type(type.elem_type());
  if (!stored) bad("has the type " + std::to_string(type.elem_type()) + ", which is no number");
  input.type = stored->becomes_float ? at::kFloat : stored->type;
  for (const auto& dim : type.shape().dim()) {
    const bool is_open = !dim.has_dim_value();
    if (!is_open && dim.dim_value() < 1) bad("has a dimension below one");
    input.sizes.push_back(is_open ? -1 : dim.dim_value());
    input.dim_names.push_back(printable(dim.dim_param()));
  }
  if (input.sizes.empty()) bad("has no dimension for the batch");
  return input;
}

/// The outputs of `nodes`, each of which must have a name of its own.
std::set<std::string> collect_outputs(const std::vector<OnnxNode>& nodes,
                                      const std::set<std::string>& defined,
                                      const fs::path& path) {
  std::set<std::string> made;
  const auto add = [&](const std::string& output) {
    if (output.empty() || (defined.count(output) == 0 && made.insert(output).second)) return;
    refuse(path, "'" + printable(output) + "' is defined twice", kExportAgain);
  };
  for (const OnnxNode& node : nodes) {
    std::for_each(node.outputs.begin(), node.outputs.end(), add);
  }
  return made;
}

/// Whether all inputs of `node` are defined; those that are not must be `made` by some node.
bool is_ready(const OnnxNode& node,
              const std::set<std::string>& defined,
              const std::set<std::string>& made) {
  bool ready = true;
  for (const std::string& input : node.inputs) {
    if (input.empty() || defined.count(input) > 0) continue;
    if (made.count(input) == 0) {
      refuse_node(node,
                  "needs '" + printable(input) +
                      "' (neither an input nor an initialiser nor the output of a node); " +
                      kExportAgain);
    }
    ready = false;
  }
  return ready;
}

/// Nodes in an order in which every value is there before it is used; that of the file where it
/// can be.
std::vector<OnnxNode> in_order(std::vector<OnnxNode> nodes,
                               std::set<std::string> defined,
                               const fs::path& path) {
  const std::set<std::string> made = collect_outputs(nodes, defined, path);
  std::vector<OnnxNode> sorted;
  while (!nodes.empty()) {
    std::vector<OnnxNode> waiting;
    for (OnnxNode& node : nodes) {
      const bool ready = is_ready(node, defined, made);
      if (ready) defined.insert(node.outputs.begin(), node.outputs.end());
      (ready ? sorted : waiting).push_back(std::move(node));
    }
    if (waiting.size() == nodes.size()) {
      refuse_node(waiting[0],
                  std::string("needs its own output (the graph has a cycle); ") + kExportAgain);
    }
    nodes = std::move(waiting);
  }
  return sorted;
}

/// The further outputs of Dropout, MaxPool and the like are not computed.
void require_first_outputs_only(OnnxGraph& graph) {
  const std::map<std::string, std::size_t> uses = count_uses(graph);
  for (OnnxNode& node : graph.nodes) {
    if (node.kind == "Split") continue;
    const auto is_used = [&](const std::string& output) {
      return !output.empty() && uses.count(output) > 0;
    };
    const auto used = std::find_if(node.outputs.begin() + 1, node.outputs.end(), is_used);
    if (used != node.outputs.end()) {
      refuse_node(
          node,
          "is used by its output " + std::to_string(used - node.outputs.begin() + 1) +
              " (crossloom computes the first only); export the network in evaluation mode");
    }
    node.outputs.resize(1);
  }
}

::onnx::ModelProto parse_model(const std::string& bytes, const fs::path& path) {
  const google::protobuf::LogSilencer silencer;  // the reason is given below
  ::onnx::ModelProto model;
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()) ||
      !model.ParseFromString(bytes)) {
    refuse(path, "cut short, damaged, or no ONNX model", "give a complete .onnx file");
  }
  if (!model.has_graph() || model.graph().output_size() == 0) {
    refuse(path, "it holds no graph with an output", "give a complete .onnx file");
  }
  return model;
}

std::int64_t read_opset(const ::onnx::ModelProto& model, const fs::path& path) {
  std::int64_t opset = 0;
  for (const auto& set : model.opset_import()) {
    if (set.domain().empty() || set.domain() == "ai.onnx") opset = set.version();
  }
  if (opset < 1 || opset > kNewestOpset) {
    refuse(path,
           opset == 0 ? "it does not say its opset" : "it is of opset " + std::to_string(opset),
           "export the network in ONNX opset 17");
  }
  return opset;
}

OnnxGraph read_values(const ::onnx::GraphProto& proto, const fs::path& path) {
  const TensorReader tensors(path);
  OnnxGraph graph;
  graph.name = printable(proto.name());
  if (proto.sparse_initializer_size() > 0) {
    refuse(path, "it has sparse initialisers", "export the network with dense ones");
  }
  for (const auto& initialiser : proto.initializer()) {
    const Tensor value = tensors.read(initialiser);
    const bool is_weight = value.is_floating_point() && value.numel() > 1;
    const OnnxConstant constant = {value, initialiser.name(), is_weight};
    if (!graph.constants.emplace(initialiser.name(), constant).second) {
      refuse(path, "'" + printable(initialiser.name()) + "' is defined twice", kExportAgain);
    }
  }
  for (const auto& input : proto.input()) {
    // Before IR version 4, initialisers are inputs too.
    if (graph.constants.count(input.name()) == 0) graph.inputs.push_back(read_input(input, path));
  }
  for (const auto& output : proto.output()) graph.outputs.push_back(output.name());
  for (const auto& node : proto.node()) graph.nodes.push_back(read_node(node, tensors));
  return graph;
}

}  // namespace

OnnxGraph parse_onnx_graph(const std::string& bytes, const fs::path& path) {
  const ::onnx::ModelProto model = parse_model(bytes, path);
  const std::int64_t opset = read_opset(model, path);
  OnnxGraph graph = read_values(model.graph(), path);
  graph.opset = opset;
  for (const auto& entry : model.metadata_props()) graph.metadata[entry.key()] = entry.value();
  std::set<std::string> defined;
  for (const auto& constant : graph.constants) defined.insert(constant.first);
  for (const OnnxInput& input : graph.inputs) {
    if (!defined.insert(input.name).second) {
      refuse(path, "'" + printable(input.name) + "' is defined twice", kExportAgain);
    }
  }
  graph.nodes = in_order(std::move(graph.nodes), defined, path);
  for (const OnnxNode& node : graph.nodes) {
    defined.insert(node.outputs.begin(), node.outputs.end());
  }
  for (const std::string& output : graph.outputs) {
    if (defined.count(output) == 0) {
      refuse(path, "nothing computes its output '" + printable(output) + "'", kExportAgain);
    }
  }
  require_first_outputs_only(graph);
  return graph;
}

}  // namespace crossloom
