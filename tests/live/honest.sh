#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Honest code that leaves little trace of where it comes from: modules with capital letters in their paths, which the
# module cache writes in its own way, and closures of functions that are inlined away, as staticcheck has them. Nothing of it
# may be refused. GO is the go command.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

GO=${GO:-go}

# ---- ten modules with capital letters --------------------------------------------------------------

if ! command -v "$GO" > /dev/null; then
  skip 'programs from the module proxy' 'no go command'
  done_testing
fi
if ! (cd "$here/../programs/capitals" && GOTOOLCHAIN=local GOWORK=off GOFLAGS=-mod=mod timeout 300 "$GO" mod download) \
  > "$tmp/download" 2>&1; then
  skip 'modules with capital letters' 'the modules could not be downloaded'
else
  cat > strict.yaml << 'END'
version: 1
unattributed: []
END
  for trimmed in '' -trimpath; do
    name="capitals ${trimmed:-as built by default}"
    if ! (cd "$here/../programs/capitals" && GOTOOLCHAIN=local GOWORK=off GOFLAGS='-mod=readonly -buildvcs=false' \
      CGO_ENABLED=0 "$GO" build $trimmed -o "$tmp/capitals" .) > "$tmp/build" 2>&1; then
      not_ok "$name: the program builds" "$(head -n 12 "$tmp/build")"
      continue
    fi
    control "$tmp/capitals" /etc/passwd
    is "$name: control" "$status/$out" 0/10
    jailed --policy-file=strict.yaml -- "$tmp/capitals" /etc/passwd
    is "$name: all ten read the file" "$status/$out" 0/10
    is "$name: nothing is refused" "$err" ''
  done
fi

# ---- staticcheck -----------------------------------------------------------------------------------

# Its loader walks packages by an iterator that is inlined away; golang.org/x/mod has no function in it.
mkdir -p checked tool
cat > checked/go.mod << 'END'
module example.com/checked

go 1.22
END
cat > checked/main.go << 'END'
package main

import (
	"fmt"
	"os"
)

func main() {
	if _, err := os.Open("x"); err != nil && true == true {
		fmt.Println(err)
	}
}
END
version=v0.8.2
if ! (cd tool && GOTOOLCHAIN=local GOWORK=off GOFLAGS='-mod=mod -buildvcs=false' GOBIN=$PWD timeout 600 "$GO" install \
  "honnef.co/go/tools/cmd/staticcheck@$version") > "$tmp/download" 2>&1; then
  sed -E 's/^/# /' "$tmp/download" | head -n 5
  skip 'staticcheck' "staticcheck $version could not be had"
  done_testing
fi
cd checked || exit 1
export GOTOOLCHAIN=local GOFLAGS=-mod=mod XDG_CACHE_HOME=$tmp/cache
control "$tmp/tool/staticcheck" ./...
findings=$status/$out
like 'control: staticcheck finds something' "$out" 'SA4000|S1002'
capture "$MODJAIL" policy check --policy=golang.org/x/mod=confined "$tmp/tool/staticcheck"
like 'policy check says beforehand of which closure nobody is known' "$err$out" 'nothing tells who wrote the closure .*Sorted'
for module in golang.org/x/mod github.com/BurntSushi/toml; do
  rm -rf "$tmp/cache/staticcheck"
  jailed --policy="$module=confined" -- "$tmp/tool/staticcheck" ./...
  is "staticcheck with $module confined: what it finds" "$status/$out" "$findings"
  is "staticcheck with $module confined: nothing is refused" "$err" ''
done
done_testing
