# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What run.sh and refused.sh do.

prepare() {
  seq 2000 | sed 's|.*|{"n": &, "name": "item &", "at": 17000&}|' > items
  echo '{"password": "not a real one"}' > secret.json
}

filter() { # COMMAND...: a sum, text from times and regular expressions, an error
  "$@" -s 'map(.n) | add' < items && "$@" -r 'select(.n % 500 == 0) | .name + " " + (.at | todate)' < items &&
    "$@" -c 'select(.name | test("^item 19+$"))' < items && "$@" --yaml-output '.' <<< '{"a": [1, {"b": null}]}' &&
    ! "$@" '.a.b' <<< '{"a": 1}'
}
