#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Very deep stacks: whoever is on them is asked, however many frames there are, and nobody else waits for that. And calls that
# libc and the race detector make on their own account, which nobody needs to worry about.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

jail=("$MODJAIL" run --policy=example.com/conf=confined --stats --)
refused='refused openat.* for example.com/conf v0.0.0: its policy does not allow it'
not_permitted='open /etc/passwd: operation not permitted'
# Other lines of modjail's than the statistics.
said() {
  grep -c '^modjail: refused' "$tmp/err"
}
stat_of() { # WORD: the number behind it in the statistics
  sed -n "s/^  $1  *\([0-9]*\).*/\1/p" "$tmp/err"
}

# ---- who is asked -------------------------------------------------------------------------------

while read -r version; do
  deep=$PROGS/$version/default/deep
  for frames in 100 600 3000 270000 1000000; do
    capture "$deep" main "$frames"
    is "control: $version: main, $frames frames" "$out" opened
    capture "${jail[@]}" "$deep" main "$frames"
    is "$version: main, $frames frames: it opens the file" "$status $out $(said)" '0 opened 0'
    capture "${jail[@]}" "$deep" conf "$frames"
    is "$version: the confined module, $frames frames: refused" "$out" "$not_permitted"
    like "$version: ... by its policy, $frames frames" "$err" "$refused"
    # The one frame of the confined module lies at the outer end of the stack.
    capture "${jail[@]}" "$deep" handed "$frames"
    is "$version: main, $frames frames, called by the confined module: refused" "$out" "$not_permitted"
    like "$version: ... by its policy, $frames frames" "$err" "$refused"
  done
  is "$version: such a walk was put aside" "$(stat_of 'deep stacks')" 1

  # One who refuses to see: the whole list of modules is charged, and all of a very deep stack is asked for an execution's.
  capture "$MODJAIL" run --policy=example.com/conf=confined --on-deny=log --log-format=json -- "$deep" handed 270000
  is "$version: logged only: it is opened" "$out" opened
  check "$version: ... and the record names the module" grep -q '"module": *"example.com/conf"' "$tmp/err"

  # ---- who waits --------------------------------------------------------------------------------

  # 60 walks of 200,000 frames. Were others to wait for each of them, they would make about as many calls.
  LIMIT=300 capture "$MODJAIL" run --policy=example.com/conf=confined --log-file=/dev/null -- "$deep" beside 200000 4 15
  like "$version: the confined module's calls from deep stacks are all refused" "$out" ' 60 of 60 deep calls refused$'
  opens=${out%% *}
  check "$version: main makes many calls meanwhile ($opens)" test "${opens:-0}" -ge 600

  # Calls that wait for their turn end with their program; the memory of the next one is another.
  capture "${jail[@]}" "$deep" exec 200000 5
  is "$version: programs that are executed while walks of theirs are put aside" "$status $out $(said)" '0 done 0'
done < "$PROGS/versions"

deep=$PROGS/default/deep
# Killed while it waits, and nobody is left: modjail ends as ever.
capture "$deep" kill 1000000
is 'control: a program that is killed' "$status" 137
capture "${jail[@]}" "$deep" kill 1000000
is 'a program that is killed while its calls wait: modjail ends, too' "$status" 137
check '... and some did wait' test "$(stat_of 'deep stacks')" -ge 4

# ---- calls of libc and of the race detector -----------------------------------------------------

harmless='it does without, and no module is at fault'
while read -r version; do
  for variant in cgo race; do
    threadend=$PROGS/$version/$variant/threadend
    if [ ! -x "$threadend" ]; then
      skip "$version, $variant: threads that end" 'it was not built (no C compiler, or no race detector here)'
      continue
    fi
    # The detector's own report makes it end with 66.
    wanted=0
    [ "$variant" = cgo ] || wanted=66
    capture "$threadend"
    is "control: $version, $variant: threads that end" "$status $out" "$wanted read"
    capture "$MODJAIL" run --policy=example.com/conf=unconfined -- "$threadend"
    is "$version, $variant: where nobody is confined: the same" "$status $out $(said)" "$wanted read 0"
    capture "${jail[@]}" "$threadend"
    is "$version, $variant: only the confined module notices that it is confined" "$status $out" "$wanted $not_permitted"
    check_not "$version, $variant: no alarm" grep -Eq 'please report|nobody knows which' "$tmp/err"
    is "$version, $variant: refusals for no module are known to be harmless" \
      "$(grep -c '^modjail: refused.* for C code that no Go code called' "$tmp/err")" "$(grep -c "$harmless" "$tmp/err")"
    [ "$variant" = cgo ] || like "$version, $variant: the race detector's own calls are told from others'" "$err" \
      "this looks like the race detector .*$harmless"
    [ "$variant" = cgo ] || like "$version, $variant: the race is reported" "$err" 'WARNING: DATA RACE'
    # The rule of the unattributed lets them pass.
    printf 'version: 1\nunattributed: [FILES/READ]\nmodules:\n  example.com/conf: confined\n' > "$tmp/own.yaml"
    capture "$MODJAIL" run "--policy-file=$tmp/own.yaml" -- "$threadend"
    is "$version, $variant: allowed by the rule of the unattributed" "$(grep -c 'for C code' "$tmp/err") $out" "0 $not_permitted"
  done
done < "$PROGS/versions"

# The race detector leaves traces on the stacks on which C code is called: that is charged to whom it works for all the same.
while read -r version; do
  racing=$PROGS/$version/race/cgocall
  if [ ! -x "$racing" ]; then
    skip "$version, race: C code that Go calls" 'it was not built (no C compiler, or no race detector here)'
    continue
  fi
  for round in 1 2 3; do
    capture "$MODJAIL" run --policy=example.com/conf=confined --policy=example.com/confc=confined -- \
      "$racing" main confc callback callback-conf user
    is "$version, race: C code that Go calls, $round" "$(tr '\n' ' ' < "$tmp/out")" \
      'main ok confc errno=1 callback ok callback-conf errno=1 user ok '
  done
done < "$PROGS/versions"

done_testing
