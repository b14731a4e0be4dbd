#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds the test programs, offline: tests/programs/build.sh GO OUTDIR
#
# OUTDIR/VERSION/VARIANT/PROGRAM, for GO and for every other Go that is installed; OUTDIR/default is a
# link to GO's own. Variants: default (static), stripped, plaindwarf (debugging information not compressed), pie,
# trimpath, cgo (dynamic, through libc), external (dynamic, linked by the C compiler, so that libc's start-up code comes first).
# OUTDIR/versions lists the versions, OUTDIR/missing what could not be built and why.
set -euo pipefail

if [ $# -ne 2 ]; then
  echo 'usage: build.sh GO OUTDIR' >&2
  exit 2
fi
go=$1
mkdir -p "$2"
out=$(cd "$2" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")"

export GOPROXY=off GOTOOLCHAIN=local GOWORK=off GOFLAGS='-buildvcs=false -mod=readonly'
if [ -z "${HOME:-}" ] && [ -z "${GOCACHE:-}" ]; then
  export GOCACHE="$out/.gocache"
fi

version_of() {
  "$1" version | awk '{ split(substr($3, 3), v, "."); print "go" v[1] "." v[2]; exit }'
}

# build_variant GO DIR CGO_ENABLED FLAGS... -- PROGRAM...: one go command links them all.
build_variant() {
  local go=$1 dir=$2 cgo=$3 flags=() packages=()
  shift 3
  while [ "$1" != -- ]; do
    flags+=("$1")
    shift
  done
  shift
  mkdir -p "$dir"
  for program; do
    packages+=("./$program")
  done
  CGO_ENABLED=$cgo "$go" build "${flags[@]}" -o "$dir/" "${packages[@]}"
}

# build_ownacts GO DIR CGO_ENABLED LDFLAGS FLAGS...: a module in it names what is not exported, which since Go 1.23 the linker has
# to be told to accept.
build_ownacts() {
  local go=$1 dir=$2 cgo=$3 ldflags=$4 minor
  shift 4
  minor=$(version_of "$go")
  if [ "${minor#go1.}" -ge 23 ]; then
    ldflags="$ldflags -checklinkname=0"
  fi
  build_variant "$go" "$dir" "$cgo" "$@" -ldflags="$ldflags" -- ownacts
}

build_all() {
  local go=$1 dir=$2
  build_variant "$go" "$dir/default" 0 -- probe golden sig forker threads runner fetch assail reexec crowd mixed missing allthreads deep
  build_variant "$go" "$dir/stripped" 0 -ldflags='-s -w' -- probe golden fetch mixed
  build_variant "$go" "$dir/plaindwarf" 0 -ldflags=-compressdwarf=false -- golden
  build_variant "$go" "$dir/pie" 0 -buildmode=pie -- probe golden
  build_variant "$go" "$dir/trimpath" 0 -trimpath -- probe golden
  build_ownacts "$go" "$dir/default" 0 ''
  build_ownacts "$go" "$dir/stripped" 0 '-s -w'
  build_ownacts "$go" "$dir/pie" 0 '-s -w' -buildmode=pie
  build_ownacts "$go" "$dir/trimpath" 0 '-s -w' -trimpath
  (cd child && CGO_ENABLED=0 "$go" build -o "$dir/default/child" .) # executed by runner
  (cd other && CGO_ENABLED=0 "$go" build -o "$dir/default/other" .) # another main module
  (cd pools && CGO_ENABLED=0 "$go" build -o "$dir/default/pools" . &&
    CGO_ENABLED=0 "$go" build -ldflags='-s -w' -o "$dir/stripped/pools" .) # a main module of its own, too
  local cc=${CC:-cc}
  if command -v "${cc%% *}" > /dev/null; then
    build_variant "$go" "$dir/cgo" 1 -- cgocall probe golden allthreads threadend
    build_ownacts "$go" "$dir/cgo" 1 ''
    build_variant "$go" "$dir/race" 1 -race -- threadend cgocall || echo "$(basename "$dir")/race: no race detector" >> "$out/missing"
    build_variant "$go" "$dir/cgo-stripped" 1 -ldflags='-s -w' -- golden
    build_variant "$go" "$dir/external" 1 -ldflags=-linkmode=external -- probe forker fetch threads
    (cd other && CGO_ENABLED=1 "$go" build -ldflags=-linkmode=external -o "$dir/external/other" .)
  else
    echo "$(basename "$dir")/cgo: no C compiler" >> "$out/missing"
  fi
}

: > "$out/missing"
: > "$out/versions"
for candidate in "$go" go /usr/local/go/bin/go /usr/lib/go-*/bin/go; do
  command -v "$candidate" > /dev/null || continue
  version=$(version_of "$candidate")
  if grep -qx "$version" "$out/versions"; then
    continue
  fi
  case $version in
    go1.1[0-8] | go1.[0-9])
      echo "$version: older than the test programs need (go1.19)" >> "$out/missing"
      continue
      ;;
  esac
  build_all "$candidate" "$out/$version"
  echo "$version" >> "$out/versions"
done
ln -sfn "$(head -n 1 "$out/versions")/default" "$out/default"
