#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A packed program that executes itself stays jailed: at once or later, in the jail or started by somebody else.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

REEXEC=$PROGS/default/reexec
echo data > "$tmp/data"
free=$(printf 'main ok\nconf ok')
jailed=$(printf 'main ok\nconf EPERM')

pack() { # OPTION...
  capture "$MODJAIL" pack "$@"
}
pack --policy=example.com/conf=confined "$REEXEC"
is 'it is packed' "$status$err" 0
packed=$tmp/reexec.modjail

# ---- where it thinks that it is ------------------------------------------------------------------

control "$REEXEC" where
is 'control: os.Executable is the program' "$out" "$(realpath "$REEXEC")"
capture "$packed" where
is 'packed: os.Executable is the packed file' "$out" "$packed"
mkdir "$tmp/moved"
(cd "$tmp/moved" && ln -s "$packed" link)
capture "$tmp/moved/link" where
is 'through a symbolic link, too' "$out" "$packed"
pack --policy-file=<(printf 'version: 1\nmodules: {main: [EXEC]}\n') -o "$tmp/nostat" "$REEXEC"
capture "$tmp/nostat" where
check 'whoever may not read links does not get it' test "$status" -ne 0
like 'and is told so' "$err" 'refused readlinkat \(FILES/STAT\) for example.com/mjtests'

pack --policy-file=<(printf 'version: 1\nmodules: {main: [EXEC]}\n') --on-deny=log -o "$tmp/log" "$REEXEC"
capture "$tmp/log" where
is '--on-deny=log: whoever may not read links gets it' "$out" "$tmp/log"
like 'and it is told' "$err" 'let through readlinkat'

# ---- in the jail ---------------------------------------------------------------------------------

for verb in 'read' 'again 1 read' 'again 3 read' 'become read' 'link read' 'become become again 2 link read'; do
  # shellcheck disable=SC2086 # words
  control "$REEXEC" $verb "$tmp/data"
  is "control: $verb" "$out" "$free"
  # shellcheck disable=SC2086
  capture "$packed" $verb "$tmp/data"
  is "packed: $verb" "$out" "$jailed"
done
(PATH=$tmp:$PATH capture reexec.modjail again 2 read "$tmp/data" && echo "$out" > "$tmp/by-path")
is 'found by PATH' "$(cat "$tmp/by-path")" "$jailed"
capture env -i "$packed" again 1 become read "$tmp/data"
is 'without an environment' "$out" "$jailed"
capture "$packed" again 1 ask
is 'the program itself is not answered (EINVAL)' "$out" 22
capture "$MODJAIL" run --policy=example.com/conf=confined -- "$REEXEC" ask
is 'nor is anybody under modjail run' "$out" 22
is 'and that is no refusal' "$err" ''

# What executes the packed file may do no more than what every module on the stack that executed it may.
pack --policy-file=<(printf 'version: 1\nmodules: {main: [EXEC, FILES/READ, FILES/WRITE], example.com/conf: confined}\n') \
  -o "$tmp/narrow" "$REEXEC"
capture "$tmp/narrow" again 1 read "$tmp/data"
is 'another policy: still jailed' "$out" "$jailed"

# ---- after the parent has gone -------------------------------------------------------------------

control "$REEXEC" later "$tmp/later" read "$tmp/data"
eventually test -e "$tmp/later"
is 'control: a child that executes itself later' "$(cat "$tmp/later")" "$free"
rm -f "$tmp/later"
capture "$packed" later "$tmp/later" read "$tmp/data"
eventually test -e "$tmp/later"
is 'packed: a child that executes itself later is jailed' "$(cat "$tmp/later")" "$jailed"
rm -f "$tmp/later"

# ---- started by somebody who is not jailed -------------------------------------------------------

mkfifo "$tmp/fifo"
for program in "$REEXEC" "$packed"; do
  # The "daemon": it starts what it is told to, when whoever told it has ended.
  background bash -c 'read -r path < "$1" && sleep 0.2 && exec "$path" read "$2"' daemon "$tmp/fifo" "$tmp/data"
  "$program" hand "$tmp/fifo"
  finish
  wanted=$free
  [ "$program" = "$packed" ] && wanted=$jailed
  is "a daemon that $(basename "$program") told its path starts it $([ "$wanted" = "$jailed" ] && echo jailed)" \
    "$(cat "$tmp/out")" "$wanted"
done

# ---- another file under the same name ------------------------------------------------------------

pack --policy=example.com/conf=unconfined,gopkg.in/yaml.v3=confined -o "$tmp/lax" "$REEXEC"
capture "$tmp/lax" read "$tmp/data"
is 'control: the other file has a laxer policy' "$out" "$free"
for what in same other plain none; do
  cp "$packed" "$tmp/replaced"
  background "$tmp/replaced" when "$tmp/fifo" read "$tmp/data"
  eventually test -e "/proc/$pid/fd/0"
  case $what in
    same) ;;
    other) mv "$tmp/lax" "$tmp/replaced" ;;
    plain) cp "$REEXEC" "$tmp/new" && mv "$tmp/new" "$tmp/replaced" ;;
    none) rm "$tmp/replaced" ;;
  esac
  echo > "$tmp/fifo"
  finish
  case $what in
    same | plain) is "$what file: still jailed" "$(cat "$tmp/out")" "$jailed" ;;
    other)
      is 'another packed file does not run in this jail' "$(cat "$tmp/out")" ''
      like '... and says so' "$(cat "$tmp/err")" 'another supervisor .*listener'
      ;;
    none) like 'a file that is gone is not found' "$(cat "$tmp/out" "$tmp/err")" 'no such file' ;;
  esac
done

# ---- what runs is a sealed file in memory ---------------------------------------------------------

pack --policy=example.com/conf=confined -o "$tmp/gone" "$FORKER"
background "$tmp/gone" -sleep 30s
eventually in_output '^pids '
rm -f "$tmp/gone"
read -r _ program child < "$tmp/out"
like 'the program is a sealed file in memory' "$(readlink "/proc/$program/exe")" '^/memfd:forker'
like 'and so is its child, that executed the packed file' "$(readlink "/proc/$child/exe")" '^/memfd:forker'
check_not 'nobody holds a descriptor of it' sh -c "find /proc/$program/fd /proc/$child/fd -printf '%l\n' | grep memfd"
check_not 'it cannot be written through /proc' sh -c "{ : > /proc/$program/exe; } 2> /dev/null"
kill "$program" "$child"
finish

# ---- it is a program like another one ------------------------------------------------------------

pack --policy=example.com/conf=confined "$FORKER"
capture "$tmp/forker.modjail" -children 8
is 'eight children at once' "$(sort <<< "$out")" "$(printf 'child %d\n' 0 1 2 3 4 5 6 7)"
capture "$tmp/forker.modjail" -children 1 -exit 7
is 'the exit status is its own' "$status" 7
done_testing
