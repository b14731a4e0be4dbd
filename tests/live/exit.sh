#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Exit status, and transparency: what goes in and comes out is the program's own.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

ulimit -c 0
confine=--policy=example.com/conf=confined

for options in --no-policy "$confine"; do
  for code in 0 1 2 7 124 125 126 127 128 200 255; do
    is "control: status $code" "$(how_it_ended "$SIG" -exit "$code")" "exit $code"
    is "$options: status $code" "$(how_it_ended "$MODJAIL" run "$options" -- "$SIG" -exit "$code")" "exit $code"
  done
  for number in 1 2 3 6 9 10 12 13 14 15; do
    wanted=$(how_it_ended "$SIG" -handle=false -die "$number")
    is "$options: killed by signal $number" \
      "$(how_it_ended "$MODJAIL" run "$options" -- "$SIG" -handle=false -die "$number")" "$wanted"
  done

  export MARK='x y'
  echo input > "$tmp/input"
  # shellcheck disable=SC2016 # for the inner shell
  shell=("$FORKER" -exec /bin/sh -c 'cat; printf "%s|" "$0" "$@" "$MARK"; echo err >&2; exit 3' 'a b' '' '*' "c'd")
  STDIN=$tmp/input control "${shell[@]}"
  wanted=$out/$err/$status
  is 'control: stdin, stdout, stderr, arguments, environment' "$wanted" "input
a b||*|c'd|x y|/err/3"
  STDIN=$tmp/input jailed "$options" -- "${shell[@]}"
  is "$options: stdin, stdout, stderr, arguments, environment" "$out/$err/$status" "$wanted"

  jailed "$options" -- "$PROBE" uname
  is "$options: silent when nothing is refused" "$err" ''
done
# The control of the loops above: two different signals do end differently.
is 'control: killed by signal 9' "$(how_it_ended "$SIG" -handle=false -die 9)" 'signal 9'
is 'control: killed by signal 15' "$(how_it_ended "$SIG" -handle=false -die 15)" 'signal 15'

jailed --no-policy -- /bin/sh -c 'exit 3'
is '--no-policy: not a Go program' "$status" 3

# PATH is searched, as a shell does.
PATH="$PROGS/default:$PATH" jailed --no-policy -- probe uname
is 'a program is found in PATH' "$status/$out" "0/uname ok Linux"

failure() { # DESCRIPTION STATUS STDERR-REGEX: of the last run; modjail's own failures say so
  is "$1: status $2" "$status" "$2"
  like "$1: the message" "$err" "$3"
  is "$1: nothing on stdout" "$out" ''
}

jailed "$confine" -- "$tmp/nonesuch" x
failure 'no such file' 127 'modjail: .*nonesuch'
jailed "$confine" -- modjail-test-no-such-command
failure 'no such command' 127 'modjail: .*modjail-test-no-such-command'
jailed "$confine" -- "$tmp"
failure 'a folder' 126 'modjail: .*'
cp "$PROBE" "$tmp/plain" && chmod 644 "$tmp/plain"
jailed "$confine" -- "$tmp/plain" uname
failure 'not executable' 126 'modjail: .*plain'
jailed --no-such-option -- "$PROBE" uname
failure 'an unknown option' 125 '^modjail run: unrecognized option .*no-such-option'
jailed --go-mod="$tmp/nonesuch.mod" -- "$PROBE" uname
failure 'no such go.mod' 125 'modjail: .*nonesuch\.mod'
jailed --policy=example.com/conf=cofined -- "$PROBE" uname
failure 'an unknown policy' 125 'modjail: .*cofined'
jailed --policy=example.com/conf -- "$PROBE" uname
failure 'a policy without a word' 125 'modjail: .*example\.com/conf'
jailed "$confine" -- /bin/sh -c 'echo ran'
failure 'a policy for a program that is not Go' 126 'modjail: /bin/sh is not a Go program.*--no-policy'
jailed -- "$PROBE" uname
failure 'no policy and no --no-policy' 125 'modjail: no policy was given.*--no-policy'
jailed "$confine" --
failure 'no program' 125 'modjail: .*'

done_testing
