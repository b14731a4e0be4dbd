#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Whoever holds the listener can answer notifications: nobody in the jail may have a copy, nor any other
# descriptor of modjail's.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

holds_listener() { # PID
  find "/proc/$1/fd" -type l -printf '%l\n' 2> /dev/null | grep -q 'seccomp notify'
}

for options in --no-policy --policy=example.com/conf=confined; do
  background "$MODJAIL" run "$options" -- "$FORKER" -sleep 30s
  if ! eventually in_output '^pids '; then
    not_ok "$options: the program starts"
    continue
  fi
  read -r _ program child < "$tmp/out"
  # The control: where a listener is, this is how it looks.
  if [ "$options" != --no-policy ] && [ "$(id -u)" -eq 0 ]; then
    check "modjail itself holds the listener" holds_listener "$pid"
  elif [ "$options" != --no-policy ]; then
    check_not "modjail's own descriptors are not even for its user to see" test -e "/proc/$pid/fd/1"
  fi
  check "$options: the program's descriptors can be read" test -e "/proc/$program/fd/1"
  check_not "$options: the program holds no listener" holds_listener "$program"
  check_not "$options: its child holds none" holds_listener "$child"
  check_not "$options: nothing anonymous but what Go itself opens" \
    sh -c "find /proc/$program/fd -type l -printf '%l\n' | grep -v -e eventpoll -e eventfd -e pidfd | grep anon_inode"
  kill -KILL "$program" "$child"
  finish
done

for fd in none 7; do
  [ "$fd" = none ] || exec 7< /dev/null
  control /bin/ls /proc/self/fd
  wanted=$(echo $out)
  [ "$fd" = none ] || like 'control: descriptor 7 is inherited' "$wanted" '\<7\>'
  jailed --no-policy -- /bin/ls /proc/self/fd
  is "--no-policy, extra descriptor $fd: the same ones as without modjail" "$(echo $out)" "$wanted"
  jailed --policy=example.com/conf=confined -- "$FORKER" -exec /bin/ls /proc/self/fd
  is "filtered, extra descriptor $fd: the same ones as without modjail" "$(echo $out)" "$wanted"
done
exec 7<&-

done_testing
