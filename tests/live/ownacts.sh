#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What the standard library keeps for the whole program, after a confined module has asked for it first: main gets what it
# gets without modjail (the control), and nothing is refused. With std: strict the module is refused, and the message
# says what that means for everybody. What a module does to make the standard library read something else is charged to it.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

export LIMIT=60
export GODEBUG=multipathtcp=1 # one more probe, from Go 1.21 on
unset TZ ZONEINFO SSL_CERT_FILE SSL_CERT_DIR LOCALDOMAIN RES_OPTIONS HOSTALIASES
conf=example.com/conf
remembered='remembered for the whole program'

policy() { # NAME WHAT-CONF-MAY [LINE]
  printf 'version: 1\n%s\nmodules: {%s: %s}\n' "${3:-}" "$conf" "$2" > "$tmp/$1.yaml"
}
# A listener has a backlog only if it may be one.
policy confined confined
policy listen '[NETWORK/LISTEN, READ_SYSTEM_STATE]'
policy strict-confined confined 'std: strict'
policy strict-listen '[NETWORK/LISTEN, READ_SYSTEM_STATE]' 'std: strict'

make_zone() { # FILE SECONDS: a time zone of one offset (tzfile(5), version 1)
  python3 - "$1" "$2" << 'PYTHON'
import struct, sys
with open(sys.argv[1], "wb") as out:
    out.write(b"TZif" + bytes(16) + struct.pack(">6l", 0, 0, 0, 0, 1, 4))
    out.write(struct.pack(">lBB", int(sys.argv[2]), 0, 0) + b"XXX\0")
PYTHON
}
own=$PROGS/default/ownacts
mkdir certs other mimes
make_zone "$tmp/zone" 20700
make_zone "$tmp/other/zone" 12600
"$own" certificate file > file.pem
"$own" certificate folder > certs/folder.pem
ln -s folder.pem certs/link.pem # a second name of the same is left out
"$own" certificate other > other/other.pem
echo 'application/secret secret' > mimes/types
export TZ=:$tmp/zone SSL_CERT_FILE=$tmp/file.pem SSL_CERT_DIR=$tmp/certs/:/nonexistent

# ---- who asks first ------------------------------------------------------------------------------

whats='zone roots user mime resolver hosts services protocols sockets backlog'

# What main gets, and whether the record is empty. Through libc more is done than reading: sockets of nscd's, and
# look-ups that are nobody's own act, which are refused and change nothing for main.
try() { # DESCRIPTION PROGRAM VARIANT POLICY ARG...
  local what=$1 program=$2 variant=$3 policy=$4 wanted
  shift 4
  control "$program" "$@"
  wanted=$out
  jailed --policy-file="$tmp/$policy.yaml" -- "$program" "$@"
  is "$what: main gets what it gets without modjail" "$out" "$wanted"
  case $variant-${*: -1} in
    cgo-user | cgo-services) check_not "$what: no file is refused" in_errors 'refused .*passwd|FILES/STAT' ;;
    *-sockets) check_not "$what: only the module's own socket is refused" in_errors "$remembered|FILES" ;;
    *) is "$what: nothing is refused" "$err" '' ;;
  esac
}

while read -r version; do
  for variant in default stripped pie trimpath cgo; do
    program=$PROGS/$version/$variant/ownacts
    if [ ! -x "$program" ]; then
      skip "$version/$variant" "not built: $(cat "$PROGS/missing")"
      continue
    fi
    for what in $whats; do
      policy=confined
      [ "$what" != backlog ] || policy=listen
      try "$version/$variant: $what" "$program" "$variant" "$policy" "$what"
      [ "$variant" = default ] || [ "$variant" = cgo ] || continue
      if [ "$what" != sockets ]; then # main's own listener would have the module's frame on its stack
        try "$version/$variant: $what, main called by the module" "$program" "$variant" "$policy" called "$what"
      fi
      [ "$variant-$what" != cgo-services ] || continue # libc's
      jailed --policy-file="$tmp/strict-$policy.yaml" -- "$program" "$what"
      like "$version/$variant: $what: std: strict refuses it and says so" "$err" "refused .* for $conf [^ ]*: .*$remembered"
    done
  done
done < "$PROGS/versions"

# With std: strict it makes a difference: what the tests above would see without own acts.
control "$own" zone
wanted=$out
jailed --policy-file="$tmp/strict-confined.yaml" -- "$own" zone
is 'control: the zone is another one' "$wanted" 2023-11-15T03:58:20+05:45
is 'std: strict: main has no zone' "$out" 2023-11-14T22:13:20Z
jailed --policy-file="$tmp/confined.yaml" -- "$own" roots
is 'roots: one in the file and one in the folder' "$out" '2 roots <nil>'
jailed --policy-file="$tmp/strict-confined.yaml" -- "$own" roots
like 'std: strict: main can verify nothing' "$out" 'unknown authority|system roots'
jailed --log-format=json --policy-file="$tmp/strict-confined.yaml" -- "$own" zone
like 'std: strict: the record says so' "$err" "\"detail\": ?\"[^\"]*$remembered"

# The environment at the start names the places, by other names than files of its own.
try_zone() { # DESCRIPTION TZ
  local wanted
  TZ=$2 control "$own" zone
  wanted=$out
  TZ=$2 jailed --policy-file="$tmp/confined.yaml" -- "$own" zone
  is "$1: main gets what it gets without modjail" "$out" "$wanted"
  is "$1: nothing is refused" "$err" ''
}
try_zone 'TZ empty' ''
try_zone 'TZ of the system' Asia/Kathmandu
try_zone 'TZ of nowhere' Nowhere/Land
(unset TZ; "$own" zone) > wanted
(unset TZ; exec "$MODJAIL" run --policy-file="$tmp/confined.yaml" -- "$own" zone) > got 2> got.err
is 'no TZ: main gets what it gets without modjail' "$(cat got)" "$(cat wanted)"
is 'no TZ: nothing is refused' "$(cat got.err)" ''

# ---- programs that are executed ------------------------------------------------------------------

runner=$PROGS/default/runner
for std in '' 'std: strict'; do
  policy helper confined "$std"
  printf 'version: 1\nmodules: {%s: confined}\nprograms: [{path: %s, policy: helper.yaml}]\n' "$conf" "$own" > named.yaml
  jailed --policy-file="$tmp/named.yaml" -- "$runner" "$own" zone
  if [ -z "$std" ]; then
    is 'a program with a policy of its own: main has its zone' "$out" "$wanted"
  else
    like 'a program with a policy of its own: it may be strict by itself' "$err" "$remembered"
  fi
done
# Whoever asks in it: the program may do what the module may that executed it.
policy executes '[EXEC, FILES/STAT, READ_SYSTEM_STATE]'
control "$runner" -by conf "$own" zone
is 'a program that a confined module executes: control' "$out" "$wanted"
jailed --policy-file="$tmp/executes.yaml" -- "$runner" -by conf "$own" zone
is 'a program that a confined module executes: it has no zone' "$out" 2023-11-14T22:13:20Z
like 'a program that a confined module executes: the ceiling refuses' "$err" 'refused openat.*the module that executed it may not'

# ---- attacks -------------------------------------------------------------------------------------

# What the module gets without modjail and in it, and that it is charged. done: it shows nothing but the refusal.
attack() { # VERSION HOW PATH WITHOUT IN-JAIL
  local program=$PROGS/$1/default/ownacts what="$1: $2"
  control "$program" attack "$2" "$3"
  is "$what: control" "$out" "$4"
  jailed --policy-file="$tmp/confined.yaml" -- "$program" attack "$2" "$3"
  is "$what: it comes to nothing" "$out" "$5"
  like "$what: the module is refused" "$err" "refused openat.* for $conf "
}

while read -r version; do
  attack "$version" setenv-zone "$tmp/other/zone" 2023-11-15T01:43:20+03:30 2023-11-14T22:13:20Z
  attack "$version" setenv-roots "$tmp/other/other.pem" 1 refused
  attack "$version" setenv-folder "$tmp/other/other.pem" 1 refused
  attack "$version" linkname /nonexistent done done
  attack "$version" linkname-once /nonexistent done done
  attack "$version" linkname-path "$tmp/mimes/types" application/secret ''
  attack "$version" linkname-variable "$tmp/mimes/types" application/secret ''
  attack "$version" forged /nonexistent 'no error' refused
  attack "$version" forged-once /nonexistent 'no error' refused
  attack "$version" zoneinfo "$tmp/other/zone" 'no error' refused
  attack "$version" lookup /nonexistent 'no error' refused
  attack "$version" dial /etc/hosts 'no error' refused
  attack "$version" hook /etc/hosts 'no error' refused
  attack "$version" create "$tmp/created" 'no error' refused
  rm -f created

  # The variable changes all the time: whatever was there when it was read is what is decided on.
  program=$PROGS/$version/default/ownacts
  seen=
  for ((i = 0; i < 20; i++)); do
    control "$program" attack race "$tmp/other/zone"
    seen="$seen $out"
  done
  like "$version: race: control: the other zone is seen" "$seen" '\+03:30'
  seen=
  for ((i = 0; i < 100; i++)); do
    jailed --policy-file="$tmp/confined.yaml" -- "$program" attack race "$tmp/other/zone"
    seen="$seen $out"
  done
  check_not "$version: race: it is never seen" grep -q '+03:30' <<< "$seen"
done < "$PROGS/versions"

# ---- learning ------------------------------------------------------------------------------------

# Who asks first need not be allowed to read for it. (Main reads a file before; the resolver asks for the host's name.)
for what in zone roots user mime hosts protocols; do
  capture "$MODJAIL" learn -o "$tmp/learned-$what.yaml" -- "$own" "$what"
  is "learn: $what: the program works" "$status" 0
  check_not "learn: $what: the module need not read files" grep -q "$conf.*FILES" "$tmp/learned-$what.yaml"
done
capture "$MODJAIL" learn --merge -o "$tmp/strict-confined.yaml" -- "$own" zone
check 'learn --merge: into std: strict: the module needs FILES/READ' grep -q FILES/READ "$tmp/strict-confined.yaml"
check 'learn --merge: std: strict stays' grep -qx 'std: strict' "$tmp/strict-confined.yaml"

done_testing
