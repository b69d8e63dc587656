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

Cells join(const std::vector<Cells>& blocks, std::int64_t dim) {
  if (blocks.size() == 1) return blocks[0];
  std::map<std::string, std::vector<Tensor>> parts;
  for (const Cells& block : blocks) {
    for (const auto& [name, tensor] : to_tensors(block)) parts[name].push_back(tensor);
  }
  std::map<std::string, Tensor> joined;
  for (const auto& [name, tensors] : parts) joined[name] = at::cat(tensors, dim);
  return cells_from_tensors(joined);
}

Cells narrow(const Cells& cells, std::int64_t dim, std::int64_t start, std::int64_t length) {
  std::map<std::string, Tensor> part = to_tensors(cells);
  for (auto& item : part) item.second = item.second.narrow(dim, start, length).clone();
  return cells_from_tensors(part);
}

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
