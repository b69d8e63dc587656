// Runs the benchmarks of a folder with all processors.

#include <benchmark/benchmark.h>

#include "crossloom/core/library_settings.h"
#include "crossloom/core/threads.h"

int main(int argc, char** argv) {
  crossloom::apply_library_settings(argv);
  crossloom::use_threads(0);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
