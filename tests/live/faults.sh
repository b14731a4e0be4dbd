#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# modjail fails, or is killed, at any point: no call gets through, nobody hangs, nobody is left over, and whatever ends
# before the program's own end says why.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

: "${HELPERS:?HELPERS must name the folder of inject and failalloc.so}"
inject=$HELPERS/inject
confine=--policy=example.com/conf=confined
target=$tmp/target
job=("$MODJAIL" run "$confine" -- "$PROBE" -by conf "create=$target")
export LIMIT=30
ulimit -c 0

control "$PROBE" -by conf "create=$target"
check 'control: without modjail conf creates its file' test -e "$target"
rm -f "$target"
capture "$inject" -o "$tmp/counts" -- "${job[@]}"
is 'control: with modjail, and nothing injected, it does not' "$status/$out" '0/create errno=EPERM'
read -r n_calls injected _ < "$tmp/counts"
check 'control: modjail makes system calls that can go wrong' test "$n_calls" -gt 100
is 'control: none was made to' "$injected" 0

# Processes that have the target's name in their command line: the program, or modjail.
left_over() {
  local file
  for file in /proc/[0-9]*/cmdline; do
    if tr '\0' '\n' 2> /dev/null < "$file" | grep -qxF "create=$target" && ! gone "$(basename "${file%/cmdline}")"; then
      return 0
    fi
  done
  return 1
}
nobody_left() {
  ! left_over
}

# What the last run may look like. Before main, it is the dynamic loader's; glibc gives up with signals of its own.
# Killed (137) it may be only where killing was the fault.
wrong=()
may_crash=no
may_die=no
judge() { # N
  local what
  if [ -e "$target" ]; then
    wrong+=("$1: CREATED ITS FILE (status $status)")
    rm -f "$target"
  fi
  case $status in
    0) ;; # as ever
    137) [ "$may_die" = yes ] || [ "$may_crash" = yes ] || wrong+=("$1: KILLED") ;;
    125 | 126) grep -q '^modjail: ' "$tmp/err" || wrong+=("$1: silent, status $status") ;;
    127) [ -s "$tmp/err" ] || wrong+=("$1: silent, status $status") ;;
    124) wrong+=("$1: HANGS") ;;
    *) [ "$may_crash" = yes ] || {
      what=$(head -c 100 "$tmp/err" | head -n 1)
      wrong+=("$1: status $status $what")
    } ;;
  esac
}

verdict() { # DESCRIPTION RUNS
  check "$1: it was tried at $2 points" test "$2" -gt 0
  if [ "${#wrong[@]}" -eq 0 ]; then
    ok "$1: refused or ended in order each time"
  else
    last_run=''
    not_ok "$1: refused or ended in order each time" "${wrong[@]:0:20}"
  fi
  wrong=()
  if eventually nobody_left; then ok "$1: nobody is left over"; else not_ok "$1: nobody is left over"; fi
}

# ---- killed at any system call ------------------------------------------------------------------
# Each of them; how many there are depends on how often modjail has to look until a thread has come to rest.

told() {
  grep -q 'modjail: modjail itself has been killed' "$tmp/err"
}
may_die=yes
n_runs=0
n_told=0
for ((n = 1; n <= n_calls; n++)); do
  capture "$inject" -k -n "$n" -o "$tmp/counts" -- "${job[@]}"
  judge "call $n"
  n_runs=$((n_runs + 1))
  told && n_told=$((n_told + 1))
done
verdict 'SIGKILL' "$n_runs"
# It is told by a process that is there from before the program's start until after its end, a moment after modjail's death.
check 'SIGKILL: it is told' test "$n_told" -gt 50
background "$MODJAIL" run "$confine" -- "$FORKER" -exec "$PROBE" -by conf "create=$target" read=/proc/self/stat
finish
check_not 'control: where nothing kills modjail, that is not told' told
for sink in text json; do
  : > "$tmp/log"
  background "$MODJAIL" run --log-file="$tmp/log" --log-format=$sink "$confine" -- "$FORKER" -sleep 30s
  eventually in_output '^pids '
  read -r _ program child < "$tmp/out"
  kill -KILL "$pid"
  check "SIGKILL: it is told in the log, as $sink" eventually grep -q 'modjail itself has been killed.*ENOSYS' "$tmp/log"
  check "SIGKILL: the program is dead, $sink" eventually gone "$program"
  kill -KILL "$child"
  finish
done
# The process that tells it is stopped with the others (SIGSTOP to the process group): it goes on when modjail dies.
background setsid "$MODJAIL" run "$confine" -- "$FORKER" -sleep 30s
eventually in_output '^pids '
read -r _ program child < "$tmp/out"
sentinel=$(pgrep -P "$pid" -x modjail-signals)
kill -STOP "$sentinel"
kill -KILL "$pid"
check 'SIGKILL while the process that tells it is stopped: it is told' eventually told
check '... and that ends' eventually gone "$sentinel"
kill -KILL "$child"
finish

# With children that PDEATHSIG does not reach: they come to their ends by themselves.
for ((n = 400; n < 2400; n += 200)); do
  capture "$inject" -k -n "$n" -o "$tmp/counts" -- "$MODJAIL" run "$confine" -- "$FORKER" -children 20
  [ "$status" -ne 124 ] || wrong+=("call $n: HANGS")
done
verdict 'SIGKILL while twenty children start' 10
may_die=no

# ---- system calls that fail ---------------------------------------------------------------------
# The dynamic loader's come first, which is not modjail yet, and may crash (ld.so follows NULL when brk or its first mmap
# fail). They are all that `modjail --version` makes, but for a few.

sweep() { # DESCRIPTION ERRNO CALLS [OPTION...]
  local description=$1 errnum=$2 calls=$3 count
  shift 3
  capture "$inject" -s "$calls" -o "$tmp/counts" -- "${job[@]}"
  read -r count _ < "$tmp/counts"
  "$inject" -s "$calls" -o "$tmp/counts" -- "$MODJAIL" --version > "$tmp/version"
  read -r loader _ < "$tmp/counts"
  n_runs=0
  for ((n = 1; n <= count; n += step)); do
    if [ "$n" -le "$loader" ]; then may_crash=yes; else may_crash=no; fi
    capture "$inject" -s "$calls" -n "$n" -e "$errnum" "$@" -o "$tmp/counts" -- "${job[@]}"
    judge "$calls $n of $count"
    n_runs=$((n_runs + 1))
  done
  may_crash=no
  verdict "$description" "$n_runs"
}

step=2 sweep 'no memory (ENOMEM)' 12 mmap,brk,mprotect,mremap
step=1 sweep 'no descriptors, once (EMFILE)' 24 openat,memfd_create,signalfd4,socketpair,fcntl
step=3 sweep 'no descriptors, from then on' 24 openat,memfd_create,signalfd4,socketpair,fcntl -a
step=1 sweep 'no processes, no threads (EAGAIN)' 11 clone,clone3
step=1 sweep 'no processes, no threads, from then on' 11 clone,clone3 -a
step=2 sweep 'reads fail (EIO)' 5 read,pread64,newfstatat,readlink
step=1 sweep 'writes fail (ENOSPC)' 28 write

# ---- limits -------------------------------------------------------------------------------------

for limit in 3 4 5 6 8 10 12 16 24; do
  capture bash -c "ulimit -n $limit && exec \"\$@\"" limit "${job[@]}"
  judge "$limit descriptors"
done
verdict 'RLIMIT_NOFILE' 9
for limit in 20000 30000 40000 60000 80000 120000; do
  capture bash -c "ulimit -v $limit && exec \"\$@\"" limit "${job[@]}"
  # The program has the same limit, and Go dies of it with status 2.
  [ "$status" -eq 2 ] || judge "$limit KiB"
done
verdict 'RLIMIT_AS' 6

# ---- malloc fails -------------------------------------------------------------------------------
# Not under a sanitizer, which has an allocator of its own.

with_failing_malloc() { # COMMAND...: after ASSIGNMENT... of failalloc.c
  capture env "$@" LD_PRELOAD="$HELPERS/failalloc.so" "${job[@]}"
}
if [ -e "$HELPERS/failalloc.so" ]; then
  with_failing_malloc FAILALLOC_COUNT="$tmp/counts"
  is 'control: malloc is counted, and does not fail' "$status/$out" '0/create errno=EPERM'
  count=$(cat "$tmp/counts")
  check 'control: modjail allocates' test "$count" -gt 100
  n_runs=0
  for ((n = 1; n <= count; n += count / 200 + 1)); do
    with_failing_malloc FAILALLOC_N="$n"
    judge "allocation $n of $count"
    n_runs=$((n_runs + 1))
  done
  verdict 'one allocation fails' "$n_runs"
  n_runs=0
  for ((n = 1; n <= count; n += count / 100 + 1)); do
    with_failing_malloc FAILALLOC_N="$n" FAILALLOC_AFTER=1
    judge "allocations from $n of $count"
    n_runs=$((n_runs + 1))
  done
  verdict 'all allocations fail from then on' "$n_runs"
fi

# ---- blind --------------------------------------------------------------------------------------

for file in /mem /syscall; do
  capture "$inject" -s openat -p "$file" -a -n 1 -e 13 -o "$tmp/counts" -- "${job[@]}"
  is "ptrace access denied to $file: does not start" "$status/$out" '125/'
  like "ptrace access denied to $file: says why" "$err" 'modjail may not look at its own child'
done
# Later, as when a security module changes its mind. By then an ordinary user's tracer does not see any more what modjail opens.
capture "$inject" -s openat -p /mem -o "$tmp/counts" -- "${job[@]}"
read -r count _ < "$tmp/counts"
if [ "$count" -ge 3 ]; then
  capture "$inject" -s openat -p /mem -a -n 3 -e 13 -o "$tmp/counts" -- "${job[@]}"
  judge 'blind in the middle'
  like 'blind in the middle: says why' "$err" 'modjail may not|could not be read'
  verdict 'blind in the middle' 1
elif [ "$(id -u)" -eq 0 ]; then
  not_ok 'blind in the middle: modjail opens the memory of its program' "$count times"
else
  skip 'blind in the middle' 'not root'
fi

done_testing
