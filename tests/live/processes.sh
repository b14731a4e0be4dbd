#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Programs that start programs: all of them are in the jail, modjail ends with the last, and they
# end with modjail.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

for options in --no-policy --policy=example.com/conf=confined; do
  jailed "$options" -- "$FORKER" -children 20 -exit 3
  is "$options: twenty children" "$status/$(grep -c '^child ' "$tmp/out")" 3/20

  jailed "$options" -- "$FORKER" -orphans 5 -exit 4
  is "$options: children that nobody waits for" "$status/$(grep -c '^child ' "$tmp/out")" 4/5

  # A daemon: another session, no parent. Its file is its last act.
  rm -f "$tmp/daemon"
  jailed "$options" -- "$FORKER" -daemon "$tmp/daemon" -after 1s -exit 5
  is "$options: the program's status, not the daemon's" "$status" 5
  check "$options: modjail waits for the daemon" test -s "$tmp/daemon"

  jailed "$options" -- "$FORKER" -exec /bin/echo became another
  is "$options: a program that becomes another" "$status/$out" '0/became another'
  jailed "$options" -- "$FORKER" -exec "$PROBE" -by conf create="$tmp/reexec"
  if [ "$options" = --no-policy ]; then
    is "$options: a jailed program executes the probe" "$out" 'create ok'
  else
    is "$options: the same main module is walked after exec, too" "$out" 'create errno=EPERM'
  fi
  rm -f "$tmp/reexec"

  background "$MODJAIL" run "$options" -- "$FORKER" -sleep 60s
  if eventually in_output '^pids '; then
    read -r _ program child < "$tmp/out"
    check_not "$options: the program runs" gone "$program"
    kill -KILL "$pid"
    check "$options: SIGKILL of modjail kills the program" eventually gone "$program"
    kill -KILL "$child" 2> /dev/null
  else
    not_ok "$options: the program starts"
  fi
  finish
done
# The control of the daemon test: without modjail nobody waits.
rm -f "$tmp/daemon"
control "$FORKER" -daemon "$tmp/daemon" -after 1s -exit 5
is 'control: status' "$status" 5
check_not 'control: without modjail the daemon is still at work' test -s "$tmp/daemon"
eventually test -s "$tmp/daemon"

# What main executes may do what main may, whoever else is confined; what conf may not execute, is not.
jailed --policy=example.com/conf=confined -- "$PROBE" -by main std-exec="$tmp/by-main"
check 'a program that main executed works' test -e "$tmp/by-main"
jailed --policy=example.com/conf=confined -- "$PROBE" -by conf std-exec="$tmp/by-conf"
check_not 'a program that conf executed does not start' test -e "$tmp/by-conf"

# An execve that was allowed and failed changes nothing: what main may do, it may do afterwards, too. (The runtime overwrites the
# bytes that the kernel gave the process, by which one execution is told from the next.)
mixed=$PROGS/default/mixed
printf 'version: 1\nmodules:\n  example.com/conf:\n    allow: [EXEC]\n' > "$tmp/exec.yaml"
control "$mixed" -failexec
is 'control: an execve that fails, and a call after it' "$status/$out" '0/2 0'
jailed --policy-file="$tmp/exec.yaml" -- "$mixed" -failexec
is 'an execve of conf that fails takes nothing from main' "$status/$out" '0/2 0'

# Jails do not nest, since the kernel allows one listener: the inner one says so and does not start its program.
inner=("$MODJAIL" run --policy=example.com/conf=confined -- "$PROBE" -by conf create="$tmp/nested")
capture "${inner[@]}"
is 'control: the inner jail works alone' "$status/$out" '0/create errno=EPERM'
jailed --no-policy -- "${inner[@]}"
is 'nested in --no-policy: status and output' "$status/$out" '125/'
like 'nested in --no-policy: says why' "$err" 'modjail: .*another supervisor .*listener'
check_not 'nested in --no-policy: the program does not run' test -e "$tmp/nested"
jailed --policy=example.com/conf=confined -- "$FORKER" -exec "${inner[@]}"
is 'nested in a policy: status and output' "$status/$out" '125/'
like 'nested in a policy: says why' "$err" 'modjail: .*another supervisor .*listener'
check_not 'nested in a policy: the program does not run' test -e "$tmp/nested"

# While somebody reads a process's memory map, its memory does not end with an execve. The program is told from modjail's own
# stub nevertheless.
: "${HELPERS:?HELPERS must name the folder of watcher}"
for _ in 1 2; do
  "$HELPERS/watcher" 120 &
  children+=("$!")
done
refused=0
for _ in {1..150}; do
  jailed --policy=example.com/conf=confined -- "$PROBE" -by main stat=/
  [ "$status/$out/$err" = '0/stat ok/' ] || { refused=$((refused + 1)) seen="$status/$out/$err"; }
done
is 'watched by a monitor: no start of 150 is refused anything' "$refused ${seen:-}" '0 '
kill "${children[@]}" 2> /dev/null

done_testing
