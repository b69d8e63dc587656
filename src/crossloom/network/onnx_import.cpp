#include "crossloom/network/onnx_import.h"

#include <algorithm>
#include <limits>
#include <set>

#include "crossloom/core/files.h"
#include "crossloom/network/onnx/graph.h"
#include "crossloom/network/onnx/metadata.h"
#include "crossloom/network/onnx/product.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kLength = 128;       // tokens, where the file leaves them open
constexpr std::int64_t kLargest = 1 << 26;  // numbers of one example

bool is_length(std::string name) {
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return name.find("seq") != std::string::npos || name.find("len") != std::string::npos ||
         name.find("token") != std::string::npos;
}

/// Gives each open size of `input` a number, and the sizes of a second batch.
void settle_sizes(OnnxInput& input, std::int64_t length, const OnnxOptions& options) {
  std::vector<std::int64_t>& sizes = input.sizes;
  const auto given = options.sizes.find(input.name);
  if (sizes[0] > 1) {
    throw ConfigError("the input '" + input.name + "' takes batches of " +
                      std::to_string(sizes[0]) +
                      " only (a network must take any); export it with a first dimension that is "
                      "dynamic or one");
  }
  if (given != options.sizes.end() && given->second.size() + 1 != sizes.size()) {
    throw ConfigError("the sizes given for the input '" + input.name + "' are " +
                      std::to_string(given->second.size()) + " (one example has " +
                      std::to_string(sizes.size() - 1) + " dimensions); give as many");
  }
  sizes[0] = 1;
  input.other_sizes = sizes;
  input.other_sizes[0] = 2;
  std::int64_t count = 1;
  for (std::size_t i = 1; i < sizes.size(); ++i) {
    if (sizes[i] < 0 && given != options.sizes.end()) {
      sizes[i] = input.other_sizes[i] = given->second[i - 1];
    } else if (sizes[i] < 0 && is_length(input.dim_names[i])) {
      sizes[i] = length;
      input.other_sizes[i] = length / 2 + 1;  // tells what depends on the length
    } else if (sizes[i] < 0) {
      throw ConfigError("dimension " + std::to_string(i) + " of the input '" + input.name +
                        "' is open (the layers behind it need its size); give the sizes of one "
                        "example");
    }
    if (sizes[i] < 1 || sizes[i] > kLargest / count) {
      throw ConfigError("the input '" + input.name + "' has " + std::to_string(sizes[i]) +
                        " as dimension " + std::to_string(i) +
                        " (one example has 1 to 2^26 numbers); correct the size");
    }
    count *= sizes[i];
  }
}

/// "/layer1/layer1.0/conv1/Conv", as PyTorch calls the nodes of a module, to "layer1.0.conv1".
std::string module_name(const std::string& node) {
  if (node.empty() || node[0] != '/') return node;
  std::string name;
  std::string last;
  std::size_t begin = 1;
  for (std::size_t end = node.find('/', begin); end != std::string::npos;
       begin = end + 1, end = node.find('/', begin)) {
    const std::string part = node.substr(begin, end - begin);
    const bool repeats = !last.empty() && part.rfind(last + ".", 0) == 0;
    if (repeats) {
      name += part.substr(last.size());
    } else {
      name += (name.empty() ? "" : ".") + part;
    }
    last = part;
  }
  return name.empty() ? node : name;
}

/// Writes a graph, folded and fused, as a network.
class Emitter {
 public:
  Emitter(const OnnxGraph& graph, const std::string& name) : graph_(graph), network_(name) {}

  Network emit(const OnnxOptions& options) && {
    const InputScaling scaling = options.scaling.value_or(read_scaling(graph_));
    for (const OnnxInput& input : graph_.inputs) {
      NetworkInput added;
      added.name = unique(input.name, {""});
      added.sizes.assign(input.sizes.begin() + 1, input.sizes.end());
      added.type = input.type;
      if (added.sizes.size() == 3) added.scaling = per_channel(scaling, added.sizes[0]);
      nodes_[input.name] = network_.add_input(added);
    }
    for (const OnnxNode& node : graph_.nodes) add(node);
    for (const std::string& output : graph_.outputs) network_.add_output(source(output));
    return std::move(network_);
  }

 private:
  static InputScaling per_channel(InputScaling scaling, std::int64_t channels) {
    const auto count = static_cast<std::size_t>(channels);
    if (scaling.mean.size() == 1) scaling.mean.resize(count, scaling.mean[0]);
    if (scaling.std.size() == 1) scaling.std.resize(count, scaling.std[0]);
    if (scaling.mean.size() != count || scaling.std.size() != count) {
      throw ConfigError("the scaling of the inputs has " + std::to_string(scaling.mean.size()) +
                        " means (the images have " + std::to_string(channels) +
                        " channels); give one of each");
    }
    return scaling;
  }

  /// `name`, or `name`.2 … when one of `name` + `suffixes` is taken.
  std::string unique(const std::string& name, const std::vector<std::string>& suffixes) {
    std::string chosen = name;
    const auto is_taken = [&](const std::string& suffix) {
      return names_.count(chosen + suffix) > 0;
    };
    for (int i = 2; std::any_of(suffixes.begin(), suffixes.end(), is_taken); ++i) {
      chosen = name + "." + std::to_string(i);
    }
    for (const std::string& suffix : suffixes) names_.insert(chosen + suffix);
    return chosen;
  }

  /// The node of a value. A constant becomes one when it is first used.
  std::size_t source(const std::string& value) {
    if (value.empty()) return kNoInput;
    const auto found = nodes_.find(value);
    if (found != nodes_.end()) return found->second;
    const OnnxConstant& constant = graph_.constants.at(value);
    const std::string& name = constant.origin.empty() ? value : constant.origin;
    const bool is_trained = constant.is_weight && statistics_.count(value) == 0;
    return nodes_[value] =
               network_.add_parameter(unique(name, {""}), constant.value.clone(), is_trained);
  }

  /// The name of what a product is in PyTorch: that of its weight or bias, else of its node.
  std::string product_name(const OnnxNode& node) const {
    const auto base = [&](std::size_t input, const std::string& suffix) -> std::string {
      if (input >= node.inputs.size()) return "";
      const auto constant = graph_.constants.find(node.inputs[input]);
      if (constant == graph_.constants.end()) return "";
      const std::string& origin = constant->second.origin;
      const bool fits = origin.size() > suffix.size() &&
                        origin.compare(origin.size() - suffix.size(), suffix.size(), suffix) == 0;
      return fits ? origin.substr(0, origin.size() - suffix.size()) : "";
    };
    std::string by_weight = base(1, ".weight");
    if (!by_weight.empty()) return by_weight;
    std::string by_bias = base(2, ".bias");
    return by_bias.empty() ? module_name(node.name) : by_bias;
  }

  void add(const OnnxNode& node) {
    if (node.kind == "BatchNormalization") {
      if (node.attributes.value("training_mode", 0) != 0) {
        throw ConfigError(
            "BatchNormalization in training mode (its output would depend on the batch); export "
            "the network in evaluation mode");
      }
      statistics_.insert(node.inputs.begin() + 3, node.inputs.end());
    }
    const auto product = find_product(node, graph_.constants);
    nodes_[node.outputs[0]] = product ? add_product(node, *product) : add_operator(node);
  }

  std::size_t add_product(const OnnxNode& node, const OnnxProduct& product) {
    const std::string name = unique(product_name(node), {"", ".weight", ".bias", ".scale"});
    const bool has_bias = product.bias.defined();
    const std::size_t added =
        network_.add_product(name, source(node.inputs[0]), product.geometry, has_bias);
    StoredProduct& stored = network_.products().back();
    const auto own = [](const Tensor& t) { return t.to(at::kFloat).contiguous().clone(); };
    stored.weight = own(product.weight);
    if (has_bias) stored.bias = own(product.bias);
    return added;
  }

  std::size_t add_operator(const OnnxNode& node) {
    std::vector<std::size_t> inputs;
    for (const std::string& input : node.inputs) inputs.push_back(source(input));
    return network_.add_operator(unique(node.name, {""}), inputs, node.kind, node.attributes);
  }

  const OnnxGraph& graph_;
  Network network_;
  std::map<std::string, std::size_t> nodes_;
  std::set<std::string> names_;
  std::set<std::string> statistics_;  // means and variances of batch normalisations
};

/// Two examples that differ, without randomness.
Tensor some_pair(const NetworkInput& input) {
  std::vector<std::int64_t> sizes = input.sizes;
  sizes.insert(sizes.begin(), 2);
  const Tensor numbers = at::arange(c10::multiply_integers(sizes)).reshape(sizes);
  return input.type == at::kFloat ? at::sin(numbers.to(at::kFloat))
                                  : numbers.remainder(2).to(input.type);
}

/// Whether `example` of the outputs `together` of a batch of two is what it gives by itself.
bool is_independent(const std::vector<Tensor>& together,
                    const std::vector<Tensor>& alone,
                    std::int64_t example) {
  for (std::size_t i = 0; i < together.size(); ++i) {
    if (together[i].dim() == 0 || together[i].size(0) != 2) continue;
    const Tensor own = together[i].narrow(0, example, 1);
    if (own.sizes() != alone[i].sizes()) return false;
    if (!own.allclose(alone[i], 1e-3, 1e-4, /*equal_nan=*/true)) return false;
  }
  return true;
}

/// Two examples in one batch must give what each gives by itself; else a size of the batch that
/// was written into the file was taken for something else.
void require_independent_examples(const Network& network) {
  const at::NoGradGuard no_grad;
  std::vector<Tensor> batch(network.inputs().size());
  std::transform(network.inputs().begin(), network.inputs().end(), batch.begin(), some_pair);
  const std::vector<Tensor> together = network.forward(batch);
  for (std::int64_t example = 0; example < 2; ++example) {
    std::vector<Tensor> one = batch;
    for (Tensor& input : one) input = input.narrow(0, example, 1);
    if (is_independent(together, network.forward(one), example)) continue;
    throw ConfigError("the network " + network.name() +
                      " mixes the examples of a batch (the file was written for a batch of one); "
                      "export it with the first dimension of its inputs dynamic");
  }
}

}  // namespace

namespace {

Network import_graph(const std::string& bytes, const fs::path& path, const OnnxOptions& options) {
  OnnxGraph graph = parse_onnx_graph(bytes, path);
  if (graph.inputs.empty()) {
    throw ConfigError("cannot use " + path.string() +
                      " (its graph has no input); give the .onnx file of a network");
  }
  const bool is_batch_fixed =
      std::any_of(graph.inputs.begin(), graph.inputs.end(), [](const OnnxInput& input) {
        return input.sizes[0] == 1;
      });
  const std::int64_t noted = read_length(graph);
  for (OnnxInput& input : graph.inputs) settle_sizes(input, noted > 0 ? noted : kLength, options);
  graph = fold_constants(std::move(graph), is_batch_fixed);
  fuse_operators(graph);
  Network network = Emitter(graph, path.stem().string()).emit(options);
  if (is_batch_fixed) require_independent_examples(network);
  return network;
}

}  // namespace

Network parse_onnx(const std::string& bytes, const fs::path& path, const OnnxOptions& options) {
  try {
    return import_graph(bytes, path, options);
  } catch (const c10::Error& error) {
    throw ConfigError("cannot use " + path.string() + " (" + error.what_without_backtrace() +
                      "); export the network again");
  }
}

Network read_onnx(const fs::path& path, const OnnxOptions& options) {
  std::error_code error;
  const std::uintmax_t size = fs::file_size(path, error);
  if (!error && size > static_cast<std::uintmax_t>(std::numeric_limits<int>::max())) {
    throw ConfigError("cannot use " + path.string() +
                      " (more than 2 GB in one file, which ONNX does not allow); export the "
                      "weights as external data");
  }
  return parse_onnx(read_file(path), path, options);
}

}  // namespace crossloom
