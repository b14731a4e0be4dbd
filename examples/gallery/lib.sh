# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the scripts of the gallery share. Each folder has two: run.sh does real work without modjail and then under the
# folder's policy, and compares; refused.sh does what the policy should refuse, without modjail (it happens) and
# then with it (it does not, and exactly the expected refusals are reported). Both print a line "ok - WHAT" or
# "not ok - WHAT" for each thing looked at, and exit 0, 1 if one is not ok, or 77, with the reason, if the program
# cannot be had.
#
# From the environment: MODJAIL (default: build/modjail of this tree), GO (go), MJ_REAL (a folder with programs from
# npm; default: build/real), GALLERY_BUILT (a folder for the programs that are built here; default: a temporary one).

set -u

gallery=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$(cd "$(dirname "$0")" && pwd)
name=$(basename "$folder")
policy=$folder/modjail.yaml
MODJAIL=${MODJAIL:-$gallery/../../build/modjail}
MJ_REAL=${MJ_REAL:-$gallery/../../build/real}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/modjail-gallery.XXXXXX")
GALLERY_BUILT=${GALLERY_BUILT:-$tmp/built}
log=$tmp/log      # modjail's records of the last run
work=$tmp/work    # the folder in which programs work, made anew for each run
result=$tmp/result # what the last run printed and made
failed=0
servers=()

# Nothing of the user's own settings: the same run everywhere.
real_home=${HOME:-/} # where the go command keeps what it has downloaded and built
export HOME=$tmp/home TMPDIR=$tmp/tmp LC_ALL=C TZ=UTC NO_COLOR=1
unset XDG_CACHE_HOME XDG_CONFIG_HOME
mkdir -p "$HOME" "$TMPDIR"

end() {
  local pid
  for pid in "${servers[@]}"; do
    { kill -KILL "$pid" && wait "$pid"; } 2> /dev/null
  done
  cd / && rm -rf -- "$tmp"
}
trap end EXIT
trap 'exit 130' INT TERM HUP PIPE

[ -x "$MODJAIL" ] || { echo "not ok - $name: no modjail at $MODJAIL: build it there, or set MODJAIL"; exit 1; }
MODJAIL=$(realpath "$MODJAIL")

say() { # yes|no WHAT
  if [ "$1" = yes ]; then
    echo "ok - $name: $2"
  else
    echo "not ok - $name: $2"
    failed=1
  fi
}

skip_all() { # REASON
  echo "skip - $name: $1"
  exit 77
}

# ---- the program --------------------------------------------------------------------------------------

need() { # COMMAND: in PATH, or below MJ_REAL; its path is in $program
  program=$(command -v "$1" || find "$MJ_REAL" -type f -name "$1" -perm -u+x 2> /dev/null | grep -m 1 .) ||
    skip_all "skipped: $1 is not installed"
}

need_built() { # built from this folder; its path is in $program
  program=$GALLERY_BUILT/$name
  GO=$(command -v "${GO:-go}") || skip_all 'skipped: no go command'
  export GOTOOLCHAIN=local GOWORK=off GOFLAGS='-mod=readonly -buildvcs=false'
  if ! (cd "$folder" && HOME=$real_home timeout 300 "$GO" mod download) > "$tmp/said" 2>&1; then
    sed 's/^/# /' "$tmp/said" | head -n 5
    skip_all 'skipped: its modules could not be downloaded'
  fi
  if ! (cd "$folder" && HOME=$real_home "$GO" build -o "$program" .) > "$tmp/said" 2>&1; then
    sed 's/^/# /' "$tmp/said" | head -n 12
    echo "not ok - $name: it builds"
    exit 1
  fi
}

# ---- running --------------------------------------------------------------------------------------------

# The folder's own scripts may define these:
#   prepare   fills the empty working folder
#   normal    a filter that takes out of the output what differs from run to run
#   made      prints what the work made (default: each file's name and checksum)
prepare() { :; }
normal() { cat; }
made() { find . -type f -exec cksum {} + | sort -k 3; }

# perform FUNCTION COMMAND...: calls the function with the command that starts the program, in a fresh working folder.
perform() {
  rm -rf "$work"
  mkdir "$work"
  cd "$work" || exit 1
  prepare > "$tmp/said" 2>&1 || { sed 's/^/# /' "$tmp/said"; say no 'the stage is set'; exit 1; }
  "$@" > "$tmp/out" 2> "$tmp/err"
  status=$?
  { echo "status $status"; normal < "$tmp/out"; made; } > "$result"
}

jailed=("$MODJAIL" run --policy-file="$policy" --log-format=json --log-file="$log" --)

refusals() { # "CAPABILITY MODULE", each once
  python3 -c 'import json, sys
records = [r for r in map(json.loads, open(sys.argv[1])) if r["event"] in ("refusal", "killed")]
print("\n".join(sorted({"%s %s" % (r["capability"], r["module"]) for r in records})))' "$log"
}

show() { # what the last run printed, as comments
  head -n 12 "$tmp/out" | sed 's/^/#   stdout: /'
  head -n 12 "$tmp/err" | sed 's/^/#   stderr: /'
  [ ! -s "$log" ] || head -n 6 "$log" | cut -c 1-600 | sed 's/^/#   record: /'
}

# same WHAT FUNCTION [PATTERN]: the function does the same under the policy as without modjail, and nothing is refused.
# It must succeed without modjail; the pattern, if any, must stand in what it gives, so that "the same" is not nothing.
same() {
  local what=$1 function=$2 pattern=${3:-.}
  perform "$function" "$program"
  if [ "$status" -eq 0 ] && grep -Eq -- "$pattern" "$result"; then
    say yes "$what: control"
  else
    say no "$what: control"
    show
  fi
  cp "$result" "$tmp/wanted"
  : > "$log"
  perform "$function" "${jailed[@]}" "$program"
  if cmp -s "$tmp/wanted" "$result" && [ ! -s "$log" ]; then
    say yes "$what: the same under its policy, and nothing is refused"
  else
    say no "$what: the same under its policy, and nothing is refused"
    diff "$tmp/wanted" "$result" | head -n 20 | sed 's/^/#   /'
    show
  fi
}

# refuses WHAT FUNCTION HARM "CAPABILITY MODULE"...: without modjail the function does harm (the function HARM is true
# after it), under the policy it does not, and exactly those refusals are reported.
refuses() {
  local what=$1 function=$2 harm=$3 wanted got
  shift 3
  wanted=$(printf '%s\n' "$@" | sort)
  : > "$log"
  perform "$function" "$program"
  if "$harm"; then
    say yes "$what: control: it happens"
  else
    say no "$what: control: it happens"
    show
  fi
  perform "$function" "${jailed[@]}" "$program"
  got=$(refusals)
  if ! "$harm" && [ "$got" = "$wanted" ]; then
    say yes "$what: it does not happen; refused: ${wanted//$'\n'/, }"
  else
    say no "$what: it does not happen; refused: ${wanted//$'\n'/, }"
    printf '#   refused: %s\n' "${got//$'\n'/, }"
    show
  fi
}

# The policy has no errors, and fits the program.
checked() { # [POLICY]
  if "$MODJAIL" policy check --policy-file="${1:-$policy}" "$program" > "$tmp/said" 2>&1; then
    say yes "$(basename "${1:-$policy}") fits the program"
  else
    say no "$(basename "${1:-$policy}") fits the program"
    sed 's/^/#   /' "$tmp/said"
  fi
}

# ---- servers ----------------------------------------------------------------------------------------------

eventually() { # COMMAND...: waits until it succeeds, ten seconds at most
  local i
  for ((i = 0; i < 200; i++)); do
    "$@" > /dev/null 2>&1 && return
    sleep 0.05
  done
  return 1
}

# serve COMMAND...: starts a server whose first line of output is its address, and sets $address.
serve() {
  : > "$tmp/address" # the last one's
  "$@" > "$tmp/address" 2> "$tmp/served" < /dev/null &
  servers=("$!")
  local i
  for ((i = 0; i < 600; i++)); do
    [ "$(wc -l < "$tmp/address")" -ge 1 ] && break
    kill -0 "$!" 2> /dev/null || break
    sleep 0.05
  done
  address=$(head -n 1 "$tmp/address")
  [ -n "$address" ]
}

# Ends the server (the last one in servers) with SIGTERM; its status, and what it said on standard error.
served() {
  kill -TERM "${servers[0]}" 2> /dev/null
  wait "${servers[0]}"
  local ended=$?
  servers=()
  cat "$tmp/served" >&2 2> /dev/null
  return "$ended"
}

done_looking() {
  exit "$failed"
}
