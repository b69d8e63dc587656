#!/usr/bin/env bash
# Builds the fuzz targets (tests/fuzz) and runs each for some seconds from its seeds. An input that
# breaks one is left in build/fuzz/found; to run it again: build/fuzz/NAME_fuzz FILE.
#   tools/fuzz.sh [SECONDS [NAME ...]]      default: $CROSSLOOM_FUZZ_SECONDS, or 5
# Exits with 77 when clang or its fuzzer is not there.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-${CROSSLOOM_FUZZ_SECONDS:-5}}
shift || true

probe=$(mktemp -d)
trap 'rm -rf "$probe"' EXIT
echo 'extern "C" int LLVMFuzzerTestOneInput(const char*, unsigned long) { return 0; }' >"$probe/probe.cpp"
if ! clang++ -fsanitize=fuzzer,address "$probe/probe.cpp" -o "$probe/probe" 2>/dev/null; then
  echo "fuzz: skipped (no clang++ with libFuzzer); install clang and libclang-rt-14-dev" >&2
  exit 77
fi

[ -f build/fuzz/build.ninja ] ||
  cmake -S tests/fuzz -B build/fuzz -G Ninja -DCMAKE_CXX_COMPILER=clang++ >/dev/null
names=("$@")
[ ${#names[@]} -gt 0 ] || for file in src/crossloom/*/*.fuzz.cpp; do
  names+=("$(basename "$file" .fuzz.cpp)")
done
cmake --build build/fuzz --target "${names[@]/%/_fuzz}" >build/fuzz/build.log || {
  cat build/fuzz/build.log
  exit 1
}

mkdir -p build/fuzz/found
for name in "${names[@]}"; do
  corpus=build/fuzz/corpus/$name
  mkdir -p "$corpus"
  if ! build/fuzz/"${name}_fuzz" "$corpus" "tests/fuzz/seeds/$name" \
    -max_total_time="$seconds" -max_len=20000 -timeout=20 -rss_limit_mb=4000 -print_final_stats=1 \
    -artifact_prefix=build/fuzz/found/"$name"- >build/fuzz/"$name".log 2>&1; then
    tail -40 build/fuzz/"$name".log
    echo "fuzz: $name failed; the whole output is in build/fuzz/$name.log"
    exit 1
  fi
  echo "fuzz: $name: $(sed -n 's/^stat::number_of_executed_units: *//p' build/fuzz/"$name".log) inputs"
done
