#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The same work gives the same verdicts, whatever the scheduler and the collector do meanwhile: each of 10,000 calls of
# tests/programs/mixed, with GOMAXPROCS 1 to 16, has the one outcome that it must have.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

calls=${MJ_REPETITIONS:-10000}
procs=1,2,3,4,8,16

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
}

LIMIT=240
while read -r version; do
  verdicts "$version" "$((calls / 4))" A=b "$PROGS/$version/default/mixed" -procs "$procs"
  verdicts "$version, collecting" "$((calls / 4))" A=b "$PROGS/$version/stripped/mixed" -procs "$procs" -gc -children 5
  verdicts "$version, GOGC=1" "$((calls / 4))" GOGC=1 "$PROGS/$version/default/mixed" -procs "$procs" -gc
  verdicts "$version, gcstoptheworld=1" "$((calls / 8))" GODEBUG=gcstoptheworld=1 "$PROGS/$version/default/mixed" -procs "$procs" -gc
  verdicts "$version, gcshrinkstackoff=0, one worker" "$((calls / 8))" GODEBUG=gcshrinkstackoff=0 \
    "$PROGS/$version/default/mixed" -workers 1 -procs "$procs" -gc
done < "$PROGS/versions"
done_testing
