#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A process that does not let its memory be read: pages that userfaultfd, or a FUSE file system that does not answer, would
# have to provide. What it asks for is refused, and modjail does not hang with it for ever.
# (Pages of a Go thread's stack, which modjail reads in another way: stackstalls.sh.)
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

: "${HELPERS:?HELPERS must name the folder of stall}"
stall=$HELPERS/stall
confine=--policy=example.com/conf=confined
export LIMIT=30
probe=$("$stall" probe)

# ---- userfaultfd --------------------------------------------------------------------------------
# modjail reads through /proc/PID/mem, for which the kernel does not wait for a userfaultfd (mm/memory.c,
# __access_remote_vm, gives no leave to drop the lock; fs/userfaultfd.c, handle_userfault, fails without): EIO.

for how in own shared user; do
  control "$stall" "$how" /nonexistent
  if [ "$how" != user ] && ! grep -q '^userfaultfd yes' <<< "$probe"; then
    skip "userfaultfd, $how" "not here: $(grep userfaultfd <<< "$probe")"
    continue
  fi
  is "control: userfaultfd, $how: it gets as far as execve" "$status/$out" '0/execve: No such file or directory'
  jailed --no-wait "$confine" -- "$FORKER" -exec "$stall" "$how" /nonexistent
  is "userfaultfd, $how: execve is refused" "$status/$out" '0/execve: Operation not permitted'
  like "userfaultfd, $how: says why" "$err" 'refused execve .*: the process could not be read: modjail may not read its memory'
done

# ---- FUSE ---------------------------------------------------------------------------------------

mkdir "$tmp/mount"
serve() { # in a mount namespace of its own, which ends with it
  : > "$tmp/server"
  unshare --mount "$stall" serve "$tmp/mount" > "$tmp/server" 2>&1 &
  server=$!
  children+=("$server")
  eventually grep -q ready "$tmp/server"
}
jail_there() { # ARG...: modjail run, where that file system is to be seen
  background nsenter --mount="/proc/$server/ns/mnt" -- env "--chdir=$tmp" "$MODJAIL" run "$confine" -- \
    "$FORKER" -exec "$stall" fuse "$tmp/mount" "$tmp/execute"
}

if ! grep -q '^fuse yes' <<< "$probe" || ! serve; then
  skip 'FUSE' "no FUSE file system can be mounted here: $(cat "$tmp/server" 2> /dev/null)"
  done_testing
fi
# A server for each: opening the file again would wait for a read that was begun and not answered.
check_not 'control: a read of the file never ends' \
  nsenter --mount="/proc/$server/ns/mnt" -- timeout -k 1 1 head -c 1 "$tmp/mount/file"
kill -KILL "$server"
check 'FUSE: a second server starts' serve

stalled() {
  grep -q request_wait_answer /proc/"$pid"/task/*/wchan
}

# Nobody ends modjail: after ten seconds it ends the process, and after ten more itself.
printf '#!/bin/sh\necho "executed"\n' > "$tmp/execute" && chmod +x "$tmp/execute"
jail_there
check 'FUSE: it is said which process is killed for it' within_a_minute in_errors 'has kept modjail waiting for its memory'
check 'FUSE: then that modjail gives up' within_a_minute in_errors 'modjail gives up'
# A request that the file system has taken holds whoever waits for it, whatever signal comes (fs/fuse/dev.c,
# request_wait_answer). Its own end is the end of that.
kill -KILL "$server"
finish
is 'FUSE: modjail says that the program was killed' "$status" 137
is 'FUSE: nothing is executed' "$(cat "$tmp/out")" ''

# Somebody ends modjail, with a signal that it passes on.
if serve; then
  jail_there
  eventually stalled || sleep 5 # where wchan is not to be read
  kill -TERM "$pid"
  check 'FUSE, SIGTERM: the program dies of it, and modjail gives up waiting' within_a_minute in_errors 'modjail gives up'
  kill -KILL "$server"
  finish
  is 'FUSE, SIGTERM: modjail dies of it as well' "$status" 143
  is 'FUSE, SIGTERM: nothing is executed' "$(cat "$tmp/out")" ''
else
  not_ok 'FUSE: a third server starts'
fi

done_testing
