#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Real programs: a policy is learned from work, the same work under it is refused nothing, and other work is refused
# what it needs beyond that, and nothing comes of it.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

export LIMIT=240 HOME=$tmp/home NO_COLOR=1 TZ=UTC XDG_CACHE_HOME=$tmp/cache CHECKPOINT_DISABLE=1
# glibc counts the processors when it makes a new arena, on threads that C made: not in every run.
export MALLOC_ARENA_MAX=1
mkdir -p "$HOME"

find_program() { # NAME: in PATH, or below MJ_REAL
  command -v "$1" || {
    [ -n "${MJ_REAL:-}" ] &&
      find "$MJ_REAL" -type f -name "$1" -perm -u+x 2> /dev/null | grep -m 1 .
  }
}

programs=0
with() { # NAME: whether the program is there; else one skip, with the reason
  program=$(find_program "$1") && programs=$((programs + 1)) && return 0
  skip "$1" "$1 is not installed"
  return 1
}

# learned NAME WORK...: a policy from three runs of it (what goroutines do differs from run to run), under which it
# works as without one.
learned() {
  local name=$1 i wanted
  shift
  control "$@"
  wanted="$status/$(cksum < "$tmp/out")"
  rm -f "$tmp/m.yaml"
  for i in 1 2 3; do
    capture "$MODJAIL" learn --merge -o "$tmp/m.yaml" -- "$@"
  done
  is "$name: learning changes nothing" "$status/$(cksum < "$tmp/out")" "$wanted"
  rm -f "$tmp/log"
  jailed --policy-file="$tmp/m.yaml" --log-format=json --log-file="$tmp/log" -- "$@"
  is "$name: the same work under the policy" "$status/$(cksum < "$tmp/out")" "$wanted"
  is "$name: is refused nothing" "$(cat "$tmp/log" 2> /dev/null)" ''
}

# refused NAME CAPABILITIES WORK...: other work is refused those capabilities, and no others.
refused() {
  local name=$1 wanted=$2
  shift 2
  rm -f "$tmp/log"
  jailed --policy-file="$tmp/m.yaml" --log-format=json --log-file="$tmp/log" -- "$@"
  is "$name: what other work is refused" "$(python3 -c 'import json, sys
print(*sorted({e["capability"] for e in map(json.loads, open(sys.argv[1])) if "capability" in e}))' "$tmp/log")" "$wanted"
}

if with gojq; then
  echo '{"n": 42}' > "$tmp/n.json"
  STDIN=$tmp/n.json learned gojq "$program" .n
  refused gojq FILES/READ "$program" .n "$tmp/n.json"
  is 'gojq: nothing came of it' "$out" ''
fi

if with hugo; then
  learned hugo "$program" version
  control "$program" new site "$tmp/control"
  check 'hugo: control' test -d "$tmp/control"
  refused hugo 'FILES/STAT FILES/WRITE' "$program" new site "$tmp/site"
  check_not 'hugo: nothing came of it' test -e "$tmp/site"
fi

if with restic; then
  mkdir "$tmp/source"
  seq 100 > "$tmp/source/numbers"
  export RESTIC_PASSWORD=x RESTIC_REPOSITORY=$tmp/repo
  "$program" -q --no-cache init
  "$program" -q --no-cache backup "$tmp/source"
  learned restic "$program" -q --no-cache --no-lock ls latest
  refused restic 'FILES/WRITE NETWORK/UNIX READ_SYSTEM_STATE' "$program" -q --no-cache backup "$tmp/source"
  is 'restic: nothing came of it' "$("$program" --no-cache snapshots --json | grep -o '"short_id"' | wc -l)" 1
fi

if with kubectl; then
  mkdir "$tmp/kustomize"
  printf 'resources: [map.yaml]\nnamePrefix: demo-\n' > "$tmp/kustomize/kustomization.yaml"
  printf 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: one\n' > "$tmp/kustomize/map.yaml"
  learned kubectl "$program" kustomize "$tmp/kustomize"
  refused kubectl NETWORK/CONNECT "$program" get --raw / --server http://127.0.0.1:1
fi

if with buf; then
  mkdir -p "$tmp/proto/demo/v1"
  printf 'version: v2\n' > "$tmp/proto/buf.yaml"
  printf 'syntax = "proto3";\npackage demo.v1;\nmessage Item { string name = 1; }\n' > "$tmp/proto/demo/v1/item.proto"
  learned buf "$program" lint "$tmp/proto"
  refused buf FILES/WRITE "$program" build "$tmp/proto" -o "$tmp/image.json"
  check_not 'buf: nothing came of it' test -s "$tmp/image.json"
fi

if with esbuild; then
  echo 'console.log(1 + 1)' > "$tmp/app.js"
  learned esbuild "$program" --bundle "$tmp/app.js"
  refused esbuild FILES/WRITE "$program" --bundle "$tmp/app.js" --outfile="$tmp/made.js"
  check_not 'esbuild: nothing came of it' test -e "$tmp/made.js"
fi

if with tsgo; then
  echo 'export const n: number = 1' > "$tmp/n.ts"
  learned tsgo "$program" --ignoreConfig --types '' --noEmit "$tmp/n.ts"
  refused tsgo FILES/WRITE "$program" --ignoreConfig --types '' "$tmp/n.ts"
  check_not 'tsgo: nothing came of it' test -e "$tmp/n.js"
fi

if with terraform; then
  mkdir "$tmp/tf"
  printf 'output "a" {\nvalue=1\n}\n' > "$tmp/tf/main.tf"
  learned terraform "$program" fmt -check -list=false "$tmp/tf"
  refused terraform FILES/WRITE "$program" fmt -list=false "$tmp/tf"
  check 'terraform: nothing came of it' grep -q '^value=1' "$tmp/tf/main.tf"
fi

[ "$programs" -ge 6 ] || skip 'six programs' "only $programs are installed"
done_testing
