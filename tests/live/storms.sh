#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Many processes, many threads, numbers that are used again, orphans: each of them is held, and modjail's books
# stay right.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

confine=--policy=example.com/conf=confined
CROWD=$PROGS/default/crowd

# ---- many ---------------------------------------------------------------------------------------

control "$FORKER" -children 300 -exit 3
is 'control: three hundred children' "$status/$(grep -c '^child ' "$tmp/out")" 3/300
jailed "$confine" -- "$FORKER" -children 300 -exit 3
is 'three hundred children' "$status/$(grep -c '^child ' "$tmp/out")" 3/300
is 'three hundred children: nothing is refused' "$(complaints)" ''

# A storm: a tree of shells, all of which live until the pipe is closed that they read, and then write at once. What conf
# executes may not.
cat > "$tmp/storm.yaml" << 'END'
version: 1
modules:
  example.com/conf: [confined, EXEC, FILES/READ]
END
cat > "$tmp/storm.sh" << 'END'
node() {
  if [ "$1" -gt 0 ]; then
    node $(($1 - 1)) "$2"0 &
    node $(($1 - 1)) "$2"1 &
  fi
  read -r nothing <&3
  echo "$2" 2> /dev/null > "storm/$2"
  wait
}
exec 3<&0
node 8 n
END
sed -i "1i# $tmp" "$tmp/storm.sh"
all_there() { # each is a fork of the first, and has its command line
  [ "$(pgrep -cf "/bin/sh $tmp/storm.sh")" -ge 511 ]
}
storm() { # DESCRIPTION FILES COMMAND...
  local description=$1 files=$2
  shift 2
  rm -rf storm go && mkdir storm && mkfifo go
  background sh -c 'exec "$@" < go' sh "$@" /bin/sh "$tmp/storm.sh"
  exec 4<> go
  check "$description: 511 of them live at once" eventually all_there
  exec 4>&-
  finish
  is "$description: so many may write" "$status/$(find storm -type f | wc -l)" "0/$files"
}
storm 'control: a storm of shells' 511 "$CROWD" -run conf
storm 'a storm of shells that main executes' 511 "$MODJAIL" run --policy-file="$tmp/storm.yaml" -- "$CROWD" -run main
is 'a storm of shells that main executes: nothing is refused' "$(complaints)" ''
storm 'a storm of shells that conf executes' 0 "$MODJAIL" run --policy-file="$tmp/storm.yaml" --log-format=json --log-file="$tmp/storm.log" -- \
  "$CROWD" -run conf
is 'a storm of shells that conf executes: each is refused' \
  "$(sed -n 's/.*"event":"repeated".*"syscall":"openat".*"count":\([0-9]*\).*/\1/p' "$tmp/storm.log")" 511

control "$THREADS" -n 1000 -calls 4 -together
like 'control: a thousand threads at once' "$status/$out" '^0/threads 1[0-9]{3}
main ok=2000 EPERM=0 other=0
conf ok=2000 EPERM=0 other=0$'
jailed "$confine" -- "$THREADS" -n 1000 -calls 4 -together
like 'a thousand threads at once, each call decided right' "$status/$out" '^0/threads 1[0-9]{3}
main ok=2000 EPERM=0 other=0
conf ok=0 EPERM=2000 other=0$'
# Threads that end, and others that get their numbers.
jailed "$confine" -- "$THREADS" -n 1000 -calls 4
is 'a thousand threads that come and go, each call decided right' "$status/$out" "0/main ok=2000 EPERM=0 other=0
conf ok=0 EPERM=2000 other=0"
# More threads than modjail may keep descriptors for.
last_run='ulimit -n 200'
bash -c 'ulimit -n 200 && exec "$@"' limit "$MODJAIL" run "$confine" -- "$THREADS" -n 400 -calls 4 -together > "$tmp/out" 2> "$tmp/err"
like 'four hundred threads, two hundred descriptors' "$(cat "$tmp/out")" '^threads [45][0-9]{2}
main ok=800 EPERM=0 other=0
conf ok=0 EPERM=800 other=0$'

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

mkdir "$tmp/vfork"
if command -v strace > /dev/null; then
  control strace -f -qq -e trace=clone,clone3,vfork -o "$tmp/strace" "$CROWD" -run main /bin/true
  check 'control: Go starts a program with vfork' grep -q 'CLONE_VM|[A-Z_|]*CLONE_VFORK' "$tmp/strace"
else
  skip 'control: Go starts a program with vfork' 'no strace'
fi
jailed --policy-file="$tmp/storm.yaml" -- "$CROWD" -turns 100 "$tmp/vfork"
is 'vfork: main makes its files, and conf none' "$status/$(find "$tmp/vfork" -name 'main.*' | wc -l)/$(
  find "$tmp/vfork" -name 'conf.*' | wc -l)/$(grep refused "$tmp/out")" '0/100/0/refused 100'
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
