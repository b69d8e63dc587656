#include "crossloom/network/model.h"

#include <map>

#include "crossloom/data/locate.h"
#include "crossloom/network/architectures.h"
#include "crossloom/network/weight_files.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

fs::path find_weights(const std::string& name, const fs::path& data_dir) {
  const std::string file = name + ".safetensors";
  const FoundFiles found = locate_files(search_places(data_dir), {"weights"}, {file});
  if (!found.paths.empty()) return found.paths[0];
  throw ConfigError("no weights of " + name + " (no weights/" + file +
                    " in the folders where data are looked for); give --weights FILE");
}

}  // namespace

bool is_onnx_path(const std::string& model) {
  return fs::path(model).extension() == ".onnx";
}

std::string architecture_name(const std::string& name) {
  static const std::map<std::string, std::string> short_forms = {
      {"bert_base", "bert_base_squad"},
      {"bert_mini", "bert_mini_squad"},
      {"bert_small", "bert_small_squad"},
      {"bert_tiny", "bert_tiny_squad"},
      {"cct4", "cct4_cifar10"},
      {"deit_small", "deit_small_patch16_224"},
      {"deit_tiny", "deit_tiny_patch16_224"},
      {"lenet5", "lenet5_mnist"},
      {"mlp", "mlp_mnist"},
      {"resnet20", "resnet20_cifar10"},
      {"resnet32", "resnet32_cifar10"},
      {"resnet56", "resnet56_cifar10"},
      {"squeezenet", "squeezenet1_1"},
      {"vgg8", "vgg8_cifar10"},
      {"vit_base", "vit_base_patch16_224"}};
  const auto found = short_forms.find(name);
  return found == short_forms.end() ? name : found->second;
}

Network open_model(const std::string& model,
                   const fs::path& weights,
                   const fs::path& data_dir,
                   const OnnxOptions& options) {
  if (is_onnx_path(model)) {
    Network network = read_onnx(model, options);
    if (!weights.empty()) network.load_weights(read_weight_file(weights), weights.string());
    return network;
  }
  const std::string name = architecture_name(model);
  if (!is_network_name(name)) make_network(name);  // refuses it, with the names there are
  return load_network(name, weights.empty() ? find_weights(name, data_dir) : weights);
}

}  // namespace crossloom
