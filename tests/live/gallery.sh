#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The gallery (examples/gallery): each program's run.sh and refused.sh, line by line. What cannot be installed is skipped;
# with CI=true eight of the ten have to run.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

gallery=$(realpath "$here/../../examples/gallery")
export MODJAIL GALLERY_BUILT=$tmp/built TMPDIR=$tmp
ran=0

# Passes on what a script said about each thing that it looked at: "ok - ...", "not ok - ...", "skip - ...".
passed_on() { # NAME SCRIPT
  local line told=0 bad=0
  while IFS= read -r line; do
    case $line in
      'ok - '*)
        ok "${line#ok - }"
        told=$((told + 1))
        ;;
      'not ok - '*)
        last_run=
        not_ok "${line#not ok - }"
        bad=1
        ;;
      'skip - '*) skip "$1" "${line#skip - "$1": }" ;;
      *) printf '# %s\n' "$line" ;;
    esac
  done < "$tmp/out"
  # A script that ends before its end, or looks at nothing, must not look like one that passed.
  if [ "$status" -ne 77 ] && [ "$bad" -eq 0 ] && { [ "$status" -ne 0 ] || [ "$told" -eq 0 ]; }; then
    not_ok "$1: $2 comes to its end"
  fi
}

for folder in "$gallery"/*/; do
  name=$(basename "$folder")
  [ -e "$folder/run.sh" ] || continue
  LIMIT=400 capture bash "$folder/run.sh"
  passed_on "$name" run.sh
  [ "$status" -ne 77 ] || continue
  LIMIT=400 capture bash "$folder/refused.sh"
  passed_on "$name" refused.sh
  ran=$((ran + 1))
done

if [ "${CI:-}" = true ]; then
  check "eight programs ran ($ran)" test "$ran" -ge 8
fi
done_testing
