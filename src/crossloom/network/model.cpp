#include "crossloom/network/model.h"

#include <map>

#include "crossloom/data/locate.h"
#include "crossloom/network/architectures.h"
#include "crossloom/network/weight_files.h"

namespace crossloom {
namespace {

/// Shorter names.
const std::map<std::string, std::string> kAliases = {{"lenet5", "lenet5_mnist"},
                                                     {"mlp", "mlp_mnist"}};

}  // namespace

Network open_model(const std::string& model,
                   const std::filesystem::path& weights,
                   const std::filesystem::path& data_dir) {
  const auto alias = kAliases.find(model);
  const std::string name = alias == kAliases.end() ? model : alias->second;
  if (!weights.empty()) return load_network(name, weights);
  make_network(name);  // an unknown name is refused first
  for (const auto& place : search_places(data_dir)) {
    const auto file = place / "weights" / (name + ".safetensors");
    if (std::filesystem::exists(file)) return load_network(name, file);
  }
  throw ConfigError("no weights for " + name + " (weights/" + name +
                    ".safetensors is not where data are looked for); give --weights FILE");
}

}  // namespace crossloom
