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

/// Sets an environment variable where it is missing; returns whether that was so.
bool add_variable(const char* name, const char* value) {
  return value != nullptr && std::getenv(name) == nullptr &&
         ::setenv(name, value, /*overwrite=*/0) == 0;
}

}  // namespace

void apply_library_settings(char** argv) {
  bool is_changed = add_variable("OPENBLAS_CORETYPE", better_blas_kernels());
  if (std::getenv("OMP_WAIT_POLICY") == nullptr) {
    is_changed |= add_variable("GOMP_SPINCOUNT", "10000");
  }
#if defined(__GLIBC__)
  is_changed |= add_variable("GLIBC_TUNABLES",
                             "glibc.malloc.hugetlb=1"
                             ":glibc.malloc.mmap_threshold=4294967296"
                             ":glibc.malloc.trim_threshold=68719476736");
#endif
  if (is_changed) ::execv("/proc/self/exe", argv);  // on failure: as we are
}

}  // namespace crossloom
