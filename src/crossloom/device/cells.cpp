#include "crossloom/device/cells.h"

#include "crossloom/core/errors.h"

namespace crossloom {
namespace {

const std::string kLatent = "latent.";

Tensor take(const std::map<std::string, Tensor>& tensors, const std::string& name) {
  const auto found = tensors.find(name);
  if (found == tensors.end()) {
    throw ConfigError("the state of the cells lacks '" + name +
                      "' (an incomplete checkpoint); start the run anew");
  }
  return found->second;
}

}  // namespace

std::map<std::string, Tensor> to_tensors(const Cells& cells) {
  std::map<std::string, Tensor> tensors = {{"g_target", cells.g_target},
                                           {"g_written", cells.g_written},
                                           {"written_at", cells.written_at},
                                           {"write_count", cells.write_count},
                                           {"fault", cells.fault},
                                           {"window", cells.window}};
  for (const auto& [name, tensor] : cells.latent) tensors[kLatent + name] = tensor;
  return tensors;
}

Cells cells_from_tensors(const std::map<std::string, Tensor>& tensors) {
  Cells cells{take(tensors, "g_target"),
              take(tensors, "g_written"),
              take(tensors, "written_at"),
              take(tensors, "write_count"),
              take(tensors, "fault"),
              take(tensors, "window"),
              {}};
  for (const auto& [name, tensor] : tensors) {
    if (name.compare(0, kLatent.size(), kLatent) == 0) {
      cells.latent[name.substr(kLatent.size())] = tensor;
    }
  }
  return cells;
}

}  // namespace crossloom
