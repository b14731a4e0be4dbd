#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# docs/capabilities.md is what `modjail policy caps --markdown` writes, as TAP. Reads MODJAIL (the binary).
set -u
: "${MODJAIL:?MODJAIL must name the modjail binary}"
MODJAIL=$(realpath "$MODJAIL")
cd "$(dirname "$0")/../.." || exit 1
echo 1..2
failed=0

written=$("$MODJAIL" policy caps --markdown) || written=
# An empty page equals nothing that anybody has.
if [ "$(grep -c '^| `' <<< "$written")" -gt 10 ]; then
  echo 'ok 1 - modjail writes the page'
else
  echo 'not ok 1 - modjail writes the page'
  failed=1
fi
if difference=$(diff docs/capabilities.md - <<< "$written" 2>&1); then
  echo 'ok 2 - docs/capabilities.md is up to date'
else
  failed=1
  echo 'not ok 2 - docs/capabilities.md is up to date'
  echo '#   make it so: modjail policy caps --markdown > docs/capabilities.md'
  printf '%s\n' "$difference" | head -n 20 | cut -c 1-200 | sed 's/^/#   /'
fi
exit "$failed"
