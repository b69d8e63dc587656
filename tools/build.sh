#!/usr/bin/env bash
# Builds the release preset; prints what it does only where something is to be done.
#   tools/build.sh [TARGET ...]
set -euo pipefail
cd "$(dirname "$0")/.."
[ -f build/release/build.ninja ] || cmake --preset release
cmake --build build/release --target "${@:-all}"
