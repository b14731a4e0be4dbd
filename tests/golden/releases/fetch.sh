# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What tests/golden/releases.sh and scripts/releases share: Go toolchains out of the module proxy, and the program built with
# them. Sourced; expects GO (a go command of at least 1.19) and store (a folder that is kept).
#
# Only what was built is kept, by toolchain and by what the program consists of: a toolchain unpacked is 250 MB.

releases_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../../../scripts/lib.sh
. "$releases_folder/../../../scripts/lib.sh"

releases_table() { # the lines of the table of toolchains: VERSION SUM WHEN
  sed 's/[[:space:]]*#.*//; /^$/d' "$releases_folder/toolchains"
}

# Position independent ones, those with C and those without optimisation take the longest to build. What is read in the
# runtime's code is not there in the last ones.
variants_of() { # VERSION
  case $1 in
    1.27.4) echo 'default stripped pie cgo plain' ;;
    1.24.13 | debian) echo 'default stripped pie cgo' ;;
    *) echo 'default stripped' ;;
  esac
}

# A copy of the program's source; the confined module does what the main one does.
lay_out_app() { # FOLDER
  rm -rf -- "$1"
  cp -r "$releases_folder/app" "$1"
  sed 's/^package work$/package conf/' "$1/work/work.go" > "$1/conf/conf.go"
}

# Builds every variant, or says why not: build_app GO OUT VARIANT...
build_app() {
  local go=$1 out=$2 variant flags cgo source=$store/source cache=$store/cache
  shift 2
  lay_out_app "$source"
  mkdir -p "$out"
  for variant; do
    flags=() cgo=0
    case $variant in
      stripped) flags=('-ldflags=-s -w') ;;
      pie) flags=(-buildmode=pie) ;;
      cgo) cgo=1 ;;
      plain) flags=('-gcflags=all=-N -l') ;;
    esac
    (cd "$source" && env -u GOROOT GOENV=off GO111MODULE=on GOFLAGS=-mod=mod GOWORK=off GOPROXY=off GOSUMDB=off GOTOOLCHAIN=local \
      GOCACHE="$cache" CGO_ENABLED=$cgo "$go" build -o "$out/$variant" . 2>&1) || return
  done
  rm -rf -- "$cache" "$source"
}

# What is built, and how.
app_hash=$(cd "$releases_folder" && cat <(declare -f build_app) app/go.mod app/main.go app/work/work.go app/conf/go.mod | sha256sum | cut -c 1-16)

# The folder of the programs of a release, built now or before: release_programs VERSION SUM. Else why there is none, and status 1.
release_programs() {
  local version=$1 sum=$2 out go told result=0
  out=$store/go$version-$app_hash
  if [ -d "$out" ]; then
    printf '%s\n' "$out"
    return
  fi
  if [ "$version" = debian ]; then
    go=/usr/lib/go-1.19/bin/go
    [ -x "$go" ] || { echo "no $go"; return 1; }
  else
    go=$(GOMODCACHE="$store/modules" GOPROXY="file://$("$GO" env GOMODCACHE)/cache/download,$("$GO" env GOPROXY)" \
      fetch_go "$version" "$sum" "$GO") || { echo "go$version cannot be had: $(tail -n 1 <<< "$go" | tr -d '\t')"; return 1; }
  fi
  # shellcheck disable=SC2046 # words
  told=$(build_app "$go" "$out.part" $(variants_of "$version")) || result=$?
  remove_toolchains
  [ "$result" -eq 0 ] && mv "$out.part" "$out" && printf '%s\n' "$out" && return
  echo "go$version does not build it: $(tail -n 1 <<< "$told")"
  return 1
}

remove_toolchains() {
  rm -rf -- "$store/cache" "$store/source" "$store/modules/golang.org" "$store/modules/cache/download/golang.org/toolchain"
}
