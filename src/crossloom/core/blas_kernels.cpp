#include "crossloom/core/blas_kernels.h"

#include <cstdlib>
#include <cstring>

#include <dlfcn.h>
#include <unistd.h>

namespace crossloom {

void choose_blas_kernels(char** argv) {
#if defined(__x86_64__)
  constexpr const char* kVariable = "OPENBLAS_CORETYPE";
  auto* const core_name =
      reinterpret_cast<char* (*)()>(::dlsym(RTLD_DEFAULT, "openblas_get_corename"));
  if (core_name == nullptr || std::getenv(kVariable) != nullptr) return;
  if (std::strcmp(core_name(), "Prescott") != 0) return;
  const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                          __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (!has_avx2) return;
  ::setenv(kVariable, has_avx512 ? "SkylakeX" : "Haswell", /*overwrite=*/0);
  ::execv("/proc/self/exe", argv);  // on failure we go on, slowly
#else
  static_cast<void>(argv);
#endif
}

}  // namespace crossloom
