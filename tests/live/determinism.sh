#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The same work gives the same verdicts, whatever the scheduler and the collector do meanwhile: each of the 17 kinds of calls
# that tests/programs/mixed makes, repeated 10,000 times, with each GOMAXPROCS from 1 to 16, has the one outcome that it must have.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

repetitions=${MJ_REPETITIONS:-10000}
calls=$((17 * (repetitions + 300) / $(wc -l < "$PROGS/versions"))) # for each Go
procs=$(seq -s , 16)

# verdicts DESCRIPTION CALLS ENVIRONMENT PROGRAM ARG...
verdicts() {
  local description=$1 n=$2 settings=$3 program=$4
  shift 4
  control env "$settings" "$program" -free -calls "$n" "$@"
  like "$description: control, nobody is refused" "$status $out" '^0 .*"refused":0,"wrong":0,'
  capture env "$settings" "$MODJAIL" run --quiet --stats --log-file="$tmp/log" --policy=example.com/conf=confined -- \
    "$program" -calls "$n" "$@"
  like "$description: every verdict is the expected one" "$status $out" '^0 .*"refused":[1-9][0-9]*,"wrong":0,'
  check "$description: every walk is complete" walks_all_complete "$tmp/log"
  # What computes without calls is stopped by the runtime's signals alone: they fly.
  [[ " $* " != *' -gc '* ]] || like "$description: the runtime preempts by signals" "$out" '"preempted":[1-9]'
  add_up
}

# How often each kind was made, over all runs.
add_up() {
  python3 - "$tmp/out" "$tmp/sums" << 'PYTHON'
import json, os, sys
with open(sys.argv[1], encoding="utf-8") as file:
    kinds = json.load(file)["kinds"]
if os.path.exists(sys.argv[2]):
    with open(sys.argv[2], encoding="utf-8") as file:
        for kind, times in json.load(file).items():
            kinds[kind] = kinds.get(kind, 0) + times
with open(sys.argv[2], "w", encoding="utf-8") as file:
    json.dump(kinds, file)
PYTHON
}
rarest() { # of those that are drawn evenly: the number of kinds, and how often the rarest was made
  python3 -c 'import json, sys
times = [n for kind, n in json.load(open(sys.argv[1])).items() if not kind.endswith(", process")]
print(len(times), min(times))' "$tmp/sums"
}

LIMIT=240
while read -r version; do
  verdicts "$version" "$((calls / 4))" A=b "$PROGS/$version/default/mixed" -procs "$procs"
  verdicts "$version, collecting" "$((calls / 4))" A=b "$PROGS/$version/stripped/mixed" -procs "$procs" -gc -children 5
  verdicts "$version, GOGC=1" "$((calls * 2 / 5))" GOGC=1 "$PROGS/$version/default/mixed" -procs "$procs" -gc
  verdicts "$version, gcstoptheworld=1" "$((calls / 8))" GODEBUG=gcstoptheworld=1 "$PROGS/$version/default/mixed" -procs "$procs" -gc
  verdicts "$version, gcshrinkstackoff=0, one worker" "$((calls / 8))" GODEBUG=gcshrinkstackoff=0 \
    "$PROGS/$version/default/mixed" -workers 1 -procs "$procs" -gc
done < "$PROGS/versions"
# Drawn at random, so not each exactly as often.
read -r kinds times < <(rarest)
check "each of $kinds kinds of calls was repeated $repetitions times ($times)" test "$kinds/$((times >= repetitions))" = 17/1
done_testing
