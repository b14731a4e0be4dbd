#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A signal sent to modjail reaches the program, exactly once, and only the program decides what it
# means; the same at a terminal.
# Whoever runs the tests may ignore signals (nohup does), which a shell cannot undo.
if [ -z "${SIGNALS_ARE_DEFAULT:-}" ]; then
  exec env --default-signal SIGNALS_ARE_DEFAULT=1 bash "$0" "$@"
fi
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

confine=--policy=example.com/conf=confined

ulimit -c 0
number() {
  kill -l "$1"
}

for spin in -spin=false -spin=true; do
  for name in INT TERM HUP QUIT USR2 WINCH ALRM CONT; do
    n=$(number "$name")
    # USR1 comes last: whatever came twice would have shown before it.
    background "$MODJAIL" run "$confine" -- "$SIG" "$spin" -until 2 -exit 7
    if ! eventually in_output '^ready'; then
      not_ok "SIG$name $spin: the program starts"
      finish
      continue
    fi
    kill -s "$name" "$pid"
    eventually in_output "^got $n "
    kill -s USR1 "$pid"
    finish
    is "SIG$name $spin: once, and then SIGUSR1" "$(grep -o '^got [0-9]*' "$tmp/out" | tr '\n' ' ')" \
      "got $n got 10 "
    is "SIG$name $spin: the program's own status" "$status" 7
  done
done

# Without a handler the program dies of the signal, and so does modjail. Not SIGINT or SIGQUIT: a shell starts its
# background commands with those ignored; the terminal below has them.
for name in TERM HUP; do
  background "$MODJAIL" run "$confine" -- "$SIG" -handle=false -until 1
  eventually in_output '^ready'
  kill -s "$name" "$pid"
  finish
  is "SIG$name without a handler kills a Go program" "$status" $((128 + $(number "$name")))
done
# Programs that are not Go: as they are, without a policy; with one, a Go program becomes them.
without=(--no-policy --)
with=("$confine" -- "$FORKER" -exec)
for name in USR1 USR2 ALRM TERM HUP; do
  for how in without with; do
    declare -n options=$how
    background "$MODJAIL" run "${options[@]}" /bin/sh -c 'echo ready; exec sleep 60'
    eventually in_output '^ready'
    kill -s "$name" "$pid"
    finish
    is "SIG$name without a handler kills another program, $how a policy" "$status" $((128 + $(number "$name")))
  done
done

# Ignored signals stay ignored.
for how in without with; do
  declare -n options=$how
  (
    trap '' HUP
    exec "$MODJAIL" run "${options[@]}" /bin/sh -c 'kill -HUP $$; echo alive' > "$tmp/out" 2> "$tmp/err"
  )
  is "an ignored signal is ignored in the program, $how a policy" "$(cat "$tmp/out")" alive
done

# At a terminal. terminal.py says how the job ended.
at_terminal() { # STEP... -- COMMAND...
  capture python3 "$here/terminal.py" "$@"
}

for who in control jailed; do
  if [ "$who" = control ]; then
    run=()
    shell=(/bin/sh)
  else
    run=("$MODJAIL" run "$confine" --)
    shell=("${run[@]}" "$FORKER" -exec /bin/sh)
  fi
  # ${run[@]+...}: an empty array is "unbound" to bash before 4.4.
  at_terminal see:ready type:C 'see:got 2 ' 'never:interrupt) 2' type:B 'see:got 3 ' end -- \
    ${run[@]+"${run[@]}"} "$SIG" -until 2 -exit 7
  is "$who: ^C, then ^\\, each once" "$out" 'exit 7'
  at_terminal see:ready type:C end -- ${run[@]+"${run[@]}"} "$SIG" -handle=false -until 1
  is "$who: ^C without a handler" "$out" 'signal 2'
  at_terminal see:ready type:B end -- "${shell[@]}" -c 'echo ready; exec sleep 60'
  is "$who: ^\\ without a handler" "$out" 'signal 3'
  at_terminal see:ready type:Z stopped fg running 'see:got 18 ' type:C 'see:got 2 ' end -- \
    ${run[@]+"${run[@]}"} "$SIG" -until 2 -exit 7
  is "$who: ^Z stops, fg continues" "$out" 'exit 7'
  at_terminal see:ready kill:TSTP stopped fg running 'see:got 18 ' kill:TERM 'see:got 15 ' end -- \
    ${run[@]+"${run[@]}"} "$SIG" -until 2 -exit 7
  is "$who: SIGTSTP stops, SIGCONT continues" "$out" 'exit 7'
  at_terminal see:ready group:USR2 'see:got 12 ' 'never:signal 2) 2' kill:USR2 'see:signal 2) 2' \
    group:TERM 'see:got 15 ' end -- ${run[@]+"${run[@]}"} "$SIG" -until 3 -exit 7
  is "$who: a signal to the process group comes once" "$out" 'exit 7'
  at_terminal 'see:hello' end -- "${shell[@]}" -c 'read -r x < /dev/null; test -t 0 && stty -a > /dev/null && echo hello'
  is "$who: the terminal is the program's" "$out" 'exit 0'
done

done_testing
