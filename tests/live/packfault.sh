#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Packed files that are damaged, and starts that are killed or fail half way: the program runs jailed or not at all.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

REEXEC=$PROGS/default/reexec
echo data > "$tmp/data"
jailed=$(printf 'main ok\nconf EPERM')
mkdir home
export HOME=$tmp/home XDG_CACHE_HOME=$tmp/home TMPDIR=$tmp/home
capture "$MODJAIL" pack --policy=example.com/conf=confined "$REEXEC"
is 'it is packed' "$status$err" 0
packed=$tmp/reexec.modjail

works() { # DESCRIPTION
  capture "$packed" read data
  is "$1" "$out" "$jailed"
}
works 'control: it runs'

# ---- damage --------------------------------------------------------------------------------------

# Writes a copy with one kind of damage to $tmp/damaged: damage PYTHON-STATEMENTS, which see data and the parts.
damage() {
  python3 - "$packed" "$tmp/damaged" "$("$MODJAIL" pack --list --json "$packed")" "$1" << 'PY'
import json, os, sys
source, target, listing, code = sys.argv[1:]
data = bytearray(open(source, "rb").read())
parts = {part["kind"]: part for part in json.loads(listing)["parts"]}
note = data.index(b"modjail\0\1\0\0\0\1\0\0\0") + 8
directory = int.from_bytes(data[note + 8:note + 16], "little")
exec(code)
open(target, "wb").write(data)
os.chmod(target, 0o755)
PY
}

# The program must not run: neither what it prints nor what it would do.
refused() { # DESCRIPTION REGEX CODE
  damage "$3"
  control_exact "$tmp/damaged" read data
  like "$1: refused" "$status $out$err" "^(125|126) $2"
  check_not "$1: nothing ran" grep -Eq '^(main|conf) ' "$tmp/out"
}
damage ''
capture "$tmp/damaged" read data
is 'control: a copy runs' "$out" "$jailed"
damage 'data += b"appended" * 1000'
capture "$tmp/damaged" read data
is 'what is appended changes nothing' "$out" "$jailed"

refused 'first byte of the program' '.*program is not what was packed' 'data[parts["program"]["offset"]] ^= 1'
refused 'last byte of the program' '.*program is not what was packed' \
  'data[parts["program"]["offset"] + parts["program"]["length"] - 1] ^= 1'
refused 'the options' '.*options is not what was packed' 'data[parts["options"]["offset"]] ^= 1'
refused 'the directory' '.*directory is not what was packed' 'data[directory + 20] ^= 1'
refused 'a digest in the directory' '.*directory is not what was packed' 'data[directory + 45] ^= 1'
refused 'the digest of the directory' '.*directory is not what was packed' 'data[note + 24] ^= 1'
refused 'where the directory is' '.*(directory is not|cut off)' 'data[note + 8] ^= 8'
refused 'a directory that is nowhere' '.*cut off' 'data[note + 8:note + 16] = b"\xff" * 8'
refused 'a directory without end' '.*damaged modjail note' 'data[note + 16:note + 24] = b"\xff" * 8'
refused 'another format' '.*format 2' 'data[note] = 2'
refused 'no directory' '.*cut off' 'del data[directory:]'
refused 'half a directory' '.*cut off' 'del data[directory + 40:]'
refused 'half a program' '.*cut off' 'del data[parts["program"]["offset"] + parts["program"]["length"] // 2:]'
# Without its mark it is a modjail, which runs nothing without being told to.
refused 'not marked as packed' '.*unknown command' 'data[note + 4] = 0'
capture "$MODJAIL" pack --list "$tmp/damaged"
like '--list of what is not marked' "$status $err" '^125 .*not a packed program'
damage 'data[parts["program"]["offset"] + 5000] ^= 1'
capture "$MODJAIL" pack --list "$tmp/damaged"
like '--list finds damage' "$status $out" '^125 .*program [^\n]*DAMAGED'
capture "$MODJAIL" pack --list --json "$tmp/damaged"
is '--list --json does' "$status $(python3 -c 'import json, sys
print([part["kind"] for part in json.load(sys.stdin)["parts"] if not part["intact"]])' <<< "$out")" "125 ['program']"
# Cut off anywhere.
size=$(stat -c %s "$packed")
wrong=0
for ((i = 1; i < 60; i++)); do
  cut=$((size * i / 60))
  damage "del data[$cut:]"
  # Where modjail itself is cut off, the kernel or its own start-up ends it, SIGSEGV included.
  { control_exact "$tmp/damaged" read data; } 2> /dev/null
  grep -Eq '^(main|conf) ' "$tmp/out" && wrong=$((wrong + 1))
  "$MODJAIL" pack --list "$tmp/damaged" > /dev/null 2>&1
  [ $? -eq 125 ] || wrong=$((wrong + 1))
done
is 'cut off in 59 places: none runs, none is taken for intact' "$wrong" 0

# ---- calls that fail -----------------------------------------------------------------------------

# Makes the Nth such call of a start fail, for each N; the program runs jailed, or not at all. Of modjail's first thread alone,
# and none of the program's; but execveat is made by the program's process.
if strace -o /dev/null true 2> /dev/null; then
  for call in memfd_create ftruncate fcntl pread64 openat mmap execveat seccomp clone; do
    bad=0
    failed=0
    injected=0
    follow=()
    [ "$call" != execveat ] || follow=(-f)
    for n in 1 2 3 4 5 6; do
      capture strace "${follow[@]}" -o "$tmp/trace" -e "trace=$call" -e "inject=$call:error=ENOMEM:when=$n" "$packed" read data
      injected=$((injected + $(grep -c INJECTED "$tmp/trace")))
      [ "$status" -eq 0 ] || failed=$((failed + 1))
      grep -q '^conf ok' "$tmp/out" && bad=$((bad + 1))
      [ "$status" -ne 0 ] || [ "$out" = "$jailed" ] || bad=$((bad + 1))
    done
    check "$call fails: it was made to" test "$injected" -gt 0
    check "$call fails: some starts do" test "$failed" -gt 0
    is "$call fails: never unjailed, never half" "$bad" 0
  done
else
  skip 'calls that fail' 'strace cannot trace here'
fi

# ---- killed half way -----------------------------------------------------------------------------

# Each call of a start, up to the program's own, is the last one for some start: SIGKILL comes with it.
if strace -o "$tmp/trace" "$packed" read data > /dev/null 2>&1; then
  calls=$(wc -l < "$tmp/trace")
  check 'a start has calls to be killed at' test "$calls" -gt 50
  killed=0
  wrong=0
  for ((n = 1; n < calls && n < 400; n += 7)); do
    { capture strace -o /dev/null -e "inject=all:signal=KILL:when=$n" "$packed" read data; } 2> /dev/null
    [ "$status" -ne 137 ] || killed=$((killed + 1))
    grep -q '^conf ok' "$tmp/out" && wrong=$((wrong + 1))
  done
  check 'they were killed' test "$killed" -gt 5
  is 'killed at a call: nothing runs unjailed' "$wrong" 0
else
  skip 'killed at each call' 'strace cannot trace here'
fi
wrong=0
for ((i = 0; i < 60; i++)); do
  "$packed" read data > "$tmp/killed" 2> /dev/null &
  victim=$!
  sleep "0.$(printf %04d $((i * 7)))"
  { kill -KILL "$victim" && wait "$victim"; } 2> /dev/null
  grep -q '^conf ok' "$tmp/killed" && wrong=$((wrong + 1))
done
is 'killed after 0 to 41 ms: nothing runs unjailed' "$wrong" 0
works 'it still runs'
nobody_runs() { ! find /proc -maxdepth 2 -name exe -printf '%l\n' 2> /dev/null | grep -qF "$packed"; }
check 'nobody is left behind' eventually nobody_runs
is 'nothing is left behind' "$(find "$tmp/home" -mindepth 1)" ''

# ---- packing that fails --------------------------------------------------------------------------

mkdir outdir
cd outdir || exit 1
if strace -o /dev/null true 2> /dev/null; then
  for call in write pwrite64 fchmod rename; do
    capture strace -o /dev/null -e "trace=$call" -e "inject=$call:error=ENOSPC:when=1" "$MODJAIL" pack \
      --policy=example.com/conf=confined "$REEXEC"
    like "$call fails while packing: said" "$status $err" '^125 .*No space left'
    is "$call fails while packing: nothing is left behind" "$(ls -A)" ''
  done
else
  skip 'packing that fails' 'strace cannot trace here'
fi
done_testing
