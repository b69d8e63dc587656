#include "crossloom/data/label_csv.h"

#include "crossloom/core/errors.h"

extern "C" int LLVMFuzzerTestOneInput(const char* data, std::size_t size) {
  try {
    crossloom::parse_label_csv({data, size}, "file");
  } catch (const crossloom::ConfigError&) {
  }
  return 0;
}
