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

/// Sets the variable unless the user has; returns whether it did.
bool set_if_missing(const char* variable, const char* value) {
  if (value == nullptr || std::getenv(variable) != nullptr) return false;
  return ::setenv(variable, value, /*overwrite=*/0) == 0;
}

}  // namespace

void apply_library_settings(char** argv) {
  const bool waits_changed = set_if_missing("OMP_WAIT_POLICY", "passive");
  const bool kernels_changed = set_if_missing("OPENBLAS_CORETYPE", better_blas_kernels());
  if (waits_changed || kernels_changed) ::execv("/proc/self/exe", argv);  // on failure: as we are
}

}  // namespace crossloom
