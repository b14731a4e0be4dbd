#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Each signal that can be caught, real-time ones in order and with their values, at any moment of a start, and while
# calls are decided: each once, none lost, nobody hangs; and how the program died is what modjail says.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

: "${HELPERS:?HELPERS must name the folder of sigcount}"
sigcount=$HELPERS/sigcount
confine=--policy=example.com/conf=confined
endings=("$here/endings.py")

ulimit -S -c 0
read -r rtmin rtmax < <("$sigcount" ids)
check 'control: there are real-time signals' test "$rtmax" -gt "$rtmin"

# Sends each signal to the process in $1, one after the other, each seen before the next; then queued ones.
send_all() { # PID
  local n
  for ((n = 1; n < rtmax; n++)); do
    case $n in 9 | 19) continue ;; esac                      # SIGKILL, SIGSTOP
    if [ "$n" -ge 32 ] && [ "$n" -lt "$rtmin" ]; then continue; fi # libc's own
    kill -s "$n" "$1"
    eventually in_output "^$n user " || return 1
  done
  "$sigcount" send "$1" "$rtmin" 100 50 || return 1
  "$sigcount" send "$1" "$((rtmin + 1))" 300 20 || return 1
  eventually in_output "^$((rtmin + 1)) queue 319" || return 1
  "$sigcount" end "$1"
}

control_list=
for how in control without with; do
  case $how in
    control) run=() ;;
    without) run=("$MODJAIL" run --no-policy --) ;;
    with) run=("$MODJAIL" run "$confine" -- "$FORKER" -exec) ;;
  esac
  background ${run[@]+"${run[@]}"} "$sigcount" wait
  if ! eventually in_output '^ready'; then
    not_ok "$how: the program starts"
    finish
    continue
  fi
  check "$how: every signal arrives" send_all "$pid"
  finish
  is "$how: the program ends" "$status" 0
  list=$(grep -v '^ready' "$tmp/out" | sort)
  [ -n "$control_list" ] || control_list=$list
  is "$how: each once, with its kind and its value" "$list" "$control_list"
  is "$how: queued ones in order" "$(sed -n "s/^$rtmin queue //p" "$tmp/out" | tr '\n' ' ')" "$(echo {100..149} | tr '\n' ' ')"
done
check 'control: every signal was among them' test "$(grep -c user <<< "$control_list")" -ge 58

# ---- at any moment ------------------------------------------------------------------------------

ending() { # SIGNAL N LONGEST COMMAND...
  capture python3 "${endings[@]}" storm "$@"
}
LIMIT=120 ending TERM 60 20 "$MODJAIL" run "$confine" -- "$SIG" -handle=false -until 1
is 'SIGTERM before, during and after the start' "$out" '60 x signal 15'
LIMIT=120 ending KILL 60 20 "$MODJAIL" run "$confine" -- "$SIG" -handle=false -until 1
is 'SIGKILL before, during and after the start' "$out" '60 x signal 9'
LIMIT=120 ending TERM 30 30 "$MODJAIL" run "$confine" -- "$THREADS" -n 8 -calls 1000000
is 'SIGTERM while calls are decided' "$out" '30 x signal 15'
# From the shell's first words on: a Go program that executes the shell when one of its threads has just taken the signal loses that
# with the thread (RELIABILITY.md).
ready() { # SIGNAL N LONGEST COMMAND...
  capture python3 "${endings[@]}" ready "$@"
}
LIMIT=120 ready TERM 30 20 "$MODJAIL" run "$confine" -- "$FORKER" -exec /bin/sh -c 'echo ready; while :; do /bin/true; done'
is 'SIGTERM while programs are executed' "$out" '30 x signal 15'
survivors() {
  local file
  for file in /proc/[0-9]*/exe; do
    case $(readlink "$file") in "$SIG" | "$THREADS" | "$FORKER") gone "$(basename "${file%/exe}")" || return 0 ;; esac
  done
  return 1
}
SIG=$(realpath "$SIG") THREADS=$(realpath "$THREADS") FORKER=$(realpath "$FORKER")
none() { ! survivors; }
check 'nobody is left of them' eventually none

# Those that are queued are all there in the end, in order, whenever in a start they came: before modjail has looked, before the
# program's process exists, before and after it executes. All signals are blocked from the beginning, so that none kills; but the
# first of them Go unblocks for C libraries (runtime/sigtab_linux_generic.go).
queued=$((rtmin + 1))
in_order() { # SIGNAL
  awk -v signal="$1" '
    /^ready/ { next }
    $0 == signal " queue " n + 0 { n++; next }
    { print n + 0 " in order, then: " $0; exit }' "$tmp/out"
}
for how in control without with; do
  case $how in
    control) run=("$FORKER" -exec) ;;
    without) run=("$MODJAIL" run --no-policy --) ;;
    with) run=("$MODJAIL" run "$confine" -- "$FORKER" -exec) ;;
  esac
  for longest in 0 5 20; do
    capture python3 "${endings[@]}" queue "$queued" 200 "$longest" ${run[@]+"${run[@]}"} "$sigcount" wait
    is "$how: 200 queued within $longest ms of a start: all come, once, in order" "$(in_order "$queued")" \
      '200 in order, then: exit 0'
  done
done

# While the thread that the kernel gives them to makes calls that modjail decides.
capture python3 "${endings[@]}" each USR2 300 "$SIG" -until 301 -calls -free -exit 7
is 'control: 300 signals while calls are made' "$out" 'got 10 (user defined signal 1) 1
calls right
exit 7'
capture python3 "${endings[@]}" each USR2 300 "$MODJAIL" run --quiet --stats --log-file="$tmp/stats" "$confine" -- \
  "$SIG" -until 301 -calls -exit 7
is 'signals while calls are decided: each of 300 once, and every call decided right' "$out" 'got 10 (user defined signal 1) 1
calls right
exit 7'
like 'signals while calls are decided: there were such calls' "$(cat "$tmp/stats")" 'openat +[0-9]{3,} +[0-9]{3,}'

# Ignored and blocked signals are so in the program as without modjail, SIGCHLD among them; its status is not lost.
for how in control without with; do
  case $how in
    control) run=() wanted= ;;
    without) run=("$MODJAIL" run --no-policy --) ;;
    with) run=("$MODJAIL" run "$confine" --) ;;
  esac
  capture bash -c "trap '' CHLD USR1 PIPE RTMIN; exec \"\$@\"" ignore ${run[@]+"${run[@]}"} "$FORKER" -exec /bin/grep SigIgn /proc/self/status
  [ -n "$wanted" ] || wanted=$out
  is "$how: which signals are ignored" "$status/$out" "0/$wanted"
  capture bash -c "trap '' CHLD; exec \"\$@\"" ignore ${run[@]+"${run[@]}"} "$SIG" -exit 7
  is "$how: the status where SIGCHLD is ignored" "$status" 7
done

# ---- stopped and continued ----------------------------------------------------------------------

stopped() { # PID
  grep -q '^State:[[:space:]]*T' "/proc/$1/status"
}
# Stops a process until it stands, and continues it, five times: stop_and_go PID [ALSO]; how often it worked is in $stops. (modjail
# stops when its program does, as a shell has to see it: ALSO.)
stop_and_go() {
  stops=0
  for _ in 1 2 3 4 5; do
    sleep 0.02
    kill -STOP "$1" 2> /dev/null || break
    eventually stopped "$1" || break
    sleep 0.02
    kill -CONT "$@" 2> /dev/null || break
    stops=$((stops + 1))
  done
}
program() { # PID: its child that is not modjail's own
  local child
  for child in $(cat "/proc/$1/task/$1/children"); do
    if [ "$(readlink "/proc/$child/exe")" = "$THREADS" ]; then
      echo "$child"
      return
    fi
  done
  return 1
}
# modjail stands still while calls wait for it; then all are answered. So does the program, in the middle of calls.
n=40000
for who in modjail program; do
  background "$MODJAIL" run --quiet "$confine" -- "$THREADS" -n 8 -calls "$n"
  if eventually program "$pid"; then
    case $who in
      modjail) stop_and_go "$pid" ;;
      program) stop_and_go "$(program "$pid")" "$pid" ;;
    esac
  fi
  finish
  is "$who stopped and continued, five times: every call is decided right" "$stops/$status/$(cat "$tmp/out")" \
    "5/0/main ok=$((4 * n)) EPERM=0 other=0
conf ok=0 EPERM=$((4 * n)) other=0"
done

# ---- the same end -------------------------------------------------------------------------------

cd "$tmp" || exit 1
for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 24 25 26 27 29 30 31 "$rtmin" "$rtmax"; do
  wanted=$(python3 "${endings[@]}" status "$SIG" -handle=false -die "$n")
  is "death of signal $n: the same wait status" \
    "$(python3 "${endings[@]}" status "$MODJAIL" run "$confine" -- "$SIG" -handle=false -die "$n")" "$wanted"
done

# A core is the program's, in its working directory. What modjail dies of itself has none, so that the program's is not
# overwritten: the bit that says so is not set.
pattern=$(cat /proc/sys/kernel/core_pattern)
case $pattern in
  '|'* | /*) skip 'core of the program' "core_pattern is $pattern" ;;
  *) [ "$(ulimit -H -c)" != 0 ] || skip 'core of the program' 'the hard limit of cores is 0' ;;
esac
case $(ulimit -H -c):$pattern in
  0:* | *:'|'* | *:/*) ;;
  *)
    mkdir "$tmp/control" "$tmp/jailed"
    wanted=$(cd "$tmp/control" && ulimit -S -c 1000000 && python3 "${endings[@]}" status "$SIG" -handle=false -die 6)
    is 'control: a core is left' "$wanted/$(find "$tmp/control" -type f | wc -l)" 'signal 6 core/1'
    got=$(cd "$tmp/jailed" && ulimit -S -c 1000000 &&
      python3 "${endings[@]}" status "$MODJAIL" run "$confine" -- "$SIG" -handle=false -die 6)
    is 'core: the same signal' "$got" 'signal 6'
    is 'core: one is left' "$(find "$tmp/jailed" -type f | wc -l)" 1
    check "core: it is the program's" grep -qaF -- '-handle=false' "$(find "$tmp/jailed" -type f)"
    check_not "core: it is not modjail's" grep -qaF 'modjail run' "$(find "$tmp/jailed" -type f)"
    rm -rf "$tmp/control" "$tmp/jailed"
    ;;
esac

done_testing
