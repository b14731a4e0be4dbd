# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the live tests share: TAP output and ways to run a program with and without modjail.
# Reads MODJAIL (the binary) and PROGS (what tests/programs/build.sh made) from the environment.
# A script sources this, asserts with the functions below and ends with done_testing.

set -u

: "${MODJAIL:?MODJAIL must name the modjail binary}"
: "${PROGS:?PROGS must name the folder of the test programs}"

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tmp=$(mktemp -d "${TMPDIR:-/tmp}/modjail-live.XXXXXX")
children=() # processes that the script left in the background
n_tests=0
n_failed=0
finished=no

cleanup() {
  local pid
  for pid in "${children[@]}"; do
    { kill -KILL "$pid" && wait "$pid"; } 2> /dev/null
  done
  rm -rf -- "$tmp"
  # A script that stops half way must not look like one that passed.
  [ "$finished" = yes ] || echo 'Bail out! the script ended before its last test'
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

PROGS=$(realpath "$PROGS")
MODJAIL=$(realpath "$MODJAIL")
# MODJAIL_UNDER: a program that runs modjail, such as helpers/old_kernel; the tests see none of it, nor the warning that
# modjail gives where the kernel is old (complaints).
if [ -n "${MODJAIL_UNDER:-}" ]; then
  printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$MODJAIL_UNDER" "$MODJAIL" > "$tmp/modjail"
  chmod +x "$tmp/modjail"
  MODJAIL=$tmp/modjail
fi
# Whatever a program leaves in its working directory goes when the script ends.
cd "$tmp" || exit 1
PROBE=$PROGS/default/probe
SIG=$PROGS/default/sig
FORKER=$PROGS/default/forker
THREADS=$PROGS/default/threads
[ -x "$PROBE" ] || { echo "Bail out! no test programs in $PROGS: tests/programs/build.sh GO $PROGS"; exit 1; }
[ -x "$MODJAIL" ] || { echo "Bail out! no modjail at $MODJAIL"; exit 1; }

# ---- TAP ----------------------------------------------------------------------------------------

# Descriptions go on one line; '#' would start a directive.
_line() {
  printf '%s' "$1" | tr '\n#' '  '
}

ok() {
  n_tests=$((n_tests + 1))
  printf 'ok %d - %s\n' "$n_tests" "$(_line "$1")"
}

# not_ok DESCRIPTION [DETAIL...]: what was seen, as TAP comments, and what the last run printed.
not_ok() {
  n_tests=$((n_tests + 1))
  n_failed=$((n_failed + 1))
  printf 'not ok %d - %s\n' "$n_tests" "$(_line "$1")"
  shift
  [ $# -eq 0 ] || printf '%s\n' "$@" | sed 's/^/#   /'
  if [ -n "${last_run:-}" ]; then
    printf '#   last run: %s\n#   status: %s\n' "$(_line "$last_run")" "${status:-}"
    sed -n '1,12s/^/#   stdout: /p' "$tmp/out"
    sed -n '1,12s/^/#   stderr: /p' "$tmp/err"
  fi
}

skip() { # DESCRIPTION REASON
  n_tests=$((n_tests + 1))
  printf 'ok %d - %s # SKIP %s\n' "$n_tests" "$(_line "$1")" "$(_line "$2")"
}

done_testing() {
  finished=yes
  if [ "$n_tests" -eq 0 ]; then
    echo 'Bail out! no test ran'
    exit 1
  fi
  printf '1..%d\n' "$n_tests"
  [ "$n_failed" -eq 0 ]
  exit
}

is() { # DESCRIPTION GOT WANTED
  if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "got:    $2" "wanted: $3"; fi
}

like() { # DESCRIPTION GOT EXTENDED-REGEX
  if [[ $2 =~ $3 ]]; then ok "$1"; else not_ok "$1" "got:    $2" "wanted: $3"; fi
}

check() { # DESCRIPTION COMMAND...
  local description=$1
  shift
  if "$@"; then ok "$description"; else not_ok "$description" "failed: $*"; fi
}

check_not() { # DESCRIPTION COMMAND...
  local description=$1
  shift
  if "$@"; then not_ok "$description" "should fail: $*"; else ok "$description"; fi
}

# ---- running ------------------------------------------------------------------------------------

# Runs a command to its end and sets status, out and err (the files are $tmp/out and $tmp/err).
# 124: it had not ended after LIMIT seconds. timeout stays in the foreground, so that the command
# keeps its process group.
capture() {
  last_run="$*"
  timeout --foreground -k 5 "${LIMIT:-60}" "$@" > "$tmp/out" 2> "$tmp/err" < "${STDIN:-/dev/null}"
  status=$?
  complaints > "$tmp/complaints"
  cp "$tmp/complaints" "$tmp/err"
  out=$(tr -d '\0' < "$tmp/out")
  err=$(tr -d '\0' < "$tmp/err")
}

complaints() { # what came on standard error, but for modjail's warning of a kernel without WAIT_KILLABLE_RECV
  if [ -n "${MODJAIL_UNDER:-}" ]; then
    grep -av 'this kernel lacks SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV' "$tmp/err"
  else
    cat "$tmp/err"
  fi
}

control() { # PROGRAM ARG...: without modjail
  capture "$@"
}

# As control, but never with a shell in between: execvp, which timeout uses, and bash hand what the
# kernel does not execute to a shell, and damaged programs must not be read as scripts. Status 126 then.
control_exact() { # PROGRAM ARG...
  capture python3 -c 'import os, sys
try:
    os.execv(sys.argv[1], sys.argv[1:])
except OSError:
    os._exit(126)' "$@"
}

jailed() { # OPTION... -- PROGRAM ARG...
  capture "$MODJAIL" run "$@"
}

# Prints "exit N" or "signal N" for a command, which the shell's $? does not tell apart.
how_it_ended() {
  python3 - "$@" << 'EOF'
import subprocess, sys
status = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL, timeout=60).returncode
print(f"signal {-status}" if status < 0 else f"exit {status}")
EOF
}

# Starts a command in the background: its pid is in $pid, its output goes to $tmp/out and $tmp/err.
background() {
  last_run="$*"
  status=running
  : > "$tmp/out"
  : > "$tmp/err"
  "$@" > "$tmp/out" 2> "$tmp/err" < /dev/null &
  pid=$!
  children+=("$pid")
}

# Waits until a command succeeds, ten seconds at most.
eventually() {
  local i
  for ((i = 0; i < 200; i++)); do
    if "$@" > /dev/null 2>&1; then
      return 0
    fi
    sleep 0.05
  done
  return 1
}

in_output() { # EXTENDED-REGEX: a line of standard output so far
  grep -Eq -- "$1" "$tmp/out"
}

# Waits for the process that background started; its status is in $status, 124 if it does not end.
finish() {
  if ! eventually gone "$pid"; then
    kill -KILL "$pid" 2> /dev/null
    wait "$pid" 2> /dev/null
    status=124
    return
  fi
  wait "$pid" 2> /dev/null
  status=$?
}

gone() { # PID: it has ended (a zombie has)
  local state
  state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2> /dev/null) || return 0
  [ -z "$state" ] || [ "$state" = Z ]
}

# ---- what --stats says --------------------------------------------------------------------------

# Whether --stats, in FILE, counts at least one complete walk and no incomplete one. The one place that
# knows the format.
within_a_minute() { # COMMAND...: eventually, for what takes its time
  local i
  for i in 1 2 3 4 5 6; do
    if eventually "$@"; then return 0; fi
  done
  return 1
}

in_errors() { # EXTENDED-REGEX: the last run's, or that of the one in the background
  grep -Eq -- "$1" "$tmp/err"
}

walks_all_complete() { # FILE
  grep -Eq '^ *stack walks +[1-9][0-9]* complete, 0 incomplete' "$1"
}
