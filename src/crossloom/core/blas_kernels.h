#pragma once

namespace crossloom {

/// Starts the program anew with the right kernels of OpenBLAS when it has chosen those of SSE3 on a
/// processor that can do more. Call it first thing in `main`; it returns when there is nothing to
/// do.
///
/// Debian 12's OpenBLAS (0.3.21) does not know processors newer than itself and falls back on SSE3
/// there, four times slower than they can be. Its only switch, OPENBLAS_CORETYPE, is read when the
/// library is loaded. A value that the user has set is left alone.
void choose_blas_kernels(char** argv);

}  // namespace crossloom
