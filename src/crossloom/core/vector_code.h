#pragma once

/// Marks a function of plain loops that the compiler turns into vector code once per instruction
/// set, chosen when the program starts. Its file must be compiled with the options of
/// `crossloom_vector_sources` (CMakeLists.txt), which keep the results of all of them equal.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define CROSSLOOM_VECTOR __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define CROSSLOOM_VECTOR
#endif
