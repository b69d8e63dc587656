#include "crossloom/data/image_file.h"

#include <cstdlib>

#include "crossloom/core/errors.h"

extern "C" int LLVMFuzzerTestOneInput(const char* data, std::size_t size) {
  try {
    const at::Tensor image = crossloom::decode_image({data, size}, "file", 1 << 14);
    if (image.dim() != 3 || image.size(0) != 3 || image.numel() == 0) std::abort();
  } catch (const crossloom::ConfigError&) {
  }
  return 0;
}
