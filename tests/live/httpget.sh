#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# http.Get a thousand times over, one after the other and eight at once, with every Go: it connects on a goroutine
# that the module is not on, and what came of it must not depend on chance. Without modjail all succeed (the
# control); by a confined module all are refused and charged to it; by an unconfined one all succeed.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

export LIMIT=120
unset http_proxy HTTP_PROXY

background "$PROGS/default/fetch" -serve "$tmp/url"
eventually test -s "$tmp/url" || { echo 'Bail out! the server did not start'; exit 1; }
url=$(cat "$tmp/url")

# Sets came to how many requests the server has had since the last question.
served=0
ask() {
  local before=$served
  served=$(python3 -c 'import sys, urllib.request as r
print(int(r.build_opener(r.ProxyHandler({})).open(sys.argv[1], timeout=10).read()))' "$url")
  came=$((served - before - 1)) # but for the question itself
}

# What a JSON log says: how many calls of socket were refused, and of all records whom they are charged to and why.
charged() { # LOG
  python3 - "$1" << 'PYTHON'
import json, sys
with open(sys.argv[1], encoding="utf-8") as log:
    # Not the warning of an old kernel (lib.sh, complaints).
    events = [json.loads(line) for line in log if "WAIT_KILLABLE_RECV" not in line]
who = {f"{e['module']}: {e['reason']}" if "syscall" in e else e["event"] for e in events}
# A refusal is written when it happens and, if it was repeated, once more at the end, with how often in all.
times = sum(e["count"] - (e["event"] == "repeated") for e in events if e.get("syscall") == "socket")
print(times, *sorted(who))
PYTHON
}

ask
while read -r version; do
  for variant in default stripped; do
    fetch=$PROGS/$version/$variant/fetch
    for parallel in 1 8; do
      what="$version/$variant, $parallel at once"
      args=(-n 1000 -parallel "$parallel" "$url")

      control "$fetch" "${args[@]}"
      is "$what: control" "$out" 'ok=1000 EPERM=0 other=0'
      ask
      is "$what: control: the server saw them" "$came" 1000

      rm -f "$tmp/log"
      jailed --log-format=json --log-file="$tmp/log" --policy=example.com/conf=confined -- "$fetch" "${args[@]}"
      is "$what: confined: all are refused" "$out" 'ok=0 EPERM=1000 other=0'
      ask
      is "$what: confined: the server saw none" "$came" 0
      is "$what: confined: each is charged to the module" "$(charged "$tmp/log")" '1000 example.com/conf: policy'

      jailed --policy=gopkg.in/yaml.v3=confined -- "$fetch" "${args[@]}"
      is "$what: unconfined: none is refused" "$out" 'ok=1000 EPERM=0 other=0'
      ask
      is "$what: unconfined: the server saw them" "$came" 1000
      is "$what: unconfined: nothing is reported" "$err" ''
    done
  done
done < "$PROGS/versions"

done_testing
