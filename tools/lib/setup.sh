# shellcheck shell=bash disable=SC2034,SC2164
#
# Shared by tools/quickstart and tools/check: from a bare machine to a configured build. Sourced, with -euo pipefail.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
cd "$ROOT"

# What the programs are called is what the machine must have; a package is installed only for what it lacks.
BUILD_PACKAGES=(clang-22 cmake libcli11-dev libgmock-dev libgtest-dev libmlir-22-dev libxxhash-dev lld-22 llvm-22-dev
  mlir-22-tools ninja-build nlohmann-json3-dev python3 zlib1g-dev)
TEST_PACKAGES=(g++ llvm-22-tools python3-dev python3-venv unzip)

SECONDS=0

say() { printf '\n== %s\n' "$*"; }

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# install_packages PACKAGE...: those that are missing, and nothing at all where none is.
install_packages() {
  local missing=() package
  if ! command -v dpkg-query > /dev/null; then
    echo "This is no Debian system, so nothing is installed. Needed: $*"
    return
  fi
  for package in "$@"; do
    if [[ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2> /dev/null)" != installed ]]; then
      missing+=("$package")
    fi
  done
  if [[ ${#missing[@]} -eq 0 ]]; then
    echo "All $# packages are there."
    return
  fi
  local root=()
  if [[ $EUID -ne 0 ]]; then
    command -v sudo > /dev/null || fail "these packages are missing: ${missing[*]}. Run this as root, or install sudo."
    root=(sudo)
  fi
  echo "Installing ${missing[*]}"
  "${root[@]}" apt-get update -qq || fail "apt-get update failed: is there a network?"
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" ||
    fail "apt-get could not install ${missing[*]}. LLVM 22 is in Debian 12's security updates (bookworm-security)."
}

# The Python of the tests, with what test/requirements.txt says, in .venv.
setup_python() {
  local stamp=.venv/requirements.sha256 wanted
  wanted="$(sha256sum test/requirements.txt)"
  if [[ -x .venv/bin/python && -f $stamp && "$(cat $stamp)" == "$wanted" ]]; then
    echo "Python packages are there."
    return
  fi
  python3 -m venv .venv
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -r test/requirements.txt ||
    fail "pip could not install test/requirements.txt: is there a network?"
  printf '%s' "$wanted" > $stamp
}

# configure PRESET BUILD-DIRECTORY
configure() {
  local options=()
  if command -v ccache > /dev/null; then
    options=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  fi
  cmake --preset "$1" "${options[@]}" > "/tmp/transmamba-configure.$$" 2>&1 || {
    cat "/tmp/transmamba-configure.$$" >&2
    rm -f "/tmp/transmamba-configure.$$"
    fail "configuring $2 failed. Where it was configured with another compiler before, delete it first."
  }
  rm -f "/tmp/transmamba-configure.$$"
}

# build PRESET [TARGET...]: shows how many steps are done, of how many, and the seconds so far.
build() {
  local preset="$1" targets=()
  shift
  [[ $# -eq 0 ]] || targets=(--target "$@")
  NINJA_STATUS="[%f/%t, %es] " cmake --build --preset "$preset" "${targets[@]}" || fail "the build failed, see above"
}
