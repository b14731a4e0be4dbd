# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What scripts/demo and scripts/test share: packages, Go, builds. Sourced; expects set -euo pipefail.

# shellcheck disable=SC2034 # used by whoever sources this
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# What modjail needs to be built; what its tests need besides.
build_packages=(gcc libc6-dev meson ninja-build pkg-config libseccomp-dev libelf-dev libdw-dev libjansson-dev libcapstone-dev
  libfyaml-dev libbz2-dev nettle-dev uthash-dev scdoc)
test_packages=(check clang clang-format python3 python3-jsonschema python3-yaml procps git fish zsh strace file runc crun uidmap libcap2-bin)
# What makes the Debian package, and a Debian to try it in.
# shellcheck disable=SC2034
package_packages=(debhelper dpkg-dev debootstrap)

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

# Puts the newest Go, of at least 1.19, first in PATH, and installs Debian's if there is none.
need_go() {
  local go
  if ! go=$(find_go); then
    install_packages golang-go || die 'no Go, and none could be installed'
    go=$(find_go) || die 'no Go of at least 1.19 found'
  fi
  prefer_go "$go"
}

prefer_go() { # GO
  PATH=$(dirname "$1"):$PATH
  export PATH
}

find_go() {
  local candidate
  for candidate in "$(command -v go || true)" /usr/local/go/bin/go /usr/lib/go-*/bin/go; do
    if [ -x "$candidate" ] && go_is_at_least 19 "$candidate"; then
      printf '%s %s\n' "$(go_version "$candidate")" "$candidate"
    fi
  done | sort -V -r -s -k 1,1 | awk 'NR == 1 { print $2 } END { exit !NR }'
}

go_version() { # GO: 1.26.8
  GOTOOLCHAIN=local "$1" version 2> /dev/null | sed -n 's/^go version go\([0-9.]*\).*/\1/p'
}

go_is_at_least() { # MINOR GO
  go_version "$2" | awk -F . -v minor="$1" '{ ok = $1 > 1 || ($1 == 1 && $2 + 0 >= minor) } END { exit !ok }'
}

# The release that the tests were written with. The Go module proxy has Go itself as a module, which every go
# command can download and check, only not start: in the module cache nothing is executable.
newest_go=1.26.8
newest_go_sum='h1:ZOmGe1OnfREDMIdb1Qi4G9JSuDPBLGExZMQ4nis1RXM='

# Downloads that release with an older Go, and prints its go command.
fetch_newest_go() { # GO
  fetch_go "$newest_go" "$newest_go_sum" "$1"
}

# Downloads a release with another Go, and prints its go command; if it cannot be had, what the other said.
fetch_go() { # VERSION SUM GO
  local told folder
  told=$(cd "${TMPDIR:-/tmp}" && GOTOOLCHAIN=local GOFLAGS=-modcacherw "$3" mod download -json \
    "golang.org/toolchain@v0.0.1-go$1.linux-amd64" < /dev/null 2>&1) || { printf '%s\n' "$told" && return 1; }
  folder=$(sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p' <<< "$told")
  grep -qF "\"Sum\": \"$2\"" <<< "$told" || { echo "not the sum that is expected: $folder" && return 1; }
  [ -x "$folder/bin" ] && chmod +x "$folder"/bin/* "$folder"/pkg/tool/*/* && GOENV=off GOFLAGS="" "$folder/bin/go" version > /dev/null &&
    printf '%s\n' "$folder/bin/go"
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
