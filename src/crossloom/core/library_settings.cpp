#include "crossloom/core/library_settings.h"

#include <cstdlib>
#include <cstring>

#include <dlfcn.h>
#include <unistd.h>

namespace crossloom {
namespace {

/// The kernels OpenBLAS should use instead of those it has chosen; null when its choice is right.
const char* better_blas_kernels() {
#if defined(__x86_64__)
  auto* const core_name =
      reinterpret_cast<char* (*)()>(::dlsym(RTLD_DEFAULT, "openblas_get_corename"));
  if (core_name == nullptr || std::strcmp(core_name(), "Prescott") != 0) return nullptr;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
    return "SkylakeX";
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
#endif
  return nullptr;
}

}  // namespace

void apply_library_settings(char** argv) {
  constexpr const char* kVariable = "OPENBLAS_CORETYPE";
  const char* const kernels = better_blas_kernels();
  if (kernels == nullptr || std::getenv(kVariable) != nullptr) return;
  if (::setenv(kVariable, kernels, /*overwrite=*/0) != 0) return;
  ::execv("/proc/self/exe", argv);  // on failure: as we are
}

}  // namespace crossloom
