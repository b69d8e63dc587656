#include "crossloom/network/pytorch_file.h"

#include <algorithm>
#include <fstream>

#include <caffe2/serialize/inline_container.h>

#include "crossloom/core/errors.h"
#include "crossloom/network/pickle.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;
using Kind = PickleValue::Kind;
using caffe2::serialize::PyTorchStreamReader;

[[noreturn]] void refuse(const fs::path& path, const std::string& why, const std::string& remedy) {
  throw ConfigError("cannot use " + path.string() + " (" + why + "); " + remedy);
}

constexpr const char* kSaveAgain =
    "save it again with torch.save(model.state_dict(), path) of PyTorch 1.6 or later";

void require_zip(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::array<char, 4> begin{};
  stream.read(begin.data(), begin.size());
  if (!stream) refuse(path, "it cannot be read, or is empty", "give a complete file");
  const bool is_zip = begin[0] == 'P' && begin[1] == 'K';
  if (is_zip) return;
  const bool is_pickle = begin[0] == '\x80';
  refuse(path,
         is_pickle ? "the format of PyTorch before 1.6" : "no file of PyTorch, or a damaged one",
         kSaveAgain);
}

std::string read_record(PyTorchStreamReader& reader, const std::string& name) {
  const auto [data, size] = reader.getRecord(name);
  return {static_cast<const char*>(data.get()), size};
}

Pickle read_value(const fs::path& path) {
  require_zip(path);
  try {
    PyTorchStreamReader reader(path.string());
    const std::string pickle = read_record(reader, "data.pkl");
    return read_pickle(pickle,
                       [&](const std::string& key) { return read_record(reader, "data/" + key); });
  } catch (const c10::Error& error) {
    refuse(path,
           std::string("damaged, or no file of torch.save: ") +
               std::string(error.what_without_backtrace()).substr(0, 200),
           kSaveAgain);
  } catch (const ConfigError& error) {
    throw ConfigError("cannot use " + path.string() + ": " + error.what());
  }
}

/// The value of `key` in a dict, else null.
const PickleValue* find(const PickleValue& dict, const std::string& key) {
  if (dict.kind != Kind::kDict) return nullptr;
  const std::vector<PickleValue>& items = *dict.items;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    if (items[i].kind == Kind::kText && items[i].text == key) return &items[i + 1];
  }
  return nullptr;
}

TensorMap read_tensors(const PickleValue& dict) {
  TensorMap tensors;
  const std::vector<PickleValue>& items = *dict.items;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    // Integers are counters and positions, not weights.
    const bool is_weight = items[i].kind == Kind::kText && items[i + 1].kind == Kind::kTensor &&
                           items[i + 1].tensor.is_floating_point();
    if (is_weight) tensors[items[i].text] = items[i + 1].tensor;
  }
  return tensors;
}

TensorMap without_prefix(TensorMap tensors, const std::string& prefix) {
  const auto has_prefix = [&](const auto& entry) { return entry.first.rfind(prefix, 0) == 0; };
  if (!std::all_of(tensors.begin(), tensors.end(), has_prefix)) return tensors;
  TensorMap renamed;
  for (const auto& [name, tensor] : tensors) renamed[name.substr(prefix.size())] = tensor;
  return renamed;
}

}  // namespace

TensorMap read_pytorch_weights(const fs::path& path) {
  const Pickle file = read_value(path);
  const PickleValue& value = file.value;
  const PickleValue* dict = &value;
  for (const char* key : {"state_dict", "model_state_dict", "model"}) {
    const PickleValue* inner = find(value, key);
    if (inner != nullptr && inner->kind == Kind::kDict) {
      dict = inner;
      break;
    }
  }
  if (dict->kind != Kind::kDict) {
    const std::string what = dict->text.empty() ? "" : " of " + dict->text;
    refuse(path, "it holds an object" + what + ", not a state dict", kSaveAgain);
  }
  TensorMap tensors = read_tensors(*dict);
  if (tensors.empty()) refuse(path, "it holds no tensors by name", kSaveAgain);
  return without_prefix(std::move(tensors), "module.");
}

}  // namespace crossloom
