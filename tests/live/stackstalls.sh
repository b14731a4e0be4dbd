#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A process that takes away a page of the stack on which it makes a call: a userfaultfd would have to provide it
# (tests/programs/missing). modjail reads the stacks of Go threads that it knows with process_vm_readv, for which the
# kernel does wait for a userfaultfd (mm/gup.c, faultin_page: with leave to drop the lock); stalls.sh has the reads for
# which it does not. That it is this read in which modjail waits, each case looks up.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

: "${HELPERS:?HELPERS must name the folder of old_kernel}"
export LIMIT=30
# Threads that are preempted make calls (tgkill), and calls are counted here.
export GODEBUG=asyncpreemptoff=1
OPENAT=257 TGKILL=234 PROCESS_VM_READV=310

# The module may use what provides the page; were that notified, too, it would wait with everybody else.
cat > "$tmp/policy.yaml" << END
version: 1
modules:
  example.com/conf: [confined, ioctl, userfaultfd]
END
jail=("$MODJAIL" run "--policy-file=$tmp/policy.yaml" --stats --)
conf_refused='refused openat.* for example.com/conf v0.0.0: its policy does not allow it'
unreadable="refused openat.*: its stack could not be walked to the end: the stack's memory could not be read"
killed='has kept modjail waiting for its memory'

# What --stats says of the walks that ended at a goroutine's root, and of predictions: the calls of missing, and no others.
count() { # REGEX with a number
  sed -nE "s/^ *$1.*/\\1/p" "$tmp/err"
}
walks() {
  echo "$(count 'ended at .*goroutine ([0-9]+)') walks, $(count 'stack pointer predicted  *([0-9]+) calls') predicted"
}
number() { # WALKS WORD: 1 of "3 walks, 1 predicted" for "predicted"
  grep -Eo "[0-9]+ $2" <<< "$1" | cut -d ' ' -f 1
}

# ---- who waits for what -------------------------------------------------------------------------

# Where a task sleeps in the kernel, which some do not say.
sleep 100 &
sleeper=$!
tells_where() {
  grep -q '^[a-z]' "/proc/$sleeper/wchan"
}
asleep='.'
if eventually tells_where; then asleep='^handle_userfault'; fi
kill "$sleeper"

of_output() { # WORD: the number behind it
  sed -n "s/.*\b$1 \([0-9][0-9]*\).*/\1/p" "$tmp/out" | head -n 1
}
# modjail waits for the userfaultfd in process_vm_readv of the thread that makes the call.
in_read() {
  local task thread
  thread=$(of_output thread)
  [ -n "$thread" ] || return 1
  for task in "/proc/$pid/task"/*; do
    if grep -q "^$PROCESS_VM_READV $(printf '0x%x' "$thread") " "$task/syscall" && grep -q "$asleep" "$task/wchan"; then
      return 0
    fi
  done
  return 1
}
in_call() { # PID NUMBER: a thread of that process is in that call
  grep -q "^$2 " "/proc/$1/task"/*/syscall
}
start() { # ARG...: a jailed missing, once modjail waits in its read
  rm -f "$tmp/go"
  background "${jail[@]}" "$missing" "$@"
  check "$version, $what: modjail waits in process_vm_readv, for the userfaultfd" eventually in_read
}

# ---- where it does not wait, and where the wait ends --------------------------------------------

# How calls are decided while no page is missing: in $walked.
present() { # AS WARM
  capture "${jail[@]}" "$missing" -page present -as "$1" -warm "$2"
  walked=$(walks)
}
try_present() {
  local before
  present main 1 && before=$(number "$walked" predicted)
  present main 2 && as_main=$walked
  is "$version: the third call from one place is the first that is predicted" \
    "$before $(number "$as_main" predicted)" '0 1'
  # A refusal is decided twice: as predicted, and with the stack pointer that the kernel tells.
  present conf 1 && before=$(number "$walked" walks)
  present conf 2 && as_conf=$walked
  is "$version: so it is if it is refused" "$before $(number "$as_conf" walks)" '2 4'
  like "$version: conf's calls are refused" "$out" 'openat: operation not permitted, page: there'
}

try_at_once() {
  local out_of_reach='openat: operation not permitted, page: missing'
  capture "${jail[@]}" "$missing" -page absent -warm 0
  like "$version, first call of its thread: refused at once" "$status $out" "^0 .*$out_of_reach"
  like "$version, first call of its thread: says why" "$err" "$unreadable"
  capture "$HELPERS/old_kernel" "${jail[@]}" "$missing" -page absent
  like "$version, no process_vm_readv: refused at once" "$status $out" "^0 .*$out_of_reach"
  like "$version, no process_vm_readv: says why" "$err" "$unreadable"
}

try_user() {
  control "$missing" -page absent -user
  like "$version, control: user mode only" "$status $out" '^0 .*openat: ok, page: missing'
  capture "${jail[@]}" "$missing" -page absent -user
  like "$version, user mode only: refused at once" "$status $out" \
    '^0 .*openat: operation not permitted, page: missing'
  like "$version, user mode only: says why" "$err" "$unreadable"
}

# The page comes back, with what stood there: the verdict is that of a page that was there all the time.
try_back() { # AS
  what="the page comes back, $1's call"
  start -page back -when "$tmp/go" -as "$1"
  : > "$tmp/go"
  finish
  check_not "$version, $what: nobody is killed" in_errors "$killed|gives up"
  if [ "$1" = main ]; then
    like "$version, $what: allowed" "$status $(cat "$tmp/out")" '^0 .*openat: ok, page: there'
    check_not "$version, $what: nothing is refused" in_errors 'modjail: refused'
    is "$version, $what: by the prediction" "$(walks)" "$as_main"
  else
    like "$version, $what: refused" "$status $(cat "$tmp/out")" '^0 .*openat: operation not permitted, page: there'
    check "$version, $what: in conf's name" in_errors "$conf_refused"
    check "$version, $what: like those before it" in_errors '^modjail: 3 times in all: .*example.com/conf'
    is "$version, $what: after a prediction" "$(walks)" "$as_conf"
  fi
}

# The page comes, and is not what it was: whoever stood there, nothing is allowed.
try_zero() { # AS
  what="a page of zeros comes, $1's call"
  start -page zero -when "$tmp/go" -as "$1"
  : > "$tmp/go"
  finish
  like "$version, $what: refused" "$status $(cat "$tmp/out")" '^0 .*openat: operation not permitted, page: there'
  check "$version, $what: says why" in_errors 'refused openat.*: its stack could not be walked to the end'
  check_not "$version, $what: nobody is killed" in_errors "$killed|gives up"
}

# ---- where nobody ends it -----------------------------------------------------------------------

# One file for both, to see what came first.
jailed_in_one_file() {
  # shellcheck disable=SC2016 # for the inner shell
  background bash -c 'exec "$@" 2>&1' one_file "${jail[@]}" "$@"
}
try_absent() {
  local stalling waiting
  what='nobody answers'
  rm -f "$tmp/go"
  jailed_in_one_file "$missing" -page absent -beside "$tmp/go"
  check "$version, $what: modjail waits in process_vm_readv, for the userfaultfd" eventually in_read
  stalling=$(of_output child)
  waiting=$(of_output beside)
  : > "$tmp/go"
  check "$version, $what: another process makes a call" eventually in_call "$waiting" "$OPENAT"
  check "$version, $what: which waits as long as modjail does" in_read
  check_not "$version, $what: and gets no answer" in_output '^beside:'
  check "$version, $what: it is said which process is killed for it" \
    within_a_minute in_output "^modjail: process $stalling $killed for 10 seconds"
  finish
  like "$version, $what: then the other one gets its answer, and the killed one has died of it" "$(cat "$tmp/out")" \
    "$killed.*beside: ok.*child: signal: killed"
  is "$version, $what: modjail ends as the program does" "$status" 0
  check_not "$version, $what: modjail does not give up" in_output 'gives up'
  check_not "$version, $what: the call of the killed one is not made" in_output '^openat:'
}

# A Go program raises SIGTERM once more, by a call that waits like all others (runtime/signal_unix.go, dieFromSignal).
terminate() {
  check "$version, $what: the program takes SIGTERM" kill -TERM "$pid"
  check "$version, $what: and waits to raise it" eventually in_call "$(of_output thread)" "$TGKILL"
}
try_sigterm() {
  what='SIGTERM, and the page comes back'
  start -page back -when "$tmp/go"
  terminate
  : > "$tmp/go"
  finish
  is "$version, $what: the program dies of it, and modjail" "$status" 143
  check_not "$version, $what: nobody is killed" in_errors "$killed|gives up"
}
try_sigterm_absent() {
  what='SIGTERM, and nobody answers'
  start -page absent
  terminate
  check "$version, $what: the program is killed" within_a_minute in_errors "$killed"
  finish
  is "$version, $what: and modjail says so" "$status" 137
}

# Its end does not end the wait: another process has the userfaultfd, too. Unlike FUSE's, this wait ends with modjail's.
try_kept() {
  local holder
  what='nobody answers, and another process keeps the userfaultfd'
  start -page absent -as conf -keep
  holder=$(of_output holder)
  children+=("$holder")
  check "$version, $what: it is said which process is killed for it" within_a_minute in_errors "$killed"
  check "$version, $what: then that modjail gives up" within_a_minute in_errors 'modjail gives up'
  finish
  is "$version, $what: modjail says that the program was killed" "$status" 137
  check "$version, $what: the other process is there still" kill -0 "$holder"
  check_not "$version, $what: the call is not made" in_output '^openat:'
  kill -KILL "$holder"
}

# ---- each version of Go -------------------------------------------------------------------------

while read -r version; do
  missing=$PROGS/$version/default/missing
  try_present
  if ! probe=$("$missing" -probe -user 2>&1); then
    skip "$version: userfaultfd" "not here: $probe"
    continue
  fi
  try_user
  if ! probe=$("$missing" -probe 2>&1); then
    skip "$version: userfaultfd for what the kernel reads" "not here: $probe"
    continue
  fi
  for page in absent back zero; do
    control "$missing" -page "$page" -when "$tmp/never"
    like "$version, control: $page" "$status $out" '^0 .*openat: ok, page: missing'
  done
  try_at_once
  try_back main
  try_back conf
  try_zero main
  try_zero conf
  try_sigterm
  try_absent
  # What is left does not depend on the version, and takes its time.
  if [ "$version" = "$(head -n 1 "$PROGS/versions")" ]; then
    try_sigterm_absent
    try_kept
  fi
done < "$PROGS/versions"

done_testing
