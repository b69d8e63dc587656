// Any bytes are a network or refused by a ConfigError.
#include "crossloom/network/onnx_import.h"

#include <cstdint>
#include <string>

#include "crossloom/core/errors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    crossloom::parse_onnx(std::string(reinterpret_cast<const char*>(data), size), "fuzz.onnx");
  } catch (const crossloom::ConfigError&) {
  }
  return 0;
}
