#pragma once

namespace crossloom {

/// Settings of the libraries below LibTorch that they read from the environment when they are
/// loaded, before `main`. Where one is missing it is set and the program starts itself anew; call
/// it first thing in `main`. What the user has set is left alone.
///
///   OPENBLAS_CORETYPE  Debian 12's OpenBLAS (0.3.21) does not know processors newer than itself
///                      and takes kernels for SSE3 there, four times slower than theirs; it is
///                      told the best it has.
///   GOMP_SPINCOUNT     Threads that wait for others spin for milliseconds and so hold up those
///                      they wait for when there is other work: ten times as slow beside a second
///                      process. They go to sleep after some ten microseconds instead.
///   GLIBC_TUNABLES     Freed memory goes back to the system when it is large, and comes back page
///                      by page, each of them zeroed: up to half of the time of a training step. It
///                      is kept instead, in huge pages. The most memory that a program held is what
///                      it holds to its end.
void apply_library_settings(char** argv);

}  // namespace crossloom
