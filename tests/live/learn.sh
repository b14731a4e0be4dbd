#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# modjail learn: a learned policy refuses nothing of the work it was learned from, and refuses the rest.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

export LIMIT=240 NO_COLOR=1 TZ=UTC HOME=$tmp/home
mkdir -p "$HOME"
policy=$tmp/modjail.yaml

learn() { # OPTION... -- PROGRAM ARG...
  capture "$MODJAIL" learn "$@"
}

prepare() { :; }

# Status and output of the last run; children print in any order.
outcome() { echo "$status/$(sort "$tmp/out")"; }

# relearned NAME PROGRAM ARG...: learn, then the same work under what was learned: the same output, and not
# one refusal; merging the same work again changes nothing.
relearned() {
  local name=$1 wanted before
  shift
  rm -f "$policy"
  prepare
  control "$@"
  wanted=$(outcome)
  prepare
  learn -o "$policy" -- "$@"
  is "$name: learning changes nothing" "$(outcome)" "$wanted"
  check "$name: a policy is written" test -s "$policy"
  prepare
  jailed --policy-file="$policy" --log-format=json --log-file="$tmp/log" -- "$@"
  is "$name: the same under its policy" "$(outcome)" "$wanted"
  is "$name: nothing is refused" "$(grep -cv WAIT_KILLABLE_RECV "$tmp/log")" 0
  [ ! -s "$tmp/log" ] || sed 's/^/#   /' "$tmp/log" | cut -c 1-400
  rm -f "$tmp/log"
  before=$(cksum < "$policy")
  prepare
  learn --merge -o "$policy" -- "$@"
  is "$name: learned again, nothing is added" "$status/$(cksum < "$policy")" "${wanted%%/*}/$before"
}

# Words below a key of the policy, on one line.
words_of() { # MODULE
  awk -v key="  $1:" '$0 == key { on = 1; next } on && /^    - / { printf "%s ", $2; next } { on = 0 }' "$policy"
}

prepare() { rm -f "$tmp"/made*; }
echo content > "$tmp/file"
for actor in main conf yaml inlined closure method generic deferred goroutine callback; do
  relearned "probe by $actor" "$PROBE" -by "$actor" read="$tmp/file" create="$tmp/made" stat="$tmp/file" uname inotify
done
relearned 'the network' "$PROBE" -by conf listen netlink unix="$tmp/nothing" connect=1
relearned 'system state' "$PROBE" -by conf chdir=/ umask setpgid setrlimit setpriority unshare mount
relearned 'executed by the standard library' "$PROBE" -by conf std-exec="$tmp/made" std-read="$tmp/file"
relearned 'replaced by a shell' "$PROBE" -by conf exec="$tmp/made"
relearned 'children' "$FORKER" -children 8
relearned 'itself, executed anew' "$FORKER" -exec "$PROBE" -by conf create="$tmp/made"
for cgo in "$PROGS"/go*/cgo/cgocall; do
  [ -x "$cgo" ] || { skip 'C code' 'no C compiler when the test programs were built'; break; }
  relearned "C code, ${cgo#"$PROGS/"}" "$cgo"
done
for probe in "$PROGS"/go*/{default,stripped,pie}/probe; do
  relearned "${probe#"$PROGS/"}" "$probe" -by conf read="$tmp/file" create="$tmp/made"
done

# The smallest: single capabilities, calls by their names, nothing that was not needed.
rm -f "$policy"
prepare
learn -o "$policy" -- "$PROBE" -by conf stat="$tmp/file" inotify listen
is 'what conf needed' "$(words_of example.com/conf)" 'FILES/STAT NETWORK/LISTEN inotify_init1 '
check_not 'yaml needed nothing, and is not named' grep -q yaml "$policy"
jailed --policy-file="$policy" -- "$PROBE" -by conf stat="$tmp/file" read="$tmp/file"
is 'what was not learned is refused' "$(echo $out)" 'stat ok read errno=EPERM'

# --merge keeps what people wrote.
sed -i 's/^version: 1$/version: 1 # mine/; s/^default: \[\]$/default: [] # nothing/' "$policy"
grep -v '^ *#' "$policy" > "$tmp/before"
learn --merge -o "$policy" -- "$PROBE" -by conf read="$tmp/file"
is 'merge: no line is lost' "$(grep -Fvxf "$policy" "$tmp/before")" ''
like 'merge: what is new is there' "$(words_of example.com/conf)" 'FILES/READ'
jailed --policy-file="$policy" -- "$PROBE" -by conf stat="$tmp/file" read="$tmp/file"
is 'merge: both runs are allowed' "$(echo $out)" 'stat ok read ok content'
before=$(cksum < "$policy")
learn -o "$policy" -- "$PROBE" -by conf read="$tmp/file"
is 'an existing file is not overwritten' "$status/$out/$(cksum < "$policy")" "125//$before"
like 'it says what to do' "$err" '--merge'
sed 's/^program: .*/program: example.com\/other/' "$policy" > "$tmp/other.yaml"
learn --merge -o "$tmp/other.yaml" -- "$PROBE" -by conf umask
is "another program's file is left alone" "$status" 125
check_not "another program's file is left alone: nothing is added" grep -q CHDIR "$tmp/other.yaml"

# --from: the records of a run are worth as much as the run.
for options in "run --on-deny=log --policy=example.com/conf=confined" "learn -o $tmp/direct.yaml"; do
  rm -f "$tmp/records" "$tmp/direct.yaml" "$policy"
  prepare
  # shellcheck disable=SC2086
  capture "$MODJAIL" $options --log-format=json --log-file="$tmp/records" -- "$PROBE" -by conf read="$tmp/file" \
    create="$tmp/made" umask
  learn -o "$policy" --from="$tmp/records"
  is "--from, ${options%% *}: what conf needed" "$status/$(words_of example.com/conf)" \
    '0/FILES/READ FILES/WRITE MODIFY_SYSTEM_STATE/CHDIR '
done
is '--from: the same file as from the run itself' "$(grep -v '^#' "$policy")" "$(grep -v '^#' "$tmp/direct.yaml")"
printf '%s\nnonsense\n' '{"event":"notice"}' > "$tmp/bad"
rm -f "$policy"
learn -o "$policy" --from="$tmp/bad"
like '--from: malformed lines are named' "$status/$err" "125/.*$tmp/bad:2:"
check_not '--from: and nothing is written' test -e "$policy"

# Many writers, one file, rotated meanwhile: whole lines, none lost.
writers() {
  local i n=0
  for i in 1 2 3 4; do
    (
      for _ in 1 2 3 4 5; do
        "$MODJAIL" run --policy=example.com/conf=confined --log-format=json --log-file="$tmp/shared" -- \
          "$PROBE" -by conf read="$tmp/file" create="$tmp/x" umask kill=$$ uname > "$tmp/writer.$i" 2>&1
      done
    ) &
    children+=("$!")
  done
  # The first one as soon as there is a record, of the first of twenty runs.
  while [ -n "$(jobs -rp)" ]; do
    [ ! -s "$tmp/shared" ] || mv "$tmp/shared" "$tmp/shared.$((n++))"
    sleep 0.01
  done
  wait
}
writers
is 'rotation: every record is whole, and none is lost' "$(cat "$tmp"/shared* | python3 -c '
import json, sys
print(sum(json.loads(line)["event"] == "refusal" for line in sys.stdin))')" 80
check 'rotation: there was more than one file' test "$(find "$tmp" -name 'shared*' | wc -l)" -gt 1
# One program that refuses on both sides of a rotation.
background "$MODJAIL" run --policy=example.com/conf=confined --log-format=json --log-file="$tmp/one" -- \
  "$THREADS" -n 2 -calls 20000
eventually test -s "$tmp/one" && mv "$tmp/one" "$tmp/one.0"
finish
is 'rotation within a run: the last record is in a new file' "$(tail -n 1 "$tmp/one" 2> /dev/null | grep -c repeated)" 1

# --summary
jailed --policy=example.com/conf=confined --quiet --summary -- "$PROBE" -by conf read="$tmp/file" read="$tmp/file" umask
like 'summary: what and how often' "$(echo $err)" 'summary: 3 calls refused.*example.com/conf FILES/READ 2 .*CHDIR 1'
jailed --policy=example.com/conf=confined --quiet --summary --log-format=json -- "$PROBE" -by conf read="$tmp/file"
is 'summary: one JSON object' "$(python3 -c 'import json, sys
r = json.load(sys.stdin); print(r["event"], r["refused"], r["subjects"][0]["subject"])' < "$tmp/err")" \
  'summary 1 example.com/conf'

# Programs that people use.
real() {
  command -v "$1" > /dev/null && return
  skip "$1" "$1 is not installed"
  return 1
}
if real gojq; then
  prepare() { :; }
  seq 1 2000 | sed 's/.*/{"n": &}/' > "$tmp/numbers"
  relearned gojq gojq -s 'map(.n) | add' "$tmp/numbers"
fi
if real restic; then
  mkdir "$tmp/source"
  for i in $(seq 50); do echo "$i" > "$tmp/source/$i"; done
  export RESTIC_PASSWORD=x RESTIC_REPOSITORY=$tmp/repo RESTIC_CACHE_DIR=$tmp/cache
  prepare() { rm -rf "$tmp/repo" "$tmp/cache" && restic -q init; }
  # glibc asks for the number of processors when a C thread needs a heap of its own (arena_get2 in malloc/arena.c):
  # not in every run, and what a run did not do cannot be learned from it.
  export MALLOC_ARENA_MAX=1
  relearned 'restic backup' restic -q backup "$tmp/source"
fi
if real hugo; then
  prepare() { rm -rf "$tmp/site"; }
  relearned 'hugo new site' hugo --quiet new site "$tmp/site"
fi

done_testing
