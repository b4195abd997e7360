# What Tenon needs from Debian or Ubuntu; sourced by the scripts of this folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# One name of the compiler, so that its cache serves all builds: Python's own recommendation may be another.
export CXX=${CXX:-c++}

PACKAGES=(build-essential ccache cmake ninja-build libeigen3-dev libhwy-dev libgtest-dev
  nlohmann-json3-dev python3-dev python3-venv zlib1g-dev)

# Installs the packages that are missing; with none missing, nothing runs.
install_packages() {
  local missing=()
  for package in "${PACKAGES[@]}"; do
    dpkg -s "$package" 2>/dev/null | grep -q '^Status: install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  local root=()
  [ "$(id -u)" -eq 0 ] || root=(sudo)
  "${root[@]}" apt-get update
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${missing[@]}"
}

# Says what follows, and when.
step() { printf '\n=== %s  [%s]\n' "$*" "$(date +%T)"; }
