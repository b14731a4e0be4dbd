#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# modjail inspect: what it finds in a program with one module of each kind, built here, and what it
# says about files that are nothing to inspect.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

export GOPROXY=off GOTOOLCHAIN=local GOWORK=off GOFLAGS=-mod=mod HOME="${HOME:-$tmp}"
modules='asmcall asmplain ghost linked lined cgolib clean'

module() { # NAME: starts its source file
  mkdir -p "$tmp/src/$1"
  printf 'module example.com/%s\n\ngo 1.19\n' "$1" > "$tmp/src/$1/go.mod"
  cat > "$tmp/src/$1/$1.go"
}

assembly() { # MODULE NAME INSTRUCTION
  printf '#include "textflag.h"\n%s\nTEXT %s(SB), NOSPLIT, $0-0\n\tMOVQ $39, AX\n\t%s\n\tRET\n' "${4:-}" "$2" "$3" \
    > "$tmp/src/$1/$1_amd64.s"
}

write_program() {
  module asmcall <<< $'package asmcall\n\nfunc Call()\n\nfunc Old()'
  assembly asmcall '·Call' SYSCALL
  printf '\nTEXT ·Old(SB), NOSPLIT, $0-0\n\tBYTE $0xcd\n\tBYTE $0x80\n\tRET\n' >> "$tmp/src/asmcall/asmcall_amd64.s"
  module asmplain <<< $'package asmplain\n\nfunc Plain()'
  assembly asmplain '·Plain' 'MOVL $0x050f050f, CX' # the bytes of SYSCALL, as an operand
  # Nothing of its own says whose it is: a name and a file of package syscall.
  module ghost <<< $'package ghost\n\n//go:noinline\nfunc Go() { call() }\n\nfunc call()'
  assembly ghost '·call' 'CALL syscall·inspectGhost(SB)'
  printf '#include "textflag.h"\n#line 1 "%s"\nTEXT syscall·inspectGhost(SB), NOSPLIT, $0-0\n\tMOVQ $39, AX\n\tSYSCALL\n\tRET\n' \
    "$goroot/src/syscall/asm.s" > "$tmp/src/ghost/other_amd64.s"
  module linked << 'GO'
package linked

import _ "unsafe"

//go:linkname forged os.inspectForged
//go:noinline
func forged(n int) int { return n + 1 }

//go:noinline
func Honest(n int) int { return forged(n) + forged(2*n) }
GO
  module lined << GO
package lined

//go:noinline
func Honest(n int) int { return n * 3 }

//go:noinline
func Half(n int) int {
	n = Honest(n)
//line $goroot/src/os/file.go:100
	return Honest(n) + n
}

//go:noinline
//line /nowhere/else/x.go:7
func Whole(n int) int { return Honest(n + 1) }

//line $goroot/src/os/file.go:200
func Inlined(n int) int { return Honest(n+2) + 1 }
GO
  module cgolib <<< $'package cgolib\n\n// static int twice(int n) { return 2 * n; }\nimport "C"\n\nfunc Twice(n int) int { return int(C.twice(C.int(n))) }'
  module clean << 'GO'
package clean

import "sort"

type Set[T comparable] map[T]bool

//go:noinline
func (s Set[T]) Add(v T) { s[v] = true }

// Opener is inlined, its closure is not.
func Opener(n int) func(int) int {
	return func(m int) int {
		s := Set[int]{}
		s.Add(m)
		return len(s)*n + m
	}
}

//go:noinline
func Constant(n uint64) uint64 {
	l := []int{3, 1, int(n)}
	sort.Slice(l, func(i, j int) bool { return l[i] < l[j] })
	return n ^ 0x050f050f050f050f + uint64(l[0])
}
GO
  mkdir -p "$tmp/src/program"
  cat > "$tmp/src/program/main.go" << 'GO'
package main

import (
	"fmt"

	"example.com/asmcall"
	"example.com/asmplain"
	"example.com/cgolib"
	"example.com/clean"
	"example.com/ghost"
	"example.com/lined"
	"example.com/linked"
)

var opener = clean.Opener(2)

func main() {
	f := clean.Opener(cgolib.Twice(3))
	if opener(1) > 1000 {
		asmcall.Old()
	}
	asmcall.Call()
	asmplain.Plain()
	ghost.Go()
	fmt.Println(f(1), clean.Constant(1), lined.Half(1), lined.Whole(1), lined.Inlined(1), linked.Honest(1))
}
GO
  {
    printf 'module example.com/program\n\ngo 1.19\n'
    for name in $modules; do
      printf 'require example.com/%s v0.0.0\nreplace example.com/%s => ../%s\n' "$name" "$name" "$name"
    done
  } > "$tmp/src/program/go.mod"
}

build_program() { # OUTPUT FLAGS...
  local output=$1
  shift
  (cd "$tmp/src/program" && CGO_ENABLED=1 "$go" build -buildvcs=false "$@" -o "$output" .) > "$tmp/build.log" 2>&1
}

inspect_json() { # FILE: into $tmp/report
  capture "$MODJAIL" inspect --json "$1"
  mv "$tmp/out" "$tmp/report" # out of the way of what a failing test prints
  : > "$tmp/out"
}

# Asks $tmp/report: found MODULE KIND prints "FUNCTION CLAIMED-OR-INSTRUCTION, ..."
found() {
  python3 - "$tmp/report" "$@" << 'PY'
import json, sys
report = json.load(open(sys.argv[1]))
module = next(m for m in report["modules"] if m["path"] == "example.com/" + sys.argv[2])
def show(f):
    return f["function"].split("/")[-1] + " " + str(f.get("instruction", f.get("claimed")))
print(", ".join(show(f) for f in module["findings"][sys.argv[3]]))
PY
}

kinds_of() { # MODULE: the kinds with findings
  python3 -c 'import json, sys
report = json.load(open(sys.argv[1]))
module = next(m for m in report["modules"] if m["path"] == "example.com/" + sys.argv[2])
print(" ".join(k for k, v in module["findings"].items() if v))' "$tmp/report" "$1"
}

field() { # EXPRESSION over "r"
  python3 -c 'import json, sys; r = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$tmp/report" "$1"
}

check_report() { # VERSION-AND-VARIANT
  is "$1: status" "$status/$err" 0/
  is "$1: assembly with system calls" "$(kinds_of asmcall)/$(found asmcall syscall)" \
    'assembly syscall/asmcall.Call SYSCALL, asmcall.Old INT 0x80'
  is "$1: assembly without: an operand is none" "$(kinds_of asmplain)" assembly
  is "$1: assembly under the name and file of package syscall" "$(kinds_of ghost)/$(found ghost syscall)" \
    'assembly syscall/syscall.inspectGhost SYSCALL'
  is "$1: a name of another package" "$(kinds_of linked)/$(found linked linkname)" 'linkname/os.inspectForged std'
  is "$1: files of others" "$(kinds_of lined)/$(found lined line)" \
    'line/lined.Half std, lined.Inlined std, lined.Whole None'
  is "$1: cgo" "$(kinds_of cgolib)" cgo
  is "$1: clean, with operands, closures and generics" "$(kinds_of clean)" ''
  is "$1: the main module, with closures of others" "$(kinds_of program)" ''
  is "$1: std" "$(field '[k for k, v in r["std"]["findings"].items() if v and k not in ("assembly", "cgo")]')" '[]'
  is "$1: what is not held" "$(field '" ".join(sorted(p.split("/")[1] for p in r["not_held"]))')" \
    'asmcall asmplain cgolib ghost'
  is "$1: main comes first" "$(field 'r["modules"][0]["path"], r["modules"][0]["main"]')" \
    "('example.com/program', True)"
}

for go in /usr/local/go/bin/go /usr/lib/go-*/bin/go "$(command -v go || true)"; do
  [ -x "$go" ] || continue
  version=$("$go" env GOVERSION)
  case " ${seen:-} " in *" $version "*) continue ;; esac
  seen="${seen:-} $version"
  goroot=$("$go" env GOROOT)
  goroot=$(realpath "$goroot")
  rm -rf "$tmp/src"
  write_program
  if ! build_program "$tmp/plain"; then
    skip "$version" "cannot build the program: $(tail -n 1 "$tmp/build.log")"
    continue
  fi
  build_program "$tmp/stripped" -ldflags='-s -w' && build_program "$tmp/pie" -buildmode=pie
  for variant in plain stripped pie; do
    inspect_json "$tmp/$variant"
    check_report "$version $variant"
    capture "$MODJAIL" inspect "$tmp/$variant"
    like "$version $variant: text: clean" "$out" 'example.com/clean +(v0.0.0|\(devel\)) +clean'
    like "$version $variant: text: findings" "$out" 'example.com/asmcall .*assembly \(2\), raw system calls \(2\)'
  done
  inspect_json "$tmp/stripped"
  is "$version: stripped is seen" "$(field 'r["build"]["stripped"], r["build"]["cgo"], r["build"]["pie"]')" '(True, True, False)'
done
[ -n "${seen:-}" ] || skip 'the program' 'no Go'

refused() { # DESCRIPTION STATUS STDERR-REGEX
  is "$1: status $2" "$status" "$2"
  like "$1: the message" "$err" "$3"
  is "$1: nothing on stdout" "$out" ''
}

capture "$MODJAIL" inspect /bin/sh
refused 'not Go' 1 'modjail: /bin/sh is not a Go program'
capture "$MODJAIL" inspect "$here/inspect.sh"
refused 'a script' 1 'is not a program \(a script\)'
capture "$MODJAIL" inspect "$tmp/nonesuch"
refused 'no such file' 1 'cannot read .*nonesuch'
capture "$MODJAIL" inspect "$tmp"
refused 'a folder' 1 'not a regular file'
: > "$tmp/empty"
capture "$MODJAIL" inspect "$tmp/empty"
refused 'an empty file' 1 'not a program'
head -c 20000 "$PROBE" > "$tmp/cut"
capture "$MODJAIL" inspect "$tmp/cut"
refused 'a file cut short' 1 'modjail: .*cut'
cp "$PROBE" "$tmp/foreign"
printf '\xb7' | dd of="$tmp/foreign" bs=1 seek=18 conv=notrunc status=none # EM_AARCH64
capture "$MODJAIL" inspect "$tmp/foreign"
refused 'another machine' 1 'is not a 64-bit x86 program'
cp "$PROBE" "$tmp/"$'esc\e[31m'
capture "$MODJAIL" inspect "$tmp/"$'esc\e[31m'
check_not 'control characters are escaped' grep -q $'\e' "$tmp/out"

for wrong in '' '--nonesuch' 'one two'; do
  # shellcheck disable=SC2086 # a list
  capture "$MODJAIL" inspect $wrong
  refused "usage: inspect ${wrong:-nothing}" 125 'Usage: modjail inspect|--help'
done
capture "$MODJAIL" inspect --help
is '--help: status' "$status/$err" 0/
like '--help: the option' "$out" '--json'

done_testing
