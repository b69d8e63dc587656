#include "crossloom/core/tensor_files.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

#include <nlohmann/json.hpp>

#include "crossloom/core/errors.h"
#include "crossloom/core/files.h"

namespace crossloom {
namespace {

using nlohmann::json;

struct TypeName {
  const char* safetensors;
  const char* npy;  // without the byte order
  at::ScalarType type;
};

constexpr TypeName kTypes[] = {{"F64", "f8", at::kDouble},
                               {"F32", "f4", at::kFloat},
                               {"F16", "f2", at::kHalf},
                               {"BF16", "", at::kBFloat16},
                               {"I64", "i8", at::kLong},
                               {"I32", "i4", at::kInt},
                               {"I16", "i2", at::kShort},
                               {"I8", "i1", at::kChar},
                               {"U8", "u1", at::kByte},
                               {"BOOL", "b1", at::kBool}};

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& why) {
  throw ConfigError("cannot use " + path.string() + " (" + why +
                    "); give a complete file or write it again");
}

/// Number of elements, or -1 when it does not fit into 62 bits.
std::int64_t count_elements(const std::vector<std::int64_t>& shape) {
  std::int64_t bound = 1;  // of the number of elements, and of every stride
  for (const std::int64_t size : shape) {
    if (size < 0 || size > (std::int64_t{1} << 62) / bound) return -1;
    bound *= std::max<std::int64_t>(size, 1);
  }
  return std::find(shape.begin(), shape.end(), 0) == shape.end() ? bound : 0;
}

Tensor copy_bytes(const char* bytes, const std::vector<std::int64_t>& shape, at::ScalarType type) {
  Tensor tensor = at::empty(shape, type);
  if (tensor.nbytes() > 0) std::memcpy(tensor.data_ptr(), bytes, tensor.nbytes());
  return tensor;
}

/// One entry of a safetensors header, read from `data`.
Tensor read_entry(const std::filesystem::path& path,
                  const std::string& name,
                  const json& entry,
                  std::string_view data) {
  const auto bad = [&](const std::string& why) { refuse(path, "tensor '" + name + "' " + why); };
  if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") ||
      !entry.contains("data_offsets")) {
    bad("lacks dtype, shape or data_offsets");
  }
  std::vector<std::int64_t> shape;
  std::vector<std::uint64_t> offsets;
  std::string type_name;
  try {
    shape = entry["shape"].get<std::vector<std::int64_t>>();
    offsets = entry["data_offsets"].get<std::vector<std::uint64_t>>();
    type_name = entry["dtype"].get<std::string>();
  } catch (const json::exception&) {
    bad("has a dtype, shape or data_offsets of a wrong type");
  }
  const auto* type = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const TypeName& t) {
    return type_name == t.safetensors;
  });
  if (type == std::end(kTypes)) bad("has the unknown type '" + type_name + "'");
  if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > data.size()) {
    bad("lies beyond the end of the file, which is cut short or damaged");
  }
  const std::int64_t count = count_elements(shape);
  const std::uint64_t size = offsets[1] - offsets[0];
  if (count < 0 || static_cast<std::uint64_t>(count) > size ||
      static_cast<std::uint64_t>(count) * c10::elementSize(type->type) != size) {
    bad("has " + std::to_string(size) + " bytes, which its shape and type do not explain");
  }
  return copy_bytes(data.data() + offsets[0], shape, type->type);
}

std::string npy_header(const Tensor& tensor, const char* type) {
  std::string shape;
  for (const std::int64_t size : tensor.sizes()) shape += std::to_string(size) + ",";
  const char* order = tensor.element_size() == 1 ? "|" : "<";
  std::string header = std::string("{'descr': '") + order + type +
                       "', 'fortran_order': False, 'shape': (" + shape + "), }";
  const std::size_t prefix = 10;
  header.append(63 - (prefix + header.size()) % 64, ' ');
  header += '\n';
  std::string bytes = "\x93NUMPY";
  bytes += '\x01';
  bytes += '\0';
  bytes += static_cast<char>(header.size() & 255);
  bytes += static_cast<char>(header.size() >> 8);
  return bytes + header;
}

/// The text behind "'key':" in the dictionary of an .npy header, up to `end`.
std::string npy_field(const std::filesystem::path& path,
                      const std::string& header,
                      const std::string& key,
                      char end) {
  const auto found = header.find("'" + key + "'");
  const auto colon = found == std::string::npos ? found : header.find(':', found);
  const auto stop = colon == std::string::npos ? colon : header.find(end, colon);
  if (stop == std::string::npos) refuse(path, "its header lacks '" + key + "'");
  return header.substr(colon + 1, stop - colon - 1);
}

std::vector<std::int64_t> npy_shape(const std::filesystem::path& path, const std::string& text) {
  std::vector<std::int64_t> shape;
  std::int64_t number = -1;
  for (const char c : text + ",") {
    if (c >= '0' && c <= '9') {
      number = std::max<std::int64_t>(number, 0);
      if (number > (std::int64_t{1} << 50)) refuse(path, "its shape overflows");
      number = number * 10 + (c - '0');
    } else if (c == ',') {
      if (number >= 0) shape.push_back(number);
      number = -1;
    } else if (c != ' ' && c != '(') {
      refuse(path, "its shape is not a list of numbers");
    }
  }
  return shape;
}

}  // namespace

TensorFile read_safetensors(const std::filesystem::path& path) {
  const std::string bytes = read_file(path);
  std::uint64_t header_size = 0;
  if (bytes.size() < sizeof header_size) refuse(path, "shorter than a safetensors header");
  std::memcpy(&header_size, bytes.data(), sizeof header_size);
  if (header_size > bytes.size() - sizeof header_size) {
    refuse(path, "its header is longer than the file, which is cut short or no safetensors file");
  }
  const json header =
      json::parse(bytes.begin() + sizeof header_size,
                  bytes.begin() + static_cast<std::ptrdiff_t>(sizeof header_size + header_size),
                  nullptr,
                  false);
  if (!header.is_object()) refuse(path, "its header is not a JSON object");
  const std::string_view data = std::string_view(bytes).substr(sizeof header_size + header_size);
  TensorFile file;
  std::uint64_t used = 0;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      if (!entry.is_object()) refuse(path, "its __metadata__ is not an object");
      for (const auto& [key, text] : entry.items()) {
        file.metadata[key] = text.is_string() ? text.get<std::string>() : text.dump();
      }
      continue;
    }
    file.tensors[name] = read_entry(path, name, entry, data);
    used += file.tensors[name].nbytes();
  }
  if (used != data.size()) {
    refuse(path,
           "its tensors need " + std::to_string(used) + " bytes and it holds " +
               std::to_string(data.size()) + ", so they overlap or some are missing");
  }
  return file;
}

void write_safetensors(const std::filesystem::path& path, const TensorFile& file) {
  json header = json::object();
  if (!file.metadata.empty()) header["__metadata__"] = file.metadata;
  std::string data;
  for (const auto& [name, tensor] : file.tensors) {
    const Tensor packed = tensor.detach().to(at::kCPU).contiguous();
    const auto* type = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const TypeName& t) {
      return packed.scalar_type() == t.type;
    });
    TORCH_CHECK(type != std::end(kTypes),
                "safetensors has no type for tensor '",
                name,
                "' of type ",
                packed.scalar_type());
    const std::size_t begin = data.size();
    data.append(static_cast<const char*>(packed.data_ptr()), packed.nbytes());
    header[name] = {{"dtype", type->safetensors},
                    {"shape", packed.sizes().vec()},
                    {"data_offsets", {begin, data.size()}}};
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  const std::uint64_t header_size = text.size();
  std::string bytes(reinterpret_cast<const char*>(&header_size), sizeof header_size);
  bytes += text;
  bytes += data;
  write_file(path, bytes);
}

Tensor read_npy(const std::filesystem::path& path) {
  const std::string bytes = read_file(path);
  if (bytes.size() < 12 || bytes.compare(0, 6, "\x93NUMPY") != 0) refuse(path, "no .npy file");
  const bool is_first_version = bytes[6] == 1;
  const std::size_t prefix = is_first_version ? 10 : 12;
  std::size_t header_size = 0;
  std::memcpy(&header_size, bytes.data() + 8, is_first_version ? 2 : 4);
  if (header_size > bytes.size() - prefix) refuse(path, "its header is longer than the file");
  const std::string header = bytes.substr(prefix, header_size);
  const std::string descr = npy_field(path, header, "descr", ',');
  const auto quote = descr.find('\'');
  const std::string type_name =
      quote == std::string::npos ? descr : descr.substr(quote + 1, descr.rfind('\'') - quote - 1);
  const auto* type = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const TypeName& t) {
    return *t.npy != '\0' &&
           (type_name == std::string("<") + t.npy || type_name == std::string("|") + t.npy);
  });
  if (type == std::end(kTypes)) {
    refuse(path, "its type '" + type_name + "' is not a little-endian float, integer or bool");
  }
  std::vector<std::int64_t> shape = npy_shape(path, npy_field(path, header, "shape", ')'));
  const std::int64_t count = count_elements(shape);
  const std::size_t size = bytes.size() - prefix - header_size;
  if (count < 0 || static_cast<std::uint64_t>(count) > size ||
      static_cast<std::uint64_t>(count) * c10::elementSize(type->type) != size) {
    refuse(path,
           "it holds " + std::to_string(size) +
               " bytes of data, which its shape and type do not explain");
  }
  const bool is_transposed =
      npy_field(path, header, "fortran_order", ',').find("True") != std::string::npos;
  if (is_transposed) std::reverse(shape.begin(), shape.end());
  const Tensor tensor = copy_bytes(bytes.data() + prefix + header_size, shape, type->type);
  if (!is_transposed) return tensor;
  std::vector<std::int64_t> order(shape.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i] = static_cast<std::int64_t>(order.size() - 1 - i);
  }
  return tensor.permute(order).contiguous();
}

void write_npy(const std::filesystem::path& path, const Tensor& tensor) {
  const Tensor packed = tensor.detach().to(at::kCPU).contiguous();
  const auto* type = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const TypeName& t) {
    return packed.scalar_type() == t.type && *t.npy != '\0';
  });
  TORCH_CHECK(type != std::end(kTypes), ".npy has no type for ", packed.scalar_type());
  std::string bytes = npy_header(packed, type->npy);
  bytes.append(static_cast<const char*>(packed.data_ptr()), packed.nbytes());
  write_file(path, bytes);
}

void require_finite(const TensorMap& tensors, const std::string& origin) {
  for (const auto& [name, tensor] : tensors) {
    if (!tensor.is_floating_point() || tensor.isfinite().all().item<bool>()) continue;
    throw ConfigError("tensor '" + name + "' of " + origin +
                      " holds a NaN or an infinity (nothing can be computed with it); give finite "
                      "values");
  }
}

}  // namespace crossloom
