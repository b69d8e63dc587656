// Any bytes are a pickle of PyTorch or refused by a ConfigError.
#include "crossloom/network/pickle.h"

#include <cstdint>
#include <string>
#include <string_view>

#include "crossloom/core/errors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto record = [](const std::string& key) { return std::string(64, key.empty() ? 0 : 1); };
  try {
    crossloom::read_pickle({reinterpret_cast<const char*>(data), size}, record);
  } catch (const crossloom::ConfigError&) {
  }
  return 0;
}
