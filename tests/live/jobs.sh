#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What people put in front of a command and behind it: timeout, nohup, setsid, a shell's jobs, pipes that nobody reads any
# more, a full disk; and programs that are at home at a terminal, or make their own. It works as without modjail.
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
  # It sends SIGCONT as well, which a Go program may tell of first.
  handles=(/bin/sh -c 'trap "echo handled; exit 7" USR1; while :; do sleep 0.05; done')
  command_of "$how" "${handles[@]}"
  [ "$how" = with ] && command_of "$how" "$FORKER" -exec "${handles[@]}"
  capture timeout --preserve-status --signal=USR1 0.5 "${cmd[@]}"
  is "$how: timeout with a signal that is handled" "$status/$out" 7/handled
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
  is "$how: | head, a program that handles it" "${pipe[0]}/$(complaints)" '0/ended: broken pipe'

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
  is "$how: a full disk" "$?/$(complaints)" '0/ended: no space left on device'
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

# A disk that is full for both, the program and the records.
mkdir "$tmp/disk"
full_disk=(unshare --mount sh -c 'mount -t tmpfs -o size=256k none "$0" && exec "$@"' "$tmp/disk")
if "${full_disk[@]}" true 2> /dev/null; then
  writes=(sh -c '"$@" > "$0"; echo "$?/$(stat -c %s "$0")"' "$tmp/disk/out")
  capture "${full_disk[@]}" "${writes[@]}" "$CROWD" -cut
  is 'control: a small disk: the program writes until it is full' "$out/$err" '0/262144/ended: no space left on device'
  capture "${full_disk[@]}" "${writes[@]}" "$MODJAIL" run --no-policy -- "$CROWD" -cut
  is 'a small disk, without a policy: the same' "$out/$err" '0/262144/ended: no space left on device'
  # Its first page is what the records have.
  capture "${full_disk[@]}" "${writes[@]}" sh -c '"$@"; status=$?; "$0" -by conf "create=/tmp/modjail-test-$$"; exit $status' "$PROBE" \
    "$MODJAIL" run --log-file="$tmp/disk/log" --policy=main=confined --policy=example.com/conf=confined -- "$PROBE" create="$tmp/target" read="$PROBE"
  like 'a small disk: where there is room, records go into the file' "$out" '^0/[1-9]'
  capture "${full_disk[@]}" sh -c 'head -c 256k /dev/zero > "$0/fill"; "$@"; stat -c "log %s" "$0/log"' "$tmp/disk" \
    "$MODJAIL" run --log-file="$tmp/disk/log" "$confine" -- "$PROBE" -by conf "create=$tmp/target"
  is 'a full disk for the records: refused, and nothing is written' "$out" 'create errno=EPERM
log 0'
else
  skip 'a small disk' 'no mount namespace can be made here'
fi

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

  command_of "$how" "$SIG" -until 2 -exit 7
  capture python3 "$here/terminal.py" see:ready size:33,77 'see:got 28 ' 'never:window changed) 2' type:C 'see:got 2 ' end -- "${cmd[@]}"
  is "$how: a window that is resized: told once" "$out" 'exit 7'
  command_of "$how" "$SIG" -handle=false -until 1
  capture python3 "$here/terminal.py" see:ready group:HUP end -- "${cmd[@]}"
  is "$how: the terminal is hung up" "$out" 'signal 1'

  # A shell that has jobs of its own takes the terminal for itself and for them, and gives it back.
  shell=(/bin/bash --norc --noprofile -i)
  command_of "$how" "${shell[@]}"
  [ "$how" = with ] && command_of "$how" "$FORKER" -exec "${shell[@]}"
  # shellcheck disable=SC2016 # for the shell there
  capture python3 "$here/terminal.py" 'line:PS1="<\$?>"' 'see:<0>' \
    'line:sh -c '\''echo in$((1+1)); while read -r x; do echo "[$x]"; done'\' see:in2 type:Z see:Stopped \
    'line:fg' 'line:abc' 'see:[abc]' type:C 'see:<130>' 'line:exit 6' end -- "${cmd[@]}"
  is "$how: a shell with jobs: ^Z, fg, ^C are for them" "$out" 'exit 6'

  # A program that makes a terminal (as script, tmux and ssh do): the outer one is raw, what is typed is for the inner one.
  inner='trap "echo caught; exit 5" INT; test -t 0 && echo ready; read -r line; stty size; echo "read $line"; while :; do sleep 0.1; done'
  maker=(python3 -c 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(["/bin/sh", "-c", sys.argv[1]])))' "$inner")
  maker[0]=$(command -v python3)
  command_of "$how" "${maker[@]}"
  [ "$how" = with ] && command_of "$how" "$FORKER" -exec "${maker[@]}"
  capture python3 "$here/terminal.py" see:ready line:hello 'see:read hello' type:C see:caught end -- "${cmd[@]}"
  is "$how: a program with a terminal of its own making" "$out" 'exit 5'
done

# nohup, and the terminal is hung up when modjail waits for what the program has left: it goes on waiting.
background nohup "$MODJAIL" run "$confine" -- "$FORKER" -daemon "$tmp/daemon" -after 2s -exit 5
program_ended() { # of modjail's children only its own is left
  [ "$(wc -w < "/proc/$pid/task/$pid/children")" -eq 1 ] && pgrep -f "role=daemon.*$tmp/daemon" > /dev/null
}
check 'nohup: the program has left a daemon' eventually program_ended
kill -HUP "$pid"
finish
is 'nohup: SIGHUP does not end modjail before the daemon has ended' "$status/$(wc -l < "$tmp/daemon")" 5/1

done_testing
