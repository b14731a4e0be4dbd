#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What modjail does for a call whose caller it knows and whose stack stands where the last one stood: counted, not timed.
# The same program is run with few calls and with many, and what the difference costs is what each call costs.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

: "${HELPERS:?HELPERS must name the folder of inject and failalloc.so}"
confine=--policy=example.com/conf=confined
few=1000 many=9000

run() { # THREADS CALLS COMMAND...: modjail behind COMMAND, with so many calls of main by each thread
  local threads=$1 calls=$2
  shift 2
  capture "$@" "$MODJAIL" run "$confine" -- "$THREADS" -n "$threads" -together -calls "$calls" -by main
  [ "$status/$err" = 0/ ] && grep -q "^main ok=$((threads * calls)) EPERM=0 other=0" "$tmp/out" || wrong=yes
}
system_calls() { # THREADS CALLS NAMES: how many of those names modjail makes; "" is all
  run "$1" "$2" "$HELPERS/inject" ${3:+-s "$3"} -o "$tmp/count"
  read -r count _ < "$tmp/count"
}
allocations() { # THREADS CALLS _
  run "$1" "$2" env LD_PRELOAD="$HELPERS/failalloc.so" FAILALLOC_COUNT="$tmp/count"
  read -r count < "$tmp/count"
}
# Sets $cost: what a hundred calls cost, rounded.
cost_of() { # HOW THREADS NAMES
  local before
  wrong=no
  "$1" "$2" "$few" "$3"
  before=$count
  "$1" "$2" "$many" "$3"
  local calls=$((threads * (many - few)))
  cost=$(((100 * (count - before) + calls / 2) / calls))
}

for threads in 1 4; do
  what="$threads threads"
  cost_of system_calls "$threads" ioctl
  is "$what: a call is received and answered: two ioctls" "$wrong/$((cost >= 199 && cost <= 201))" no/1
  cost_of system_calls "$threads" process_vm_readv
  check "$what: at most one vectored read for stack, m and g ($cost for 100 calls)" test "$wrong/$((cost <= 102))" = no/1
  cost_of system_calls "$threads" pread64,read
  check "$what: at most one other read ($cost for 100 calls)" test "$wrong/$((cost <= 110))" = no/1
  cost_of system_calls "$threads" openat
  is "$what: no file is opened" "$wrong/$cost" no/0
  cost_of system_calls "$threads" mmap,brk,mprotect,mremap
  is "$what: no memory is asked for" "$wrong/$cost" no/0
  # So neither a futex, which a contended lock would need, nor a poll.
  cost_of system_calls "$threads" ''
  check "$what: nothing else ($cost system calls for 100 calls)" test "$wrong/$((cost >= 200 && cost <= 415))" = no/1
  cost_of allocations "$threads" ''
  is "$what: nothing is allocated" "$wrong/$cost" no/0
done
check 'control: allocations are counted' test "$count" -gt 100

done_testing
