// Runs the benchmarks of a folder with all processors.

#include <benchmark/benchmark.h>

#include "crossloom/core/blas_kernels.h"
#include "crossloom/core/threads.h"

int main(int argc, char** argv) {
  crossloom::choose_blas_kernels(argv);
  crossloom::use_threads(0);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
