#pragma once

namespace crossloom {

/// Whether the processor has instructions that multiply bfloat16 (AVX512-BF16, which those with AMX
/// have too): oneDNN then computes with them at twice the speed of float or more, and at a fraction
/// of it elsewhere.
inline bool multiplies_bfloat16() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return false;
#endif
}

}  // namespace crossloom
