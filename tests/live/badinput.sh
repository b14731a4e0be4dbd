#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Programs and policies that are not what they should be: modjail says so or goes on in order; it neither
# crashes nor hangs, and never lets a confined module do what it may not.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

confine=--policy=example.com/conf=confined
export LIMIT=20

# The last run ended by itself, and if modjail gave up, it said why.
orderly() {
  case $status in
    124) return 1 ;;
    125 | 126 | 127) grep -q '^modjail: ' "$tmp/err" || return 1 ;;
  esac
  ! grep -q 'AddressSanitizer\|runtime error:\|stack smashing' "$tmp/err"
}

# modjail itself must not die of a fault; its exit status may repeat the program's own death, so the
# program runs without modjail first: what kills it there may kill it here.
same_death_or_none() { # CONTROL-STATUS
  case $status in
    132 | 134 | 135 | 136 | 139) [ "$status" -eq "$1" ] ;;
  esac
}

# ---- not Go, or not even a program --------------------------------------------------------------

jailed --no-policy -- /bin/echo hello
is 'an ELF that is not Go, without a policy' "$status/$out" '0/hello'
jailed "$confine" -- /bin/echo hello
is 'an ELF that is not Go, with a policy: does not run' "$status/$out" '126/'
like 'an ELF that is not Go, with a policy: the message' "$err" 'modjail: /bin/echo is not a Go program'

printf '#!/bin/sh\necho script\n' > "$tmp/script" && chmod +x "$tmp/script"
control "$tmp/script"
is 'control: a script' "$status/$out" '0/script'
jailed --no-policy -- "$tmp/script"
is 'a script without a policy' "$status/$out" '0/script'
jailed "$confine" -- "$tmp/script"
is 'a script with a policy: does not run' "$status/$out" '126/'
check 'a script with a policy: orderly' orderly

printf '#!%s/nonesuch\n' "$tmp" > "$tmp/bad-script" && chmod +x "$tmp/bad-script"
jailed "$confine" -- "$tmp/bad-script"
like 'a script whose interpreter is missing' "$status" '^12[67]$'

for content in '' 'x' 'no program at all' $'\177ELF'; do
  printf '%s' "$content" > "$tmp/junk" && chmod +x "$tmp/junk"
  jailed "$confine" -- "$tmp/junk"
  like "a file of ${#content} bytes: refused in order" "$status" '^12[56]$'
  like "a file of ${#content} bytes: the message" "$err" 'modjail: '
done

mkfifo "$tmp/fifo" && chmod +x "$tmp/fifo"
jailed "$confine" -- "$tmp/fifo"
like 'a FIFO does not hang' "$status" '^12[56]$'

# A 32-bit program: its system calls have other numbers; the filter kills it, if the kernel runs it at all.
python3 - "$tmp/elf32" << 'EOF'
import os, struct, sys
code = b"\xb8\x01\0\0\0\xbb\x2a\0\0\0\xcd\x80"  # exit(42)
base = 0x8048000
header = b"\x7fELF\x01\x01\x01" + bytes(9) + struct.pack(
    "<HHIIIIIHHHHHH", 2, 3, 1, base + 84, 52, 0, 0, 52, 32, 1, 0, 0, 0)
program = struct.pack("<IIIIIIII", 1, 0, base, base, 84 + len(code), 84 + len(code), 5, 4096)
with open(sys.argv[1], "wb") as out:
    out.write(header + program + code)
os.chmod(sys.argv[1], 0o755)
EOF
control_exact "$tmp/elf32"
if [ "$status" -eq 42 ]; then
  jailed "$confine" -- "$tmp/elf32"
  check_not '32-bit program: does not run' test "$status" -eq 42
else
  skip '32-bit program: does not run' "this kernel runs no 32-bit programs (status $status)"
  jailed "$confine" -- "$tmp/elf32"
  check_not 'a program for another machine: is not run' test "$status" -eq 42
  check 'a program for another machine: orderly' orderly
fi

# A program that says it is Go and has no tables, as packers leave it: nobody knows on whose behalf it acts.
if command -v "${CC:-cc}" > /dev/null; then
  cat > "$tmp/opaque.c" << 'EOF'
#include <fcntl.h>
__attribute__((section(".go.buildinfo"), aligned(16), used)) static const char info[128] =
	"\xff Go buildinf:\x08\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x06go1.20";
int
main(int argc, char **argv)
{
	return argc > 1 && open(argv[1], O_CREAT | O_WRONLY, 0600) >= 0 ? 0 : 1;
}
EOF
  if "${CC:-cc}" -o "$tmp/opaque" "$tmp/opaque.c" 2> "$tmp/cc.log"; then
    control "$tmp/opaque" "$tmp/by-opaque"
    check 'control: the opaque program creates its file' test -e "$tmp/by-opaque"
    rm -f "$tmp/by-opaque"
    jailed "$confine" -- "$tmp/opaque" "$tmp/by-opaque"
    check_not 'Go without tables: does nothing that somebody may not' test -e "$tmp/by-opaque"
    check 'Go without tables: orderly' orderly
  else
    not_ok 'the opaque program compiles' "$(cat "$tmp/cc.log")"
  fi
else
  skip 'Go without tables' 'no C compiler'
fi

# ---- damaged programs ---------------------------------------------------------------------------

target=$tmp/target
# Runs a damaged probe: whatever it still does, conf does not create the file.
damaged() { # DESCRIPTION FILE
  rm -f "$target"
  control_exact "$2" -by conf "create=$target"
  local before=$status did=no
  if [ -e "$target" ]; then
    did=yes
  fi
  rm -f "$target"
  jailed "$confine" -- "$2" -by conf "create=$target"
  check_not "$1 (works without modjail: $did): conf creates nothing" test -e "$target"
  check "$1: ends in order" orderly
  check "$1: modjail does not crash" same_death_or_none "$before"
}

size=$(stat -c %s "$PROBE")
for cut in 1 63 64 120 4096 65536 $((size / 4)) $((size / 2)) $((size - 4096)) $((size - 1)); do
  head -c "$cut" "$PROBE" > "$tmp/cut" && chmod +x "$tmp/cut"
  damaged "cut off after $cut bytes" "$tmp/cut"
done

# damage.py writes one variant a file, always the same ones, and says what each is.
python3 "$here/damage.py" "$PROBE" "$tmp/damaged" > "$tmp/list"
check 'control: there are damaged programs' test "$(wc -l < "$tmp/list")" -ge 40
while IFS=$'\t' read -r file what; do
  damaged "$what" "$file"
done < "$tmp/list"

# Harmless to the program, and to modjail as well: section headers are for tools.
cp "$PROBE" "$tmp/no-sections"
printf '\0\0\0\0\0\0\0\0' | dd of="$tmp/no-sections" bs=1 seek=40 conv=notrunc status=none
printf '\0\0\0\0\0\0' | dd of="$tmp/no-sections" bs=1 seek=58 conv=notrunc status=none
rm -f "$target"
jailed "$confine" -- "$tmp/no-sections" -by conf "create=$target"
is 'no section headers: conf is still found' "$out" 'create errno=EPERM'
rm -f "$target"
jailed "$confine" -- "$tmp/no-sections" -by main "create=$target"
is 'no section headers: main still works' "$out" 'create ok'

# ---- damaged policies ---------------------------------------------------------------------------

bad_gomod() { # DESCRIPTION CONTENT MESSAGE-REGEX: modjail names file and line, and the program does not run
  rm -f "$target"
  printf '%b' "$2" > "$tmp/go.mod"
  jailed --go-mod="$tmp/go.mod" -- "$PROBE" -by main "create=$target"
  is "$1: status" "$status" 125
  like "$1: the message" "$err" "$3"
  check_not "$1: the program does not run" test -e "$target"
}

good='module example.com/mjtests\n\ngo 1.19\n\n'
printf '%b' "${good}require example.com/conf v0.0.0 // gomodjail:confined\n" > "$tmp/go.mod"
rm -f "$target"
jailed --go-mod="$tmp/go.mod" -- "$PROBE" -by main "create=$target"
is 'control: a go.mod without a fault' "$status/$out" '0/create ok'

bad_gomod 'a go.mod without a policy' "${good}require example.com/conf v0.0.0\n" 'go\.mod sets no policy'
bad_gomod 'unknown policy' "${good}require example.com/conf v0.0.0 // gomodjail:cofined\n" 'go\.mod:5: .*cofined'
bad_gomod 'an unclosed block' "${good}require (\n\texample.com/conf v0.0.0\n" 'go\.mod:[0-9]+: '
bad_gomod 'a require line without a version' "${good}require example.com/conf // gomodjail:confined\n" 'go\.mod:5: '
bad_gomod 'an unclosed quote' "${good}require \"example.com/conf v0.0.0 // gomodjail:confined\n" 'go\.mod:5: '
bad_gomod 'no go.mod at all' '\001\002\003 binary \377\n' 'go\.mod:1: '

head -c 70000000 /dev/zero > "$tmp/huge.mod"
jailed --go-mod="$tmp/huge.mod" -- "$PROBE" uname
is 'an enormous go.mod' "$status" 125
jailed --go-mod="$tmp" -- "$PROBE" uname
is 'a folder as go.mod' "$status" 125

done_testing
