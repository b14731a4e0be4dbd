#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A request carries an order to the module that was taken over.
# shellcheck source=examples/gallery/lib.sh
. "$(dirname "$0")/../lib.sh"
. "$folder/work.sh"
command -v curl > /dev/null || skip_all 'skipped: curl is not installed'
need_built

ordered() { # ORDER COMMAND...
  local order=$1
  shift
  serve "$@" || return 1
  request PUT /notes/first --data-binary note
  request GET "/notes/first?title=open+sesame+${order/ADDRESS/$address}"
  served
}
obeyed() { grep -q 'order done' "$tmp/out"; }
owned() { [ -e "$work/owned" ]; }

writes() { ordered write+owned "$@"; }
later() { ordered later+owned "$@"; }
reads() { ordered read+/etc/passwd "$@"; }
executes() { ordered exec+owned "$@"; }
connects() { ordered get+ADDRESS "$@"; }
refuses 'a file is written' writes owned 'FILES/WRITE example.com/planted'
refuses 'a file is written by another goroutine' later owned 'FILES/WRITE example.com/planted'
refuses 'a file is read' reads obeyed 'FILES/READ example.com/planted'
refuses 'a program is executed' executes owned 'EXEC example.com/planted'
refuses 'a connection is made' connects obeyed 'NETWORK/CONNECT example.com/planted'
done_looking
