#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Many processes, many threads, numbers that are used again, orphans: each of them is held, and modjail's books
# stay right.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

confine=--policy=example.com/conf=confined
CROWD=$PROGS/default/crowd
complaints() { # what modjail wrote, but for its warning of an old kernel
  grep -v 'this kernel lacks SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV' "$tmp/err"
}

# ---- many ---------------------------------------------------------------------------------------

control "$FORKER" -children 300 -exit 3
is 'control: three hundred children at once' "$status/$(grep -c '^child ' "$tmp/out")" 3/300
jailed "$confine" -- "$FORKER" -children 300 -exit 3
is 'three hundred children at once' "$status/$(grep -c '^child ' "$tmp/out")" 3/300
is 'three hundred children: nothing is refused' "$(complaints)" ''

control "$THREADS" -n 1000 -calls 4
is 'control: a thousand threads' "$status/$out" "0/main ok=2000 EPERM=0 other=0
conf ok=2000 EPERM=0 other=0"
jailed "$confine" -- "$THREADS" -n 1000 -calls 4
is 'a thousand threads, each call decided right' "$status/$out" "0/main ok=2000 EPERM=0 other=0
conf ok=0 EPERM=2000 other=0"
# More threads than modjail may keep descriptors for.
last_run='ulimit -n 200'
bash -c 'ulimit -n 200 && exec "$@"' limit "$MODJAIL" run "$confine" -- "$THREADS" -n 400 -calls 4 > "$tmp/out" 2> "$tmp/err"
is 'four hundred threads, two hundred descriptors' "$(cat "$tmp/out")" "main ok=800 EPERM=0 other=0
conf ok=0 EPERM=800 other=0"

# The process that modjail started first is no more: only its own is left of modjail's children, and that has been reaped.
program_ended() {
  [ "$(wc -w < "/proc/$pid/task/$pid/children")" -eq 1 ] && pgrep -f "role=daemon.*$tmp/daemon" > /dev/null
}

# ---- numbers that are used again ----------------------------------------------------------------
# In a PID namespace, where the last number given out can be set: the same few over and over. The shell that conf starts has
# what conf may as its ceiling; the one that main starts, under the same number, has all.

cat > "$tmp/exec.yaml" << 'END'
version: 1
modules:
  example.com/conf: [confined, EXEC]
END
mkdir "$tmp/turns"
cat > "$tmp/reuse" << 'END'
while :; do echo 50 > /proc/sys/kernel/ns_last_pid; done 2> /dev/null &
exec "$@"
END
in_namespace() {
  capture unshare --pid --fork --mount-proc --kill-child bash "$tmp/reuse" "$@"
}
if unshare --pid --fork --mount-proc sh -c 'echo 50 > /proc/sys/kernel/ns_last_pid' 2> /dev/null; then
  in_namespace "$CROWD" -turns 100 "$tmp/turns"
  is 'control: without modjail both make their files' "$(find "$tmp/turns" -type f | wc -l)" 200
  check 'control: numbers are used again' \
    test "$(grep -c '^[0-9]' "$tmp/out")" -gt "$((2 * $(grep '^[0-9]' "$tmp/out" | sort -u | wc -l)))"
  rm -f "$tmp"/turns/*
  in_namespace "$MODJAIL" run --policy-file="$tmp/exec.yaml" -- "$CROWD" -turns 100 "$tmp/turns"
  is 'numbers used again: the program goes through' "$status" 0
  is 'numbers used again: main makes its files' "$(find "$tmp/turns" -name 'main.*' | wc -l)" 100
  is 'numbers used again: conf makes none' "$(find "$tmp/turns" -name 'conf.*' | wc -l)" 0
  is 'numbers used again: each of its shells is refused' "$(grep refused "$tmp/out")" 'refused 100'
  check 'numbers used again: they are' \
    test "$(grep -c '^[0-9]' "$tmp/out")" -gt "$((2 * $(grep '^[0-9]' "$tmp/out" | sort -u | wc -l)))"
else
  skip 'numbers used again' 'no PID namespace can be made here, or ns_last_pid not be written'
fi

# ---- exec from a thread -------------------------------------------------------------------------

target=$tmp/target
for ((i = 0; i < 10; i++)); do
  rm -f "$target"
  jailed "$confine" -- "$CROWD" -threads 8 -exec "$PROBE" -by conf "create=$target"
  [ "$status/$out" = '0/create errno=EPERM' ] && [ ! -e "$target" ] || break
done
is 'a thread that is not the main one executes, ten times: the new program is held' "$i" 10
for ((i = 0; i < 10; i++)); do
  rm -f "$target"
  jailed "$confine" -- "$CROWD" -threads 8 -exec "$PROBE" -by main "create=$target"
  [ "$status/$out" = '0/create ok' ] || break
done
is 'a thread that is not the main one executes, ten times: it may what it may' "$i" 10

# ---- vfork --------------------------------------------------------------------------------------
# Go starts programs with vfork: the child has the parent's memory and waits in a notification of its own.

cat > "$tmp/vfork.sh" << 'END'
i=0
while [ $i -lt 100 ]; do /bin/true || exit 1; i=$((i + 1)); done
END
jailed "$confine" -- "$FORKER" -exec /bin/sh "$tmp/vfork.sh"
is 'a hundred programs, one after the other' "$status/$(complaints)" 0/

# ---- orphans ------------------------------------------------------------------------------------
# modjail is no subreaper: an orphan has the parent that it would have without modjail, and modjail waits for it by the
# filter that it lives under.

orphan() { # COMMAND...: prints the parent that an orphan gets, and leaves its number in $tmp/orphan
  rm -f "$tmp/orphan"
  "$@" sh -c "sh -c 'sleep 2 & echo \$! > $tmp/orphan.new && mv $tmp/orphan.new $tmp/orphan'; sleep 0.5" > /dev/null 2>&1 &
  children+=($!)
  eventually test -s "$tmp/orphan" && eventually orphaned
  sed -n 's/^PPid:[[:space:]]*//p' "/proc/$(cat "$tmp/orphan")/status"
}
orphaned() {
  local parent
  parent=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$(cat "$tmp/orphan")/status")
  [ "$(cat "/proc/$parent/comm")" != sh ]
}
wanted=$(orphan env)
check 'control: an orphan has a parent' test -n "$wanted"
is 'no policy: an orphan has the same parent' "$(orphan "$MODJAIL" run --no-policy --)" "$wanted"
is 'a policy: an orphan has the same parent' "$(orphan "$MODJAIL" run "$confine" -- "$FORKER" -exec /usr/bin/env)" "$wanted"

# ---- modjail is told to end while it waits for what is left ----------------------------------

rm -f "$tmp/daemon"
background "$MODJAIL" run "$confine" -- "$FORKER" -daemon "$tmp/daemon" -after 2s -exit 5
eventually program_ended
kill -TERM "$pid"
finish
is 'SIGTERM while modjail waits for a daemon: it ends with the status of the program' "$status" 5
like 'SIGTERM while modjail waits for a daemon: says what is left' "$(cat "$tmp/err")" 'ended by a signal while processes .* still run'
sleep 2
check_not 'SIGTERM while modjail waits for a daemon: its notified calls are refused' test -e "$tmp/daemon"

# ---- --no-wait ----------------------------------------------------------------------------------

rm -f "$tmp/daemon"
jailed --no-wait "$confine" -- "$FORKER" -daemon "$tmp/daemon" -after 1s -exit 5
is '--no-wait: the status of the program' "$status" 5
like '--no-wait: says what is left' "$err" 'modjail ends while processes .* still run'
check_not '--no-wait: modjail has not waited' test -e "$tmp/daemon"
sleep 1.5
check_not '--no-wait: the notified calls of what is left are refused' test -e "$tmp/daemon"
jailed --no-wait --no-policy -- "$FORKER" -daemon "$tmp/daemon" -after 1s -exit 5
is '--no-wait without a policy: the status' "$status" 5
check '--no-wait without a policy: nobody is supervised, and the daemon does its work' eventually test -e "$tmp/daemon"
jailed --no-wait "$confine" -- "$PROBE" uname
is '--no-wait when nobody is left: silent' "$status/$out/$(complaints)" '0/uname ok Linux/'

done_testing
