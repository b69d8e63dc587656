#include "crossloom/data/idx.h"

#include "crossloom/core/errors.h"

extern "C" int LLVMFuzzerTestOneInput(const char* data, std::size_t size) {
  for (std::int64_t num_dims = 1; num_dims <= 3; ++num_dims) {
    try {
      crossloom::parse_idx({data, size}, num_dims, "file");
    } catch (const crossloom::ConfigError&) {
    }
  }
  return 0;
}
