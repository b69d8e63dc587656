#pragma once

namespace crossloom {

/// Settings of the libraries below LibTorch that they read from the environment when they are
/// loaded, before `main`. Where one is missing it is set and the program starts itself anew; call
/// it first thing in `main`. What the user has set is left alone.
///
///   OPENBLAS_CORETYPE  Debian 12's OpenBLAS (0.3.21) does not know processors newer than itself
///   and
///                      takes kernels for SSE3 there, four times slower than theirs; it is told the
///                      best it has.
void apply_library_settings(char** argv);

}  // namespace crossloom
