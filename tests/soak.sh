#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A long run under a mixed load (tests/programs/mixed): calls by many goroutines and by threads that come and go, refusals,
# deep stacks, processes that live shortly, the collector at work all the time. Every call's outcome is known, and
# checked by the program; meanwhile the supervisor's descriptors, memory, threads and zombies are counted.
#
# tests/soak.sh, with MODJAIL (the binary) and PROGS (what tests/programs/build.sh made) in the environment.
# MJ_SOAK_SECONDS: how long, default 600. meson test soak: 20.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/live/lib.sh"

seconds=${MJ_SOAK_SECONDS:-600}
MIXED=$PROGS/$(head -n 1 "$PROGS/versions")/stripped/mixed

status_of() { # KEY: of the supervisor, a number
  sed -n "s/^$1:[[:space:]]*\([0-9]*\).*/\1/p" "/proc/$pid/status"
}

zombies() { # children of the supervisor that it has not waited for
  local child count=0
  for child in $(cat "/proc/$pid/task/$pid/children" 2> /dev/null); do
    [ "$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$child/status" 2> /dev/null)" = Z ] && count=$((count + 1))
  done
  echo "$count"
}

# One line of the sample file: time, descriptors, anonymous KiB, resident KiB, threads, zombies.
sample() {
  local fds anonymous resident threads zombies
  fds=$(find "/proc/$pid/fd" -mindepth 1 2> /dev/null | wc -l)
  anonymous=$(status_of RssAnon) resident=$(status_of VmRSS) threads=$(status_of Threads) zombies=$(zombies)
  [ -n "$anonymous" ] && [ -n "$resident" ] && [ -n "$threads" ] && [ "$fds" -gt 0 ] &&
    echo "$SECONDS $fds $anonymous $resident $threads $zombies" >> "$tmp/samples"
}

# The largest value of a column in the second, or the last, third of the samples. The first third warms up.
largest() { # COLUMN middle|last
  awk -v column="$1" -v part="$2" '
    { value[NR] = $column }
    END {
      from = part == "last" ? int(NR * 2 / 3) + 1 : int(NR / 3) + 1
      to = part == "last" ? NR : int(NR * 2 / 3)
      for (i = from; i <= to; i++)
        if (value[i] > most) most = value[i]
      print most + 0
    }' "$tmp/samples"
}

at_most() { # DESCRIPTION VALUE LIMIT
  check "$1 ($2, at most $3)" [ "$2" -le "$3" ]
}

control "$MIXED" -free -gc -children 10 -calls 5000 -procs 1,4
is 'control: without modjail all calls succeed' "$status" 0

LIMIT=$((seconds + 120))
background "$MODJAIL" run --quiet --stats --log-file="$tmp/log" --policy=example.com/conf=confined -- \
  "$MIXED" -gc -children 10 -workers 32 -for "${seconds}s" -procs 4,1,16
interval=$(awk -v s="$seconds" 'BEGIN { print s < 60 ? 0.25 : s / 240 }')
deadline=$((SECONDS + LIMIT))
while ! gone "$pid" && [ "$SECONDS" -lt "$deadline" ]; do
  sample
  sleep "$interval"
done
check 'it ends by itself' gone "$pid"
kill -KILL "$pid" 2> /dev/null
wait "$pid"
status=$?
is 'no call had another outcome than it must' "$status" 0
result=$(cat "$tmp/out")
like 'the program says so, too' "$result" '"calls":[1-9][0-9]*,"refused":[1-9][0-9]*,"wrong":0,'
check 'every walk was complete' walks_all_complete "$tmp/log"
check 'there are samples' [ "$(wc -l < "$tmp/samples")" -ge 12 ]

# Dead threads and processes are looked for when there are twice as many as lived; so that numbers go up and down.
at_most 'descriptors do not grow' "$(largest 2 last)" $(($(largest 2 middle) * 5 / 4 + 128))
at_most 'anonymous memory does not grow, KiB' "$(largest 3 last)" $(($(largest 3 middle) * 5 / 4 + 1024))
at_most 'resident memory does not grow, KiB' "$(largest 4 last)" $(($(largest 4 middle) * 5 / 4 + 1024))
at_most 'the number of threads stays' "$(largest 5 last)" "$(largest 5 middle)"
at_most 'no zombies' "$(largest 6 last)" 0
echo "# $result"
sed -n 's/^/# /p' "$tmp/log"
echo "# descriptors $(largest 2 last), anonymous $(largest 3 last) KiB, resident $(largest 4 last) KiB, threads $(largest 5 last)"
done_testing
