#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The runtime's monitor: from Go 1.25 on it asks how many processors there are, on a thread that runs nobody's code. That is
# not refused, whatever the modules may do; the same capability is, to a module.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

printf 'version: 1\ndefault: []\nunattributed: []\n' > nothing.yaml
# The test programs' go.mod says Go 1.19, for which the monitor would not ask by default.
export GODEBUG=updatemaxprocs=1

# Many refused calls by main, so that the monitor has its time.
mapfile -t acts < <(yes uname | head -n 3000)

ran=0
for probe in "$PROGS"/go*/*/probe; do
  variant=${probe#"$PROGS/"}
  variant=${variant%/probe}
  minor=${variant#go1.}
  [ "${minor%%/*}" -ge 25 ] || continue
  ran=$((ran + 1))
  jailed --stats --policy-file=nothing.yaml -- "$probe" -by main "${acts[@]}"
  last_run="$probe -by main uname..."
  like "$variant: control: the monitor has asked" "$err" 'ended at [^|]*scheduler [1-9]'
  like "$variant: ... and was not refused" "$err" 'sched_getaffinity +[1-9][0-9]* +0'
  is "$variant: main, without the capability, was" "$(sort -u "$tmp/out")" 'uname errno=EPERM'
done
[ "$ran" -gt 0 ] || skip 'the monitor' 'no Go of at least 1.25'
done_testing
