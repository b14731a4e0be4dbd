#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# One call on all threads: whoever asks for it decides for each of them; and nobody waits for ever when modjail can read the
# program no more.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

confined=(--policy=example.com/conf=confined --policy=example.com/confc=confined)
nice=$(nice) # the tests may run with another one than 0
before="uid=0 gid=0 groups=[0-9,]* nice=$nice"

lines() { # NUMBER: that line of standard output
  sed -n "$1p" "$tmp/out"
}

# A status of 124, a hang, or of a program that the runtime or the C library ended, is in each of these.
if [ "$(id -u)" -ne 0 ]; then
  skip 'one call on all threads' 'not root: ids cannot be changed'
  done_testing
fi

for program in "$PROGS"/go*/default/allthreads "$PROGS"/go*/cgo/allthreads; do
  [ -x "$program" ] || continue
  build=${program#"$PROGS"/}
  build=${build%/allthreads}
  cgo=no
  [ "${build#*/}" = default ] || cgo=yes

  # ---- main may, conf may not ----------------------------------------------------------------------

  acts=(main:nothing conf:setgroups=5 conf:setgid=6 conf:setuid=7 main:setgroups=65534 main:setgid=65533 main:setuid=65532)
  control "$program" "${acts[@]}"
  is "control: $build: conf takes root from the program, and main has no right left" "$status $(grep -c ' ok;' "$tmp/out") $(lines 7)" \
    "0 4 main:setuid=65532 operation not permitted; uid=7 gid=6 groups=5 nice=$nice"
  jailed "${confined[@]}" -- "$program" "${acts[@]}"
  for n in 2 3 4; do
    like "$build: conf is refused, on all threads" "$(lines $n)" "^conf:[a-z]*=$((n + 3)) operation not permitted; $before\$"
  done
  is "$build: main is not, on any" "$status $(lines 7)" "0 main:setuid=65532 ok; uid=65532 gid=65533 groups=65534 nice=$nice"
  if [ $cgo = yes ]; then
    like "$build: three refusals of ids are reported" "$(grep -ac 'refused set' "$tmp/err")" '^3$'
  else
    is "$build: three refusals are reported, for conf" "$(grep -ac 'refused set.* for example.com/conf v' "$tmp/err")/$(grep -ac 'refused set' "$tmp/err")" 3/3
  fi
  jailed "${confined[@]}" -- "$program" main:seteuid=65534 main:read conf:read main:seteuid=0 main:setgid=9
  is "$build: modjail goes on reading the program with other ids, and with root's again" "$status $(sed 's/;.*//' "$tmp/out" | tr '\n' ' ')" \
    '0 main:seteuid=65534 ok main:read ok conf:read open /proc/self/comm: operation not permitted main:seteuid=0 ok main:setgid=9 ok '
  if [ $cgo = yes ]; then
    jailed "${confined[@]}" -- "$program" conf:csetgid=6 main:csetgid=65533
    like "$build: by C as well: conf" "$(lines 1)" "^conf:csetgid=6 operation not permitted; $before\$"
    like "$build: by C as well: main" "$status $(lines 2)" "^0 main:csetgid=65533 ok; uid=0 gid=65533 "
  else
    jailed "${confined[@]}" -- "$program" conf:nice=2 main:nice=1
    like "$build: AllThreadsSyscall: conf" "$(lines 1)" "^conf:nice=2 operation not permitted; $before\$"
    like "$build: AllThreadsSyscall: main" "$status $(lines 2)" '^0 main:nice=1 ok; .* nice=1$'
  fi

  # ---- in turn, and at the same time ---------------------------------------------------------------

  control "$program" repeat=5 race=5
  like "control: $build: by both, in turn" "$(lines 1)" '^repeat=5 main ok=5 EPERM=0 other=0 conf ok=5 EPERM=0 other=0;'
  like "control: $build: by both, at the same time" "$(lines 2)" '^race=5 main ok=[0-9]+ EPERM=0 other=0 conf ok=[1-9][0-9]* EPERM=0 other=0;'
  jailed "${confined[@]}" -- "$program" repeat=200
  like "$build: 200 times in turn: main is never refused, conf always, the threads agree" "$status $out" \
    '^0 repeat=200 main ok=200 EPERM=0 other=0 conf ok=0 EPERM=200 other=0; uid=0 gid=[01] groups=[0-9,]* nice=[0-9]+$'
  jailed "${confined[@]}" -- "$program" race=100
  like "$build: while main asks, conf may not make the same call on threads of its own" "$status $out" \
    '^0 race=[0-9]* main ok=[0-9]+ EPERM=0 other=0 conf ok=0 EPERM=[1-9][0-9]* other=0; uid=0 gid=[01] groups=[0-9,]* nice=[0-9]+$'

  # ---- learned, and logged -------------------------------------------------------------------------

  rm -f "$tmp/learned.yaml"
  capture "$MODJAIL" learn --output="$tmp/learned.yaml" -- "$program" main:setgid=5
  like "$build: what main needs on all threads is learned for main" "$(sed -n '/^  example.com.mjtests:/,$p' "$tmp/learned.yaml")" \
    MODIFY_SYSTEM_STATE/IDS
  is "$build: and for nobody else" "$(grep -c MODIFY_SYSTEM_STATE/IDS "$tmp/learned.yaml")" 1
  jailed --on-deny=log "${confined[@]}" -- "$program" conf:setgid=5
  like "$build: what is only logged is let through on all threads" "$status $out" '^0 conf:setgid=5 ok; uid=0 gid=5 '

  # ---- modjail without CAP_SYS_PTRACE ----------------------------------------------------------------

  drop=(setpriv --bounding-set=-sys_ptrace --inh-caps=-sys_ptrace)
  if ! "${drop[@]}" true 2> /dev/null; then
    skip "$build: without CAP_SYS_PTRACE" 'setpriv cannot drop it'
    continue
  fi
  capture "${drop[@]}" "$MODJAIL" run "${confined[@]}" -- "$program" main:setgroups=5 main:setgid=0 main:setgid=5 main:setuid=5 main:read
  is "$build: without CAP_SYS_PTRACE: what modjail can read afterwards is let through, nothing else" \
    "$status $(sed 's/ groups=5 nice=.*//' "$tmp/out" | tr '\n' ' ')" \
    '0 main:setgroups=5 ok; uid=0 gid=0 main:setgid=0 ok; uid=0 gid=0 main:setgid=5 operation not permitted; uid=0 gid=0 main:setuid=5 operation not permitted; uid=0 gid=0 main:read ok; uid=0 gid=0 '
  like "$build: and modjail says why" "$err" 'not once it has other ids, for modjail lacks CAP_SYS_PTRACE'
  printf 'version: 1\nmodules:\n  example.com/conf: [MODIFY_SYSTEM_STATE/IDS]\n' > "$tmp/ids.yaml"
  LIMIT=20 capture "${drop[@]}" "$MODJAIL" run --policy-file="$tmp/ids.yaml" -- "$program" main:setgid=5 main:setuid=6 main:setuid=0 main:read
  like "$build: where it is not asked (all may): refusals, no hang" "$status $(tr '\n' ' ' < "$tmp/out")" \
    '^0 main:setgid=5 ok; .*main:setuid=6 ok; .*main:setuid=0 operation not permitted; .*main:read open /proc/self/comm: operation not permitted;'
  like "$build: and modjail says why" "$err" 'modjail may not read the thread: it is not dumpable'
  field() { # PID NAME: the values that it has in the threads' status, one if they agree
    sed -n "s/^$2:[[:space:]]*//p" /proc/"$1"/task/*/status | sort -u
  }
  background "${drop[@]}" "$MODJAIL" run --policy-file="$tmp/ids.yaml" -- "$program" main:setgid=5 main:setuid=6 main:sleep
  if eventually in_output '^main:setuid=6 ok'; then
    is "$build: and all threads have the new ids" "$(field "$(pgrep -P "$pid" -x allthreads)" Uid | tr '\t' ' ')" '6 6 6 6'
    kill -KILL "$(pgrep -P "$pid" -x allthreads)"
  else
    not_ok "$build: and all threads have the new ids"
  fi
  finish
done

# ---- C code that pretends --------------------------------------------------------------------------

for program in "$PROGS"/go*/cgo/allthreads; do
  [ -x "$program" ] || continue
  build=${program#"$PROGS"/}
  build=${build%/allthreads}
  control "$program" main:pretend=9 intrude=5
  like "control: $build: a thread of C's own, while another waits as if it asked" "$(lines 1)" '^main:pretend=9 ok;'
  like "control: $build: a thread of C's own that looks like one that follows" "$(lines 2)" ' made=[1-9][0-9]* tried=true;'
  jailed "${confined[@]}" -- "$program" main:pretend=9
  like "$build: who waits as if he asked is asked himself" "$status $out/$err" \
    '^0 main:pretend=9 operation not permitted; .* refused setresgid.* for example.com/confc v'
  jailed --quiet "${confined[@]}" -- "$program" intrude=5
  like "$build: who looks like a thread that follows gets nothing, and changes nothing for main" "$status $out" \
    '^0 intrude=5 main ok=5 EPERM=0 other=0 conf ok=0 EPERM=5 other=0 made=0 tried=true;'
done

done_testing
