# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What scripts/demo and scripts/test share: packages, Go, builds. Sourced; expects set -euo pipefail.

# shellcheck disable=SC2034 # used by whoever sources this
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# What modjail needs to be built; what its tests need besides.
build_packages=(gcc libc6-dev meson ninja-build pkg-config libseccomp-dev libelf-dev libdw-dev libjansson-dev libcapstone-dev
  libfyaml-dev uthash-dev scdoc)
test_packages=(check golang-go clang clang-format python3 procps git)

say() {
  printf '== %s\n' "$*"
}

die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo > /dev/null; then
    sudo "$@"
  else
    echo "not root, and no sudo: cannot run $*" >&2
    return 1
  fi
}

installed() { # PACKAGE
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2> /dev/null)" = installed ]
}

# Prints those of the packages that are not installed.
missing_packages() {
  local package
  for package; do
    installed "$package" || printf '%s\n' "$package"
  done
}

# Installs those of the packages that are missing; asks no network if none is.
install_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  if [ "${#missing[@]}" -eq 0 ]; then
    return 0
  fi
  if ! command -v apt-get > /dev/null; then
    echo "missing, and no apt-get to install them: ${missing[*]}" >&2
    return 1
  fi
  say "installing ${missing[*]}"
  update_once &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
      < /dev/null > /dev/null
}

updated=no
update_once() {
  if [ "$updated" = no ]; then
    as_root apt-get update -qq < /dev/null > /dev/null || return
    updated=yes
  fi
}

# Puts a Go of at least 1.19 first in PATH, and installs Debian's if there is none.
need_go() {
  local go
  if ! go=$(find_go); then
    install_packages golang-go || die 'no Go, and none could be installed'
    go=$(find_go) || die 'no Go of at least 1.19 found'
  fi
  PATH=$(dirname "$go"):$PATH
  export PATH
}

find_go() {
  local candidate
  for candidate in "$(command -v go || true)" /usr/local/go/bin/go /usr/lib/go-*/bin/go; do
    if [ -x "$candidate" ] && go_is_recent "$candidate"; then
      printf '%s\n' "$candidate"
      return 0
    fi
  done
  return 1
}

go_is_recent() { # GO: at least 1.19
  GOTOOLCHAIN=local "$1" version 2> /dev/null | awk '{
    split(substr($3, 3), v, ".")
    ok = v[1] > 1 || (v[1] == 1 && v[2] + 0 >= 19)
  } END { exit !ok }'
}

# Sets a build folder up (or keeps it) and builds in it: build FOLDER OPTION...
# What was set up for another place, as when the tree was moved, is set up anew.
build() {
  local folder=$1
  shift
  if ! grep -qsF "\"source\": \"$root\"" "$folder/meson-info/meson-info.json"; then
    rm -rf -- "$folder"
  fi
  if [ ! -f "$folder/build.ninja" ]; then
    meson setup "$folder" "$root" "$@" > "$folder.log" 2>&1 || {
      cat "$folder.log" >&2
      rm -rf -- "$folder" "$folder.log"
      return 1
    }
    rm -f "$folder.log"
  fi
  ninja -C "$folder" > "$folder/build.log" 2>&1 || {
    tail -n 60 "$folder/build.log" >&2
    return 1
  }
}
