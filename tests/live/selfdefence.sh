#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The supervisor under its own filter, and out of reach of a program that is allowed everything but the network.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

ASSAIL=$PROGS/default/assail
policy=$tmp/policy.yaml
cat > "$policy" << 'EOF'
version: 1
modules:
  main:
    allow: [FILES, EXEC, READ_SYSTEM_STATE, MODIFY_SYSTEM_STATE, OPERATING_SYSTEM, SYSTEM_CALLS, ARBITRARY_EXECUTION]
EOF

field() { # PID NAME: the values that it has in the threads' status, one if they agree
  sed -n "s/^$2:[[:space:]]*//p" /proc/"$1"/task/*/status | sort -u
}

# ---- what it is -----------------------------------------------------------------------------------

background "$MODJAIL" run --policy-file="$policy" -- "$FORKER" -sleep 30s
if eventually in_output '^pids '; then
  read -r _ program _ < "$tmp/out"
  is 'all threads of modjail are under a filter' "$(field "$pid" Seccomp)" 2
  is 'and under no_new_privs' "$(field "$pid" NoNewPrivs)" 1
  check 'modjail has two threads or more' test "$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l)" -ge 2
  sentinel=$(pgrep -P "$pid" -x modjail-signals)
  check 'there is a process that watches for signals' test -n "$sentinel"
  is 'it has no capabilities' "$(field "$sentinel" CapPrm)" 0000000000000000
  if [ "$(id -u)" -eq 0 ] && [ $((0x$(field $$ CapEff) >> 19 & 1)) = 1 ]; then
    # CAP_DAC_READ_SEARCH 2, CAP_KILL 5, CAP_SYS_PTRACE 19; the program keeps what it had.
    is 'of the capabilities three are left' "$(field "$pid" CapEff)$(field "$pid" CapPrm)" \
      "$(printf '%016x%016x' $((1 << 2 | 1 << 5 | 1 << 19)) $((1 << 2 | 1 << 5 | 1 << 19)))"
    is "the program's are untouched" "$(field "$program" CapEff)" "$(field $$ CapEff)"
    is 'and it is under no_new_privs only if modjail was' "$(field "$program" NoNewPrivs)" "$(field $$ NoNewPrivs)"
  else
    skip 'capabilities' 'not root with CAP_SYS_PTRACE'
  fi
  kill -KILL "$program"
  finish
else
  not_ok 'the program starts'
  finish
fi

# ---- what the policy does not allow ------------------------------------------------------------------
# Signals, ptrace, limits and writing to its memory are refused before the kernel is asked, so to root's programs as well.

modest=$tmp/modest.yaml
cat > "$modest" << 'EOF'
version: 1
modules:
  main:
    allow: [FILES/READ, FILES/STAT, READ_SYSTEM_STATE]
EOF
assaults=(kill stop tgkill sigqueue pidfd-kill ptrace-attach ptrace-seize process_vm_writev write-mem pidfd_getfd no-descriptors no-memory one-cpu)
for act in kill stop tgkill sigqueue pidfd-kill ptrace-attach ptrace-seize process_vm_writev no-descriptors no-memory one-cpu; do
  sleep 30 &
  children+=("$!")
  control "$ASSAIL" "$!" "$act"
  if [ "$(id -u)" -eq 0 ] || [ "$out" = "$act ok" ]; then
    is "control: $act of another process" "$out" "$act ok"
  else
    skip "control: $act of another process" "not for this user: $out"
  fi
  { kill -KILL "$!"; wait "$!"; } 2> /dev/null
done
rm -f "$tmp/modest.log"
jailed --policy-file="$modest" --log-format=json --log-file="$tmp/modest.log" -- "$ASSAIL" 0 "${assaults[@]}"
is 'of modjail, where the policy allows none of it: each is refused, and modjail ends with the program' "$status/$out" \
  "0/$(for act in "${assaults[@]}"; do echo "$act errno=EPERM"; done)"
is '... by the policy, each' "$(sed -n 's/.*"event":"refusal".*"syscall":"\([a-z_0-9]*\)".*/\1/p' "$tmp/modest.log" | sort | uniq -c | tr -s ' \n' ' ')" \
  ' 2 kill 1 openat 1 pidfd_getfd 1 pidfd_send_signal 2 prlimit64 1 process_vm_writev 2 ptrace 1 rt_sigqueueinfo 1 sched_setaffinity 1 tgkill '

# ---- another /proc ---------------------------------------------------------------------------------

if [ "$(id -u)" -ne 0 ] || ! unshare -p -f -m true 2> /dev/null; then
  skip 'a /proc of another PID namespace' 'no right to make namespaces'
else
  capture unshare -p -f --mount-proc "$MODJAIL" run --policy=example.com/conf=confined -- "$PROBE" -by conf "stat=$PROBE"
  is 'control: in a PID namespace with its own /proc' "$out" 'stat ok'
  capture unshare -p -f "$MODJAIL" run --policy=example.com/conf=confined -- "$PROBE" -by conf "stat=$PROBE"
  is 'with that of another one modjail does not start' "$status $out" '125 '
  like 'and says why' "$err" 'PID namespace.*mount'
  # The sanitizers need /proc themselves: there only the message counts.
  # shellcheck disable=SC2016 # expanded by the inner shell
  capture unshare -m sh -c 'mount -t tmpfs none /proc && exec "$@"' sh \
    "$MODJAIL" run --policy=example.com/conf=confined -- "$PROBE" -by conf "stat=$PROBE"
  like 'nor with something else there' "$err" '/proc.*mount'
  is 'and nothing of the program ran' "$out" ''
fi

# ---- the log, rotated -----------------------------------------------------------------------------

log=$tmp/log.json
jailed --policy=example.com/conf=confined --log-format=json --log-file="$log" -- "$FORKER" -exec \
  /bin/sh -c "$PROBE -by conf read=$PROBE; mv $log $log.old; $PROBE -by conf mkdir=$tmp/made"
check 'before the log was rotated away, records go into it' grep -q '"syscall":"openat"' "$log.old"
check 'after that they go into a new one' grep -q '"syscall":"mkdirat"' "$log"
check_not 'and no longer into the old one' grep -q '"syscall":"mkdirat"' "$log.old"

ln -s "$log" "$tmp/link"
jailed --policy=example.com/conf=confined --log-format=json --log-file="$tmp/link" -- "$PROBE" -by conf "create=$tmp/x"
check 'control: a link that was there at the start is followed' grep -q FILES/WRITE "$log"
echo precious > "$tmp/precious"
: > "$log"
jailed --policy=example.com/conf=confined --log-format=json --log-file="$log" -- "$FORKER" -exec \
  /bin/sh -c "$PROBE -by conf read=$PROBE; mv $log $log.old && ln -s $tmp/precious $log; $PROBE -by conf mkdir=$tmp/made"
is 'a link in place of the log is not followed' "$(cat "$tmp/precious")" precious
check 'records go on into the file that it was' grep -q '"syscall":"mkdirat"' "$log.old"

# ---- few descriptors ------------------------------------------------------------------------------

control "$PROBE" -by conf "exec=$tmp/executed"
check 'control: the program executes another' test -e "$tmp/executed"
rm -f "$tmp/executed"
for n in 5 6 7 8 9 10 11 12 13 14 16; do
  (
    ulimit -n "$n"
    timeout 60 "$MODJAIL" run --quiet --policy=example.com/conf=confined -- "$PROBE" -by conf "exec=$tmp/executed"
  ) > "$tmp/out" 2>&1
  check_not "with $n descriptors nothing gets through that would not with more" test -e "$tmp/executed"
done

# ---- as an ordinary user --------------------------------------------------------------------------

# The user's programs, where any user may read them; as_user stands in front of a command.
home=$tmp/home
mkdir "$home"
cp "$MODJAIL" "$ASSAIL" "$FORKER" "$policy" "$home"
chmod 755 "$tmp" "$home" "$home"/*
as_user=()
have_user=yes
if [ "$(id -u)" -eq 0 ]; then
  as_user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
  "${as_user[@]}" true 2> /dev/null || have_user=no
fi

all_ok() { # every line of standard output says that its act succeeded
  [ -s "$tmp/out" ] && ! grep -qv ' ok$' "$tmp/out"
}

none_ok() { # every line says that the kernel refused it
  [ -s "$tmp/out" ] && ! grep -Eqv ' errno=(EPERM|EACCES)$' "$tmp/out"
}

# One user may watch another's counters, or not (perf_event_paranoid).
without_perf() {
  sed -i '/^perf_event_open /d' "$tmp/out"
}

# Root that may not trace by a capability is like any other user. (With CAP_SYS_PTRACE nothing holds it, SECURITY.md.)
reach=(read-mem write-mem open-exe read-syscall process_vm_readv process_vm_writev ptrace-attach ptrace-seize pidfd_getfd kcmp)
drop=(setpriv --bounding-set=-sys_ptrace --inh-caps=-sys_ptrace)
if [ "$(id -u)" -ne 0 ] || ! "${drop[@]}" true 2> /dev/null; then
  skip 'as root without CAP_SYS_PTRACE' 'not root, or setpriv cannot drop it'
else
  "${drop[@]}" sleep 30 &
  children+=("$!")
  eventually grep -qx sleep "/proc/$!/comm" # until then it has the capability, and all of them
  capture "${drop[@]}" "$home/assail" "$!" "${reach[@]}"
  check 'control: root reaches other processes of root without CAP_SYS_PTRACE' all_ok
  capture "${drop[@]}" "$home/modjail" run --policy-file="$home/policy.yaml" -- "$home/assail" 0 "${reach[@]}"
  check 'but not modjail' none_ok
  is 'where the policy allows it' "$err" ''
fi

yama=$(cat /proc/sys/kernel/yama/ptrace_scope 2> /dev/null || echo 0)
if [ "$have_user" = no ]; then
  skip 'as an ordinary user' 'root, and setpriv cannot become another user'
elif [ "$yama" != 0 ]; then
  skip 'as an ordinary user' "Yama keeps the user's processes from each other already"
else
  user_jailed() { # ARG...: of assail
    capture ${as_user[@]+"${as_user[@]}"} "$home/modjail" run --policy-file="$home/policy.yaml" -- "$home/assail" "$@"
  }
  # shellcheck disable=SC2016 # expanded by the inner shell
  capture ${as_user[@]+"${as_user[@]}"} sh -c 'sleep 30 & "$1" $!; kill -KILL $!' sh "$home/assail"
  without_perf
  check "control: the user's other processes are open to all of this" all_ok

  user_jailed 0
  n=$(grep -c . "$tmp/out")
  without_perf
  check "nothing of it ($n acts) reaches modjail" none_ok
  is 'and it is the kernel that refuses it, not the policy' "$err" ''

  for who in modjail modjail-signals; do
    background ${as_user[@]+"${as_user[@]}"} "$home/modjail" run --policy-file="$home/policy.yaml" -- \
      "$home/forker" -sleep 30s
    eventually in_output '^pids '
    read -r _ program child < "$tmp/out"
    target=$pid
    [ "$who" = modjail ] || target=$(pgrep -P "$pid" -x modjail-signals)
    supervisor=$pid
    cp "$tmp/out" "$tmp/pids"
    ${as_user[@]+"${as_user[@]}"} "$home/assail" "$target" > "$tmp/out" 2> "$tmp/err"
    without_perf
    check "$who is out of reach from outside the jail as well" none_ok
    kill -KILL "$program" "$child"
    pid=$supervisor
    finish
  done

  # What one process of a user may do to another whatever that is: the jail holds, or all of it ends.
  capture ${as_user[@]+"${as_user[@]}"} "$home/assail" $$ socket
  is 'control: a socket' "$out" 'socket ok'
  holds() {
    ! grep -q '^socket ok' "$tmp/out" && { grep -q '^socket errno=EPERM' "$tmp/out" || [ "$status" -ne 0 ]; }
  }
  for act in no-descriptors no-memory one-cpu; do
    user_jailed 0 "$act" socket
    check "$act: the network stays closed, or all of it ends" holds
    like "$act: the act itself is not prevented" "$out" "^$act ok"
  done
  user_jailed 0 kill socket
  check 'kill: the program does not outlive modjail' test "$status" -eq 137
  check_not 'kill: and no socket was made' grep -q 'socket ok' "$tmp/out"

  background ${as_user[@]+"${as_user[@]}"} "$home/modjail" run --policy-file="$home/policy.yaml" -- \
    "$home/assail" 0 stop socket
  stopped() {
    grep -q '^State:[[:space:]]*T' "/proc/$pid/status"
  }
  check 'stop: modjail can be stopped' eventually stopped
  check_not 'stop: a stopped modjail lets nothing through' in_output '^socket ok'
  kill -CONT "$pid"
  finish
  like 'stop: and goes on when it is continued' "$(cat "$tmp/out")" 'socket errno=EPERM'
fi

done_testing
