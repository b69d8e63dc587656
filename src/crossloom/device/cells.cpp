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

/// The quantities of cells that `function` makes of those of others, name by name.
template <class Function>
Cells each(const std::map<std::string, Tensor>& names, const Function& function) {
  std::map<std::string, Tensor> made;
  for (const auto& item : names) made[item.first] = function(item.first);
  return cells_from_tensors(made);
}

}  // namespace

Cells join(const std::vector<Cells>& blocks, std::int64_t dim) {
  if (blocks.size() == 1) return blocks[0];
  std::vector<std::map<std::string, Tensor>> named;
  for (const Cells& block : blocks) named.push_back(to_tensors(block));
  return each(named[0], [&](const std::string& name) {
    std::vector<Tensor> parts;
    for (const auto& block : named) parts.push_back(block.at(name));
    return at::cat(parts, dim);
  });
}

Cells narrow(const Cells& cells, std::int64_t dim, std::int64_t start, std::int64_t length) {
  const std::map<std::string, Tensor> named = to_tensors(cells);
  return each(named, [&](const std::string& name) {
    return named.at(name).narrow(dim, start, length).clone();
  });
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
