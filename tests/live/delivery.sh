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
LIMIT=120 ending TERM 30 20 "$MODJAIL" run "$confine" -- "$FORKER" -exec /bin/sh -c 'while :; do /bin/true; done'
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

# ---- stopped and continued ----------------------------------------------------------------------

# modjail stands still while calls wait for it; then all are answered.
background "$MODJAIL" run "$confine" -- "$THREADS" -n 8 -calls 2000
for _ in 1 2 3 4 5; do
  sleep 0.02
  kill -STOP "$pid" 2> /dev/null || break
  sleep 0.05
  kill -CONT "$pid" 2> /dev/null || break
done
finish
is 'modjail stopped and continued: every call is decided right' "$status/$(cat "$tmp/out")" "0/main ok=8000 EPERM=0 other=0
conf ok=0 EPERM=8000 other=0"
# So does the program, in the middle of calls.
background "$MODJAIL" run "$confine" -- "$THREADS" -n 8 -calls 2000
program() { # PID: its child that is not modjail's own
  local child
  for child in $(cat "/proc/$1/task/$1/children"); do
    if [ "$(readlink "/proc/$child/exe")" != "$MODJAIL" ]; then
      echo "$child"
      return
    fi
  done
  return 1
}
if eventually program "$pid"; then
  inner=$(program "$pid")
  for _ in 1 2 3 4 5; do
    kill -STOP "$inner" 2> /dev/null || break
    sleep 0.03
    kill -CONT "$inner" "$pid" 2> /dev/null || break # modjail stops with it, as a shell has to see
    sleep 0.01
  done
fi
finish
is 'the program stopped and continued: every call is decided right' "$status/$(cat "$tmp/out")" "0/main ok=8000 EPERM=0 other=0
conf ok=0 EPERM=8000 other=0"

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
