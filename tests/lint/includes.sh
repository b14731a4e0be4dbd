#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Lints of the C sources, as TAP: who includes whom (docs/ARCHITECTURE.md), headers that stand alone, format.
set -u
cd "$(dirname "$0")/../.." || exit 1
n=0
failed=0

result() { # DESCRIPTION PROBLEMS: passes if there are none
  n=$((n + 1))
  if [ -z "$2" ]; then
    printf 'ok %d - %s\n' "$n" "$1"
  else
    failed=1
    printf 'not ok %d - %s\n' "$n" "$1"
    printf '%s\n' "$2" | sed 's/^/#   /'
  fi
}

may_include() { # FOLDER: the folders that it may include, besides itself
  case $1 in
    common) echo '' ;;
    policy | symbolizer | pack) echo 'common' ;;
    preload) echo 'policy common' ;;
    supervisor) echo 'preload symbolizer policy common' ;;
    doctor) echo 'preload symbolizer policy common' ;;
    cli) echo 'doctor supervisor preload symbolizer policy pack common' ;;
  esac
}

folders='common pack policy symbolizer preload supervisor doctor cli'

# One line per include of the project's headers, quoted or not, of a folder: FILE:LINE:TARGET
includes_of() {
  grep -nHE "^[[:space:]]*#[[:space:]]*include[[:space:]]*(\"|<(${folders// /|})/)" "$1"/*.[ch] 2> /dev/null |
    sed 's/^\([^:]*:[0-9]*\):[^"<]*["<]\([^">]*\)[">].*/\1:\2/'
}

# What a command says if it fails.
complaints() { # COMMAND...
  local said
  said=$("$@" 2>&1) || printf '%s\n' "${said:-failed: $*}" | head -n 5
}

for folder in $folders; do
  allowed=" $folder $(may_include "$folder") "
  problems=$(includes_of "$folder" | while IFS=: read -r file line target; do
    owner=${target%%/*}
    case $target in
      */*) ;;
      *)
        echo "$file:$line: \"$target\" names no folder"
        continue
        ;;
    esac
    case $allowed in
      *" $owner "*) ;;
      *) echo "$file:$line: $folder/ may not include $owner/" ;;
    esac
    if [ "$owner" != "$folder" ] && [ "$owner" != common ] && [ "$target" != "$owner/$owner.h" ]; then
      echo "$file:$line: \"$target\" is private to $owner/"
    fi
  done)
  result "$folder/ includes only what it may" "$problems"
done
# The greps above find includes at all, or they prove nothing.
result 'the lint sees includes' "$([ "$(includes_of supervisor | wc -l)" -gt 0 ] || echo 'none found in supervisor/')"

# What is not here must not pass for what is fine.
lacks() { # COMMAND DESCRIPTION
  command -v "$1" > /dev/null && return 1
  n=$((n + 1))
  echo "ok $n - $2 # SKIP $1 is not installed"
}

for cc in gcc clang; do
  lacks "$cc" "headers compile alone with $cc" && continue
  for header in $(for folder in $folders; do ls "$folder"/*.h 2> /dev/null; done); do
    result "$header compiles alone with $cc" "$(complaints "$cc" -std=gnu17 -D_GNU_SOURCE -I. -Wall -Wextra \
      -Werror -fsyntax-only -include "$header" -x c /dev/null)"
  done
done

if ! lacks clang-format 'sources are formatted'; then
  for file in $(git ls-files -co --exclude-standard '*.c' '*.h' 2> /dev/null || find . -name '*.[ch]' -not -path './build*'); do
    [ -e "$file" ] || continue
    result "$file is formatted" "$(complaints clang-format --dry-run -Werror "$file")"
  done
fi

for script in scripts/* tests/live/*.sh tests/package/*.sh tests/lint/*.sh tests/programs/build.sh .ci/run; do
  [ "$(head -c 2 "$script")" = '#!' ] || [ "${script##*.}" = sh ] || continue
  head -n 1 "$script" | grep -q python && continue
  result "$script parses" "$(complaints bash -n "$script")"
done

# gofmt stands beside go, which need not be in PATH.
go=$(command -v gofmt /usr/local/go/bin/gofmt /usr/lib/go-*/bin/gofmt | head -n 1)
if ! lacks "${go:-gofmt}" 'Go programs are formatted'; then
  result 'Go programs are formatted' "$("$go" -l tests/programs examples bench 2>&1)"
fi

echo "1..$n"
exit "$failed"
