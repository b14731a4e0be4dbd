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
    policy | symbolizer) echo 'common' ;;
    preload) echo 'policy common' ;;
    supervisor) echo 'preload symbolizer policy common' ;;
    cli) echo 'supervisor preload symbolizer policy common' ;;
  esac
}

folders='common policy symbolizer preload supervisor cli'

# One line per quoted include of a folder: FILE:LINE:TARGET
includes_of() {
  grep -nHE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$1"/*.[ch] 2> /dev/null |
    sed 's/^\([^:]*:[0-9]*\):[^"]*"\([^"]*\)".*/\1:\2/'
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
    if [ "$owner" != "$folder" ] && [ "$target" != "$owner/$owner.h" ]; then
      echo "$file:$line: \"$target\" is private to $owner/"
    fi
  done)
  result "$folder/ includes only what it may" "$problems"
done
# The greps above find includes at all, or they prove nothing.
result 'the lint sees includes' "$([ "$(includes_of supervisor | wc -l)" -gt 0 ] || echo 'none found in supervisor/')"

cc=${CC:-cc}
if command -v "${cc%% *}" > /dev/null; then
  for header in $(for folder in $folders; do ls "$folder"/*.h 2> /dev/null; done); do
    # shellcheck disable=SC2086 # CC may hold options
    problems=$(printf '#include "%s"\n' "$header" |
      $cc -std=gnu17 -D_GNU_SOURCE -I. -Wall -Wextra -Werror -fsyntax-only -x c - 2>&1)
    result "$header compiles alone" "$problems"
  done
else
  n=$((n + 1))
  echo "ok $n - headers compile alone # SKIP no C compiler called $cc"
fi

if command -v clang-format > /dev/null; then
  for file in $(git ls-files -co --exclude-standard '*.c' '*.h' 2> /dev/null || find . -name '*.[ch]' -not -path './build*'); do
    [ -e "$file" ] || continue
    result "$file is formatted" "$(clang-format --dry-run -Werror "$file" 2>&1 | grep -E 'error|warning' | head -n 3)"
  done
else
  n=$((n + 1))
  echo "ok $n - sources are formatted # SKIP clang-format is not installed"
fi

for script in scripts/* tests/live/*.sh tests/lint/*.sh tests/programs/build.sh .ci/run; do
  [ "$(head -c 2 "$script")" = '#!' ] || [ "${script##*.}" = sh ] || continue
  head -n 1 "$script" | grep -q python && continue
  result "$script parses" "$(bash -n "$script" 2>&1)"
done

if command -v gofmt > /dev/null; then
  result 'Go programs are formatted' "$(gofmt -l tests/programs examples)"
else
  n=$((n + 1))
  echo "ok $n - Go programs are formatted # SKIP gofmt is not in PATH"
fi

echo "1..$n"
exit "$failed"
