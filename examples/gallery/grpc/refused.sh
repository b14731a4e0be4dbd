#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A call carries an order to the module that was taken over.
# shellcheck source=examples/gallery/lib.sh
. "$(dirname "$0")/../lib.sh"
. "$folder/work.sh"
need_built

ordered() { # ORDER COMMAND...
  local order=$1
  shift
  serve "$@" server || return 1
  client_of "$@" client "$address" "open sesame ${order/ADDRESS/$address}"
  served
}
owned() { [ -e "$work/owned" ]; }
obeyed() { grep -q 'order done' "$tmp/out"; }

writes() { ordered 'write owned' "$@"; }
executes() { ordered 'exec owned' "$@"; }
reads() { ordered 'read /etc/passwd' "$@"; }
refuses 'a file is written' writes owned 'FILES/WRITE example.com/planted'
refuses 'a program is executed' executes owned 'EXEC example.com/planted'
refuses 'a file is read' reads obeyed 'FILES/READ example.com/planted'

# The client's policy is for the client alone.
listens() {
  serve "${@/#"$policy_option"/"$client_option"}" server
  local listening=$?
  [ $listening -ne 0 ] || served
}
listened() { [ -n "$address" ]; }
refuses "the client's policy, a server" listens listened 'NETWORK/LISTEN example.com/gallery/grpc'
done_looking
