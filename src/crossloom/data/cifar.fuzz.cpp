#include "crossloom/data/cifar.h"

#include "crossloom/core/errors.h"

extern "C" int LLVMFuzzerTestOneInput(const char* data, std::size_t size) {
  for (const crossloom::CifarFormat& format :
       {crossloom::CifarFormat{1, 10}, crossloom::CifarFormat{2, 100}}) {
    try {
      crossloom::parse_cifar({data, size}, format, "file");
    } catch (const crossloom::ConfigError&) {
    }
  }
  return 0;
}
