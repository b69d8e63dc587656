// Chooses the kernels of OpenBLAS before it is loaded. Debian 12's OpenBLAS (0.3.21) does not know
// processors newer than itself and falls back on SSE3 there, four times slower than they can do.
// It reads OPENBLAS_CORETYPE when it is loaded, which is before main; functions in .preinit_array of
// a program run before the libraries it is linked to are initialised. A value that the user has set
// is left alone. Linked into programs, not into the library.

#include <cstdlib>

namespace {

void choose_blas_kernels(int /*argc*/, char** /*argv*/, char** /*environment*/) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                          __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (has_avx2) ::setenv("OPENBLAS_CORETYPE", has_avx512 ? "SkylakeX" : "Haswell", /*overwrite=*/0);
#endif
}

__attribute__((section(".preinit_array"), used)) void (*const choose)(int, char**, char**) =
    &choose_blas_kernels;

}  // namespace
