#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# modjail pack: what it makes, what it refuses to make, and that the result needs nothing around it.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

REEXEC=$PROGS/default/reexec
confined=--policy=example.com/conf=confined
echo data > "$tmp/data"
jailed=$(printf 'main ok\nconf EPERM')

pack() { # OPTION...
  capture "$MODJAIL" pack "$@"
}
refuses() { # DESCRIPTION REGEX OPTION...: and leaves nothing behind
  local what=$1 regex=$2
  shift 2
  mkdir "$tmp/empty"
  (cd "$tmp/empty" && pack "$@" && printf '%s\n%s\n' "$status" "$err" > "$tmp/refused")
  like "$what: refused" "$(cat "$tmp/refused")" "^125"$'\n'".*$regex"
  is "$what: nothing is left behind" "$(ls -A "$tmp/empty")" ''
  rm -rf "$tmp/empty" "$tmp/refused"
}

# ---- what it makes -------------------------------------------------------------------------------

mkdir "$tmp/a" "$tmp/b" "$tmp/bin"
cd "$tmp/a" || exit 1
pack $confined "$REEXEC"
is 'packing says nothing' "$status$out$err" 0
is 'PROG.modjail, and nothing else, in the working directory' "$(ls -A)" reexec.modjail
check 'it can be executed' test -x reexec.modjail
check 'it needs no shared library' sh -c 'file -b reexec.modjail | grep -q "static" && ! readelf -l reexec.modjail | grep -q INTERP'
cd "$tmp/b" || exit 1
cp "$REEXEC" "$tmp/elsewhere"
touch -d '2001-01-01' "$tmp/elsewhere"
mv "$tmp/elsewhere" "$tmp/b/reexec"
umask 077
pack -o ../b.out $confined reexec
umask 022
is 'the output is for whom the umask says' "$(stat -c %a ../b.out)" 700
check 'the same input makes the same bytes, whatever its folder, its time and its output' cmp ../a/reexec.modjail ../b.out
pack -o ../b.out --on-deny=kill $confined reexec
check_not 'another option makes others' cmp -s ../a/reexec.modjail ../b.out
cd "$tmp" || exit 1
ln -s "$MODJAIL" bin/gomodjail
printf 'module example.com/mjtests\n\ngo 1.19\n\nrequire example.com/conf v0.0.0 // gomodjail:confined\n' > go.mod
capture bin/gomodjail pack --go-mod=go.mod "$REEXEC"
is 'as gomodjail, it takes what gomodjail takes' "$status$err" 0
capture "$tmp/reexec.gomodjail" read data
is 'and makes PROG.gomodjail, which is jailed' "$out" "$jailed"

pack -o warned.modjail --policy=example.com/cnf=confined "$REEXEC"
like 'a warning: it is packed' "$status$err" '^0modjail: warning: .*no module example.com/cnf'
pack_strictly() { pack -o strict.modjail --strict --quiet "$@" "$REEXEC"; }
pack_strictly --policy=example.com/cnf=confined
like '--strict: it is not' "$status$err $(ls strict.modjail 2> /dev/null)" '^125modjail: .*no module example.com/cnf.*--strict: '
check_not '... and nothing is left behind' test -e strict.modjail
pack_strictly $confined
is '--strict, and nothing to warn of' "$status$err" 0
capture ./strict.modjail read data
is '... which is jailed' "$out" "$jailed"

# ---- what it runs --------------------------------------------------------------------------------

control "$REEXEC" read data
is 'control: both may read' "$out" "$(printf 'main ok\nconf ok')"
capture a/reexec.modjail read data
is 'packed: the confined module may not' "$out" "$jailed"
packed_err=$err
capture "$MODJAIL" run $confined -- "$REEXEC" read data
is 'the report is that of modjail run' "$packed_err" "$err"
capture a/reexec.modjail --help
like 'all arguments are the program'"'"'s' "$err" 'unknown verb "--help"'
pack -o quiet.modjail --quiet --on-deny=log --summary $confined "$REEXEC"
capture ./quiet.modjail read data
is '--on-deny=log is packed' "$out" "$(printf 'main ok\nconf ok')"
like '--summary, too' "$err" 'example.com/conf'
pack -o kill.modjail --on-deny=kill $confined "$REEXEC"
is '--on-deny=kill is packed' "$(how_it_ended ./kill.modjail read data)" 'signal 9'
pack -o json.modjail --log-format=json --log-file=log $confined "$REEXEC"
capture ./json.modjail read data
is '--log-file is packed' "$err" ''
check '--log-format is packed' python3 -c 'import json, sys
assert all(json.loads(line)["module"] == "example.com/conf" for line in open("log"))'
pack -o off.modjail --ancestry=off --stats=json --verify-walk $confined "$PROBE"
capture ./off.modjail -by goroutine read=data
is '--ancestry, --stats and --verify-walk are packed' "$status $out" '0 read errno=EPERM'
check '... and statistics are written' sh -c 'tail -n 1 "$1/err" | python3 -c "import json, sys; json.load(sys.stdin)"' sh "$tmp"

for variant in stripped pie trimpath cgo; do
  if [ ! -x "$PROGS/default/../$variant/probe" ]; then
    skip "$variant" "$(grep -h "$variant" "$PROGS/missing" || echo 'not built')"
    continue
  fi
  pack -o variant.modjail $confined "$PROGS/default/../$variant/probe"
  capture ./variant.modjail -by main read=data
  is "$variant: main may" "$status $out" '0 read ok data'
  capture ./variant.modjail -by conf read=data
  is "$variant: conf may not" "$status $out" '0 read errno=EPERM'
done

# Its descriptors are those that it would have without modjail.
control "$FORKER" -exec /bin/ls /proc/self/fd
wanted=$out
pack -o fds.modjail $confined "$FORKER"
capture ./fds.modjail -exec /bin/ls /proc/self/fd
is 'no descriptor of modjail in the program' "$out" "$wanted"

# ---- policies of executed programs ---------------------------------------------------------------

mkdir policies
OTHER=$(realpath "$PROGS/default/other")
printf 'version: 1\nmodules:\n  example.com/conf: confined\nprograms:\n  - path: %s\n    policy: sub/other.yaml\n' "$OTHER" \
  > policies/main.yaml
mkdir policies/sub
printf 'version: 1\nmodules:\n  example.com/conf: []\n' > policies/sub/other.yaml
pack --policy-file=policies/main.yaml -o programs.modjail "$FORKER"
is 'policies of programs are packed' "$status$err" 0
control "$FORKER" -exec "$OTHER" conf read data
is 'control: an executed program' "$out" 'conf read ok'
rm -rf policies
capture ./programs.modjail -exec "$OTHER" main read data
is 'they hold without their files: what they allow' "$status $out" '0 main read ok'
capture ./programs.modjail -exec "$OTHER" conf read data
like 'and what they refuse' "$out" 'conf read .*operation not permitted'
like 'a refusal names the file' "$err" 'sub/other\.yaml:3'

# ---- --list --------------------------------------------------------------------------------------

capture "$MODJAIL" pack --list programs.modjail
is '--list of an intact file' "$status" 0
like '--list has the program' "$out" "program .*sha256:$(sha256sum "$FORKER" | cut -d ' ' -f 1)  forker"
like '--list has modjail, as it was built' "$out" "modjail .*sha256:$(sha256sum "$MODJAIL" | cut -d ' ' -f 1)"
like '--list has the policies' "$out" 'main\.yaml.*other\.yaml'
capture "$MODJAIL" pack --list --json quiet.modjail
is '--list --json' "$(python3 -c 'import json, sys
found = json.load(sys.stdin)
print(found["format"], found["machine"], all(part["intact"] for part in found["parts"]), *found["options"])' <<< "$out")" \
  "1 x86-64 True $confined --on-deny=log --quiet --summary"
capture "$MODJAIL" pack --list "$REEXEC"
like '--list of something else' "$status $err" '^125 .*is not a packed program'

# ---- what cannot be packed -----------------------------------------------------------------------

printf 'version: 1\nmodules:\n  example.com/conf: [FILES/REED]\n' > bad.yaml
printf 'version: 1\nprogram: example.com/other\ndefault: confined\n' > foreign.yaml
printf 'module example.com/mjtests\n\ngo 1.19\n' > silent.mod
refuses 'no policy' 'no policy to pack' "$REEXEC"
refuses '--no-policy' 'unrecognized option' --no-policy "$REEXEC"
refuses 'a go.mod that says nothing' 'no policy to pack' --go-mod="$tmp/silent.mod" "$REEXEC"
refuses 'a bad policy' 'bad.yaml:3:.*FILES/READ' --policy-file="$tmp/bad.yaml" "$REEXEC"
refuses 'a policy for another program' 'is for program example.com/other' --policy-file="$tmp/foreign.yaml" "$REEXEC"
refuses 'no such program' 'cannot read' $confined ./nothing
refuses 'a folder' 'not a file' $confined "$tmp"
refuses 'a shell script' 'not an executable file' $confined "$here/pack.sh"
refuses 'a program that is not Go' 'not a Go program' $confined /bin/true
refuses 'modjail itself' 'is a modjail' $confined "$MODJAIL"
refuses 'a packed program' 'packed already' $confined "$tmp/a/reexec.modjail"
refuses 'no modjail' 'no modjail' $confined --modjail=/bin/true "$REEXEC"
refuses 'a packed modjail' 'packed program' $confined --modjail="$tmp/a/reexec.modjail" "$REEXEC"
refuses 'a folder that is not there' 'cannot write' $confined -o nothing/out "$REEXEC"
refuses 'an output that is a folder' 'not a file' $confined -o "$tmp" "$REEXEC"
if [ -n "${MODJAIL_DYNAMIC:-}" ]; then
  refuses 'a modjail that is not static' 'shared libraries.*-Dstatic=true' $confined --modjail="$MODJAIL_DYNAMIC" "$REEXEC"
fi
cp "$REEXEC" itself
pack $confined -o itself itself
like 'the program as output: refused' "$status $err" '^125 .*what is to be packed'
check 'and it is as it was' cmp itself "$REEXEC"

# ---- for another machine -------------------------------------------------------------------------

cat > hello.go << 'GO'
package main

func main() { println("hello") }
GO
if GOARCH=arm64 GOOS=linux CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS='' "$GO" build -o hello.arm64 hello.go 2> go.err; then
  refuses 'a program for another machine' 'is for x86-64, but .*hello.arm64 is for aarch64: .*--modjail' $confined "$tmp/hello.arm64"
  # A modjail for aarch64 as far as packing can see: its header says so.
  python3 - "$MODJAIL" modjail.arm64 << 'PY'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[18:20] = (183).to_bytes(2, "little")
open(sys.argv[2], "wb").write(data)
PY
  pack $confined --modjail=modjail.arm64 hello.arm64
  is 'with a modjail for that machine, it is packed' "$status" 0
  like 'which cannot say whether the policy fits' "$err" 'another machine'
  capture "$MODJAIL" pack --list hello.arm64.modjail
  like 'and --list knows for which' "$status $out" '^0 .* for aarch64'
  refuses 'a modjail for another machine' 'is for aarch64, but .* is for x86-64' $confined --modjail="$tmp/modjail.arm64" "$REEXEC"
else
  not_ok 'a Go program for arm64 is built' "$(cat go.err)"
fi

# ---- what is around it ---------------------------------------------------------------------------

capture env -i ./reexec.gomodjail read data
is 'without HOME and any other variable' "$status $out" "0 $jailed"
mkdir home cache
capture env -i HOME="$tmp/home" XDG_CACHE_HOME="$tmp/cache" TMPDIR="$tmp/home" ./reexec.gomodjail read data
is 'nothing is written to HOME, the cache or TMPDIR' "$out$(find home cache -mindepth 1)" "$jailed"
capture env -i HOME=/nonexistent XDG_CACHE_HOME=/proc TMPDIR=/nonexistent ./reexec.gomodjail read data
is 'with a HOME that is not there' "$out" "$jailed"
chmod 0555 reexec.gomodjail
as_nobody=(env)
if [ "$(id -u)" -eq 0 ]; then
  chmod 0755 "$tmp"
  as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs env HOME=/nonexistent)
fi
capture "${as_nobody[@]}" "$tmp/reexec.gomodjail" read "$tmp/data"
is 'as an unprivileged user' "$out" "$jailed"
capture "${as_nobody[@]}" "$tmp/reexec.gomodjail" again 2 become read "$tmp/data"
is 'as an unprivileged user, executing itself' "$out" "$jailed"
cp reexec.gomodjail unreadable
chmod 0111 unreadable
capture "${as_nobody[@]}" "$tmp/unreadable" read "$tmp/data"
like 'a file that may be executed but not read: it says so, and does not run' "$status $out$err" '^125 .*cannot read the packed file'
if unshare -m --propagation private true 2> /dev/null; then
  # All file systems read-only, and none but the packed file's may execute.
  capture unshare -m --propagation private sh -c 'mkdir -p mnt && mount -t tmpfs none mnt && cp reexec.gomodjail data mnt/ &&
    mount -o remount,ro mnt && mount -t tmpfs -o noexec,ro none cache && cd mnt &&
    exec env HOME="$1" XDG_CACHE_HOME="$1" TMPDIR="$1" ./reexec.gomodjail read data' sh "$tmp/cache"
  is 'on a read-only file system, with a cache directory that is read-only and noexec' "$out" "$jailed"
  capture unshare -m --propagation private sh -c 'mount -t tmpfs none /proc && exec ./reexec.gomodjail read data'
  like 'without /proc: it says so, and does not run' "$status $out$err" '^125 .*/proc must be mounted'
else
  skip 'on a read-only file system' 'no mount namespaces here'
fi

# ---- many at once --------------------------------------------------------------------------------

starts=100
for ((i = 0; i < starts; i++)); do
  env HOME="$tmp/home" XDG_CACHE_HOME="$tmp/cache" TMPDIR="$tmp/home" timeout 120 ./reexec.gomodjail read data > "out.$i" 2> /dev/null &
  children+=($!)
done
wait
right=0
for ((i = 0; i < starts; i++)); do
  [ "$(cat "out.$i")" != "$jailed" ] || right=$((right + 1))
done
children=()
is "$starts starts at once: all are jailed" "$right" "$starts"
is 'and leave nothing behind' "$(find home cache -mindepth 1)" ''
done_testing
