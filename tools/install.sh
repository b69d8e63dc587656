#!/usr/bin/env bash
# Installs the Debian 12 packages that crossloom is built with. Does nothing when they are there.
set -euo pipefail

packages=(
  build-essential cmake ninja-build pkg-config python3 ca-certificates
  libtorch-dev        # tensors, autograd
  libonnx-dev         # files of networks
  libopenblas0-openmp # the default OpenBLAS fights with LibTorch's threads
  librandom123-dev libcurl4-openssl-dev libssl-dev zlib1g-dev
  libjpeg62-turbo-dev libpng-dev libicu-dev
  nlohmann-json3-dev libtomlplusplus-dev libcli11-dev
  libgtest-dev libbenchmark-dev
)
[ "${1:-}" = "--with-tests" ] &&
  packages+=(chromium ngspice python3-torch python3-torchvision clang libclang-rt-14-dev)
# Any node from 18 on builds the report's page.
command -v npm >/dev/null || packages+=(nodejs npm)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "install: cannot install ${missing[*]} (not root, and there is no sudo); install them and try again" >&2
    exit 1
  }
  as_root=(sudo)
fi
echo "install: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
