#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Goroutines that serve others than who started them: queues and single flights of the standard library, and pools.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

GO=${GO:-go}
unset http_proxy HTTP_PROXY

policy() { # LINE...: m.yaml, with evil confined
  {
    printf '%s\n' 'version: 1' 'modules:' '  example.com/evil: confined'
    printf '  %s\n' "$@"
  } > m.yaml
}

under() { # MODE: under m.yaml
  rm -f log ./*.touched
  jailed --policy-file=m.yaml --log-format=json --log-file=log -- "$pools" "$1"
}

alone() { # MODE
  rm -f ./*.touched
  control "$pools" "$1"
}

charged() { # all who the log says refused something, and why
  python3 -c 'import json
with open("log", encoding="utf-8") as log:
    events = [json.loads(line) for line in log if "WAIT_KILLABLE_RECV" not in line]
print(*sorted({e["module"] + ": " + e["reason"] for e in events if "syscall" in e}), sep=", ")'
}

lines() { # LINE...: what is printed
  printf '%s\n' "$@"
}

# What is the same, with and without modjail, with and without a pool.
same() { # DESCRIPTION MODE
  local wanted
  alone "$2"
  wanted=$out
  policy
  under "$2"
  is "$1" "$out" "$wanted"
  check_not "$1: nothing is reported" test -s log
}

# ---- what the standard library queues ---------------------------------------------------------------

queues() {
  alone queued
  is "$what: control: a request that waits is sent" "$out" "$(lines 'evil ok' 'server evil 1')"
  policy
  under queued
  is "$what: a confined module's request that waits is not" "$out" "$(lines 'evil EPERM' 'server evil 0')"
  is "$what: ... and nobody is blamed for it" "$(charged)" 'unattributed: unattributed'
  like "$what: ... for that reason" "$(cat log)" 'connects for whoever waits for it'
  alone queued-main
  is "$what: control: one of main's, too" "$out" "$(lines 'main ok' 'server main 1')"
  under queued-main
  is "$what: it cannot be told whose it is" "$out" "$(lines 'main EPERM' 'server main 0')"
  { echo 'unattributed: [NETWORK/CONNECT]'; cat m.yaml; } > n.yaml && mv n.yaml m.yaml
  under queued-main
  is "$what: the unattributed may connect: it is sent" "$out" "$(lines 'main ok' 'server main 1')"
  same "$what: requests that need not wait are main's" plain

  alone opener
  is "$what: control: a DB connects for who waits" "$out" "$(lines 'evil ok' 'server 2')"
  policy
  under opener
  is "$what: not if a confined module may be waiting" "$out" "$(lines 'evil EPERM' 'server 1')"
  is "$what: ... and nobody is blamed for it" "$(charged)" 'unattributed: unattributed'
  policy 'example.com/driver: {privileged: true}'
  under opener-main
  is "$what: a privileged driver answers for it" "$out" "$(lines 'main ok' 'server 2')"
  same "$what: connections of a DB for which nobody waits" queries

  alone shutdown
  is "$what: control: what was registered for a shutdown runs" "$out" "$(lines 'shutdown ok' 'shutdown file is there: false')"
  policy
  under shutdown
  is "$what: not if nobody knows who registered it" "$out" "$(lines 'shutdown ok' 'shutdown file is there: true')"
  is "$what: ... and nobody is blamed for it" "$(charged)" 'unattributed: unattributed'
}

# Who joins a flight gets the answer, and adds no question.
flights() {
  alone join
  is "$what: control: who joins a look-up asks nothing" "$out" "$(lines 'evil ok' 'questions 2 0' 'main ok')"
  policy
  under join
  is "$what: so does a confined module" "$out" "$(lines 'evil ok' 'questions 2 0' 'main ok')"
  alone alone
  is "$what: control: alone it asks" "$out" "$(lines 'main ok' 'evil ok' 'questions 2 2')"
  under alone
  like "$what: confined it may not" "$out" $'^main ok\nevil .*not permitted\nquestions 2 0$'
  is "$what: ... and is blamed" "$(charged)" 'example.com/evil: policy'
}

# ---- pools ------------------------------------------------------------------------------------------

main_jobs() { # MODE POOL: main's jobs on workers that evil needed first
  alone "$1"
  is "$what: $1: control: main's jobs" "$out" 'main refused 0 of 20'
  policy
  under "$1"
  is "$what: $1: no pool is known: refused" "$out" 'main refused 20 of 20'
  is "$what: $1: ... as evil's" "$(charged)" 'example.com/evil: policy'
  policy "$2: {pool: false}"
  under "$1"
  is "$what: $1: pool: false is none" "$out" 'main refused 20 of 20'
  policy "$2: {pool: true}"
  under "$1"
  is "$what: $1: pool: true: none is refused" "$out" 'main refused 0 of 20'
  check_not "$what: $1: ... and nothing reported" test -s log
}

evil_jobs() {
  local done untouched
  done=$(lines 'closure ok' 'closure file is there: false' 'function ok' 'function file is there: false' \
    'method ok' 'method file is there: true' 'method-by-type ok' 'method-by-type file is there: true' \
    'forged ok' 'forged file is there: false' 'forged-std ok' 'forged-std file is there: false')
  untouched=$(lines 'closure EPERM' 'closure file is there: true' 'function EPERM' 'function file is there: true' \
    'method EPERM' 'method file is there: false' 'method-by-type EPERM' 'method-by-type file is there: false' \
    'forged EPERM' 'forged file is there: true' 'forged-std ok' 'forged-std file is there: true')
  alone evil
  is "$what: control: evil's jobs" "$out" "$done"
  policy 'example.com/pool: {pool: true}'
  under evil
  is "$what: evil's jobs, on workers that main needed first" "$out" "$untouched"
  is "$what: ... are evil's, or nobody's" "$(charged)" 'example.com/evil: policy, unattributed: unattributed'
  like "$what: ... since a function of the standard library was handed over" "$(cat log)" 'who handed it this job'
}

pool_itself() {
  policy 'example.com/pool: {pool: true, allow: confined}'
  under jobs
  is "$what: a pool that is confined itself" "$out" 'main refused 20 of 20'
  is "$what: ... is to blame" "$(charged)" 'example.com/pool: policy'
  policy 'main: {pool: true}'
  under own
  is "$what: main as a pool: whose jobs these are is not known" "$out" 'main refused 20 of 20'
  is "$what: ... nobody's" "$(charged)" 'unattributed: unattributed'
}

while read -r version; do
  for variant in default stripped; do
    what=$version/$variant
    pools=$PROGS/$version/$variant/pools
    queues
    flights
    for mode in jobs deep goroutine nested get program; do
      main_jobs "$mode" example.com/pool
    done
    main_jobs own example.com/pools/own
    if [ "$("$pools" group)" = 'not with this release' ]; then
      skip "$what: sync.WaitGroup.Go" 'it came with Go 1.25'
    else
      main_jobs group example.com/pool
    fi
    evil_jobs
    pool_itself
  done
done < "$PROGS/versions"

# ---- learn ------------------------------------------------------------------------------------------

pools=$PROGS/default/pools
printf '%s\n' 'version: 1' 'modules:' '  example.com/evil: [FILES/STAT]' > learned.yaml
capture "$MODJAIL" learn --merge -o learned.yaml -- "$pools" jobs
is 'learn: the program works' "$status/$out" '0/main refused 0 of 20'
check 'learn: who filled the pool needs what its jobs do' grep -q 'example.com/evil: .*FILES/READ' learned.yaml
printf '%s\n' 'version: 1' 'modules:' '  example.com/evil: [FILES/STAT]' '  example.com/pool: {pool: true, allow: []}' > learned.yaml
capture "$MODJAIL" learn --merge -o learned.yaml -- "$pools" jobs
is 'learn: with a pool' "$status/$out" '0/main refused 0 of 20'
check_not 'learn: ... it does not' grep -q 'example.com/evil: .*FILES/READ' learned.yaml
check 'learn: ... and what is a pool stays one' grep -q 'example.com/pool: {pool: true, allow: \[.*FILES/READ.*\]}' learned.yaml
jailed --policy-file=learned.yaml -- "$pools" jobs
is 'learn: ... the policy fits' "$status/$out/$err" '0/main refused 0 of 20/'

# ---- real pools -------------------------------------------------------------------------------------

if ! command -v "$GO" > /dev/null; then
  skip 'pools from the module proxy' 'no go command'
  done_testing
fi
if ! (cd "$here/../programs/pooled" && GOTOOLCHAIN=local GOWORK=off GOFLAGS=-mod=mod timeout 300 "$GO" mod download) \
  > "$tmp/download" 2>&1; then
  sed -E 's/^/# /' "$tmp/download" | head -n 5
  skip 'pools from the module proxy' 'the modules could not be downloaded'
  done_testing
fi
pools=$tmp/pooled
if ! (cd "$here/../programs/pooled" && GOTOOLCHAIN=local GOWORK=off GOFLAGS='-mod=readonly -buildvcs=false' \
  CGO_ENABLED=0 "$GO" build -o "$pools" .) > "$tmp/build" 2>&1; then
  not_ok 'the program with pools from the module proxy builds' "$(head -n 12 "$tmp/build")"
  done_testing
fi
real() { # REFUSED EVIL-IS-FIRST
  lines "ants refused $1 of 20" "ants, one function refused $1 of 20" "errgroup refused $1 of 20" \
    'flight of main: <nil> <nil>' "flight of evil: $2"
}
alone ''
is 'ants, errgroup, singleflight: control' "$out" "$(real 0 'false false')"
policy
under ''
is 'ants, errgroup: main has its jobs refused; who joins a flight has what the first has' "$out" "$(real 20 'true true')"
policy 'github.com/panjf2000/ants/v2: {pool: true}' 'golang.org/x/sync: {pool: true}'
under ''
is 'ants, errgroup: as pools they refuse main nothing' "$out" "$(real 0 'false false')"
check_not 'ants, errgroup: ... and nothing is reported' test -s log
policy 'github.com/panjf2000/ants/v2: {pool: true}' 'example.com/batch: {pool: true}'
under ''
is 'who starts his workers by errgroup is a pool, too' "$out" "$(real 0 'true true')"

done_testing
