#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Releases of Go, from 1.16 on: of each minor from 1.21 on the first and the last that the table of toolchains
# has, and some more (ci); the others are tried by scripts/releases. A program that does what honest ones do, in the main module and in a confined one
# (releases/app): no call of the former may be refused, and each of the latter has to be. Once more with a policy that
# has clone asked about. And every place where the standard library enters the kernel (releases/entrances).
#
# RELEASES_STORE keeps what was built. MJ_RELEASES: all, for every toolchain of the table, or a list of them.
# shellcheck source=../live/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../live/lib.sh"
: "${ENTRANCES:?ENTRANCES must name the program that lists them}"
: "${GO:?GO must name a go command}" "${RELEASES_STORE:?RELEASES_STORE must name a folder that is kept}"
store=$RELEASES_STORE
mkdir -p "$store"
releases=$(realpath "$(dirname "${BASH_SOURCE[0]}")/releases")
# shellcheck source=releases/fetch.sh
. "$releases/fetch.sh"

printf 'version: 1\nmodules:\n  example.com/conf: [confined, FILES, EXEC]\n' > "$tmp/clone.yaml"

# Namespaces need rights that the machine may not give: then the control says so.
try_clone() { # NAME PROGRAM
  control "$2" clone
  if [[ $out != $'honest: done\nconfined: done' ]]; then
    skip "$1: children in namespaces" "not without the jail either: ${out//$'\n'/, }"
    return
  fi
  jailed --policy-file="$tmp/clone.yaml" -- "$2" clone
  is "$1: a child of main in a namespace of its own" "$(sed -n 1p <<< "$out")" 'honest: done'
  like "$1: ... but none of the confined module" "$(sed -n 2p <<< "$out")" '^confined: failed: fork/exec .*not permitted$'
}

try_program() { # NAME PROGRAM
  control "$2"
  is "$1: without the jail all is done" "$out" $'honest: 0 of 38 failed\nconfined: 0 of 38 failed'
  jailed --go-mod="$releases/app/go.mod" -- "$2"
  is "$1: main is refused nothing, the confined module everything" "$out" \
    $'honest: 0 of 38 failed\nconfined: 38 of 38 failed'
  like "$1: ... each time in its name" "$(grep -c 'modjail: .*example.com/conf' <<< "$err")" '^[1-9]'
  try_clone "$1" "$2"
}

# Where the standard library enters the kernel: from there a walk goes on, or the list says why not.
sed 's/[[:space:]]*#.*//; /^$/d' "$releases/entrances" | awk '{ print $1, $2 }' | sort > "$tmp/named"
: > "$tmp/met"
try_entrances() { # NAME PROGRAM
  "$ENTRANCES" "$2" | sed 's/+0x[0-9a-f]* / /' | sort -u > "$tmp/entrances"
  cat "$tmp/entrances" >> "$tmp/met"
  is "$1: a walk goes on from each entrance that is not named" "$(grep -v ' walked$' "$tmp/entrances" | comm -23 - "$tmp/named")" ''
  like "$1: ... and there are some" "$(wc -l < "$tmp/entrances")" '^[3-9][0-9]$'
}

is_wanted() { # VERSION WHEN
  case ${MJ_RELEASES:-ci} in
    ci) [ "$2" = ci ] ;;
    all) true ;;
    *) [[ " $MJ_RELEASES " == *" $1 "* ]] ;;
  esac
}

tried=0
while read -r version sum when; do
  is_wanted "$version" "$when" || continue
  programs=$(release_programs "$version" "$sum") || {
    skip "toolchain $version" "$programs"
    continue
  }
  tried=$((tried + 1))
  for variant in $(variants_of "$version"); do
    try_program "go$version $variant" "$programs/$variant"
    try_entrances "go$version $variant" "$programs/$variant"
  done
done < <(releases_table)
for name in syscall.rawVforkSyscall runtime.clone runtime.nanotime1; do
  check "$name was met" grep -q "^$name " "$tmp/met"
done
if [ "$tried" -ge 14 ]; then
  ok "$tried toolchains were tried"
else
  # Without a network there is nothing to try; what is tried has to be right all the same.
  skip 'at least 14 toolchains' "only $tried"
fi
done_testing
