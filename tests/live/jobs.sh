#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What people put in front of a command and behind it: timeout, nohup, setsid, a shell's jobs, pipes that nobody reads any
# more, a full disk. It works as without modjail.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

confine=--policy=example.com/conf=confined
CROWD=$PROGS/default/crowd
who=(control without with)
command_of() { # WHO PROGRAM ARG...: in $cmd
  local how=$1
  shift
  case $how in
    control) cmd=("$@") ;;
    without) cmd=("$MODJAIL" run --no-policy -- "$@") ;;
    with) cmd=("$MODJAIL" run "$confine" -- "$@") ;;
  esac
}

for how in "${who[@]}"; do
  command_of "$how" "$SIG" -until 1 -exit 7
  capture timeout --preserve-status --signal=USR1 0.5 "${cmd[@]}"
  is "$how: timeout with a signal that is handled" "$status/$(grep -o '^got [0-9]*' "$tmp/out")" '7/got 10'
  command_of "$how" "$SIG" -handle=false -until 1
  capture timeout --signal=TERM 0.3 "${cmd[@]}"
  is "$how: timeout" "$status" 124
  capture timeout --foreground --signal=TERM 0.3 "${cmd[@]}"
  is "$how: timeout --foreground" "$status" 124
  capture timeout --foreground -k 1 --signal=CONT 0.3 "${cmd[@]}"
  is "$how: timeout -k: killed" "$status" 137

  # nohup ignores SIGHUP, and so does what it starts.
  command_of "$how" /bin/sh -c 'kill -HUP $$; echo alive'
  [ "$how" = with ] && command_of "$how" "$FORKER" -exec /bin/sh -c 'kill -HUP $$; echo alive'
  capture nohup "${cmd[@]}"
  is "$how: nohup" "$status/$out" 0/alive

  command_of "$how" "$FORKER" -children 3 -exit 4
  capture setsid --wait "${cmd[@]}"
  is "$how: setsid" "$status/$(grep -c '^child ' "$tmp/out")" 4/3

  # A pipe that is closed early: the writer dies of SIGPIPE, or sees EPIPE; modjail with it, at once.
  command_of "$how" /bin/sh -c 'while :; do echo line; done'
  [ "$how" = with ] && command_of "$how" "$FORKER" -exec /bin/sh -c 'while :; do echo line; done'
  last_run="${cmd[*]} | head -n 1"
  timeout -k 5 20 "${cmd[@]}" 2> "$tmp/err" | head -n 1 > "$tmp/out"
  pipe=("${PIPESTATUS[@]}")
  is "$how: | head, a program that dies of it" "${pipe[0]}/$(cat "$tmp/out")" 141/line
  command_of "$how" "$CROWD" -cut
  last_run="${cmd[*]} | head -n 2"
  timeout -k 5 20 "${cmd[@]}" 2> "$tmp/err" | head -n 2 > "$tmp/out"
  pipe=("${PIPESTATUS[@]}")
  is "$how: | head, a program that handles it" "${pipe[0]}/$(cat "$tmp/err")" '0/ended: broken pipe'

  # The reader of a pipe sees its end as soon as the program closes it, not when modjail ends.
  command_of "$how" /bin/sh -c 'echo first; exec > /dev/null 2>&1; sleep 1'
  [ "$how" = with ] && command_of "$how" "$FORKER" -exec /bin/sh -c 'echo first; exec > /dev/null 2>&1; sleep 1'
  mkfifo "$tmp/fifo.$how"
  "${cmd[@]}" > "$tmp/fifo.$how" 2> /dev/null &
  pid=$!
  cat "$tmp/fifo.$how" > "$tmp/out"
  check_not "$how: the end of the output is the program's, not modjail's" gone "$pid"
  wait "$pid"
  is "$how: all of the output came" "$(cat "$tmp/out")" first

  command_of "$how" "$CROWD" -cut
  last_run="${cmd[*]} > /dev/full"
  timeout -k 5 20 "${cmd[@]}" 2> "$tmp/err" > /dev/full
  is "$how: a full disk" "$?/$(cat "$tmp/err")" '0/ended: no space left on device'
done

# modjail's own records have nowhere to go: the program, and the refusals, go on.
for sink in /dev/full closed unread; do
  rm -f "$tmp/target"
  last_run="records to $sink"
  case $sink in
    closed) "$MODJAIL" run "$confine" -- "$PROBE" -by conf "create=$tmp/target" > "$tmp/out" 2>&- ;;
    unread) "$MODJAIL" run "$confine" -- "$PROBE" -by conf "create=$tmp/target" 2>&1 > "$tmp/out" | true ;;
    *) "$MODJAIL" run "$confine" -- "$PROBE" -by conf "create=$tmp/target" > "$tmp/out" 2> "$sink" ;;
  esac
  is "records to $sink: the program goes on, refused" "$(cat "$tmp/out")" 'create errno=EPERM'
done
jailed --log-file=/dev/full "$confine" -- "$PROBE" -by conf "create=$tmp/target"
is '--log-file=/dev/full: the program goes on, refused' "$status/$out" '0/create errno=EPERM'

# Stopped at the terminal, continued in the background, fetched to the foreground.
for how in "${who[@]}"; do
  command_of "$how" "$SIG" -until 3 -exit 7
  capture python3 "$here/terminal.py" see:ready type:Z stopped bg running 'see:got 18 ' fg running 'see:18 (continued) 2' \
    type:C 'see:got 2 ' end -- "${cmd[@]}"
  is "$how: ^Z, bg, fg, ^C" "$out" 'exit 7'
  # In the background it may not read from the terminal: SIGTTIN stops it, and modjail with it.
  command_of "$how" /bin/sh -c 'echo ready; sleep 0.5; read -r line; echo "read $line"'
  [ "$how" = with ] && command_of "$how" "$FORKER" -exec /bin/sh -c 'echo ready; sleep 0.5; read -r line; echo "read $line"'
  capture python3 "$here/terminal.py" see:ready bg stopped fg running line:hello 'see:read hello' end -- "${cmd[@]}"
  is "$how: reading in the background stops it, in the foreground it goes on" "$out" 'exit 0'
done

done_testing
