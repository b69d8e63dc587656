// Any bytes are a safetensors file or refused by a ConfigError.
#include "crossloom/core/tensor_files.h"

#include <cstdint>
#include <filesystem>
#include <string_view>

#include <unistd.h>

#include "crossloom/core/errors.h"
#include "crossloom/core/files.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("fuzz-" + std::to_string(::getpid()));
  crossloom::write_file(path, {reinterpret_cast<const char*>(data), size});
  try {
    crossloom::read_safetensors(path);
  } catch (const crossloom::ConfigError&) {
  }
  return 0;
}
