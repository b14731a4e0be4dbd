#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What `meson install` puts where, and that completions know every command, option and value that --help does. Reads,
# besides what lib.sh reads, BUILD (the build folder).
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

: "${BUILD:?BUILD must name the build folder}"
MESON=$(command -v meson) || MESON=
source_folder=$(cd "$here/../.." && pwd)

info() { # EXPRESSION over o, what meson knows of the project
  "$MESON" introspect "$BUILD" --projectinfo | python3 -c "import json, sys; o = json.load(sys.stdin); print($1)"
}

# The options of a command as its --help has them, without what they take.
options_of() { # COMMAND
  "$MODJAIL" "$1" --help | sed -nE 's/^ +(-[A-Za-z?], +)?(--[a-z][a-z-]*).*/\2/p' | sort -u
}

if [ -z "$MESON" ]; then
  skip 'meson install' 'meson is not in PATH'
  done_testing
fi

# ---- files ---------------------------------------------------------------------------------------

capture env DESTDIR="$tmp/root" "$MESON" install -C "$BUILD" --no-rebuild --quiet
is 'meson install succeeds' "$status" 0
prefix=$("$MESON" introspect "$BUILD" --buildoptions | python3 -c 'import json, sys
print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"))')
root=$tmp/root$prefix
for file in bin/modjail share/man/man1/modjail.1 share/man/man5/modjail.yaml.5 share/modjail/modjail.schema.json \
  share/bash-completion/completions/modjail share/zsh/site-functions/_modjail \
  share/fish/vendor_completions.d/modjail.fish; do
  check "installed: $file" test -s "$root/$file"
done
is 'nothing beside the prefix' "$(find "$tmp/root" -type f -not -path "$root/*")" ''
is 'nothing of the build is in what is installed as text' "$(grep -rlF "$BUILD" "$root/share" || true)" ''
check 'the schema is that of the sources' cmp "$root/share/modjail/modjail.schema.json" \
  "$source_folder/docs/modjail.schema.json"
is 'the one that is installed says the version of the project' "$("$root/bin/modjail" --version)" \
  "modjail $(info 'o["version"]')"
if [ -e "$source_folder/debian/changelog" ]; then
  is 'and so does the Debian package' "$(sed -n '1s/^modjail (\([0-9.]*\).*/\1/p' "$source_folder/debian/changelog")" \
    "$(info 'o["version"]')"
fi
capture "$root/bin/modjail" run --policy=example.com/conf=confined -- "$PROBE" -by conf uname
is 'the one that is installed jails' "$status/${out%% Linux}" '0/uname ok'

# ---- completions: every command and option of --help ------------------------------------------------

commands=$("$MODJAIL" --help | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p')
check 'there are commands' test "$(wc -w <<< "$commands")" -ge 4
bash_file=$root/share/bash-completion/completions/modjail
zsh_file=$root/share/zsh/site-functions/_modjail
fish_file=$root/share/fish/vendor_completions.d/modjail.fish

# What bash completes, a word a line; the words as bash breaks them.
complete_bash() { # WORD...
  bash -c '. "$1"; shift
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_WORDBREAKS=$'\'' \t\n"><=;|&(:'\''
    _modjail && printf "%s\n" "${COMPREPLY[@]}"' complete "$bash_file" "$MODJAIL" "$@"
}
# What fish and zsh complete behind each of some lines, into a file: the line behind "== ", then what is offered.
complete_fish() { # LINE...
  PATH=$(dirname "$MODJAIL"):$PATH HOME=$tmp XDG_CONFIG_HOME=$tmp/fish XDG_DATA_HOME=$tmp/fish \
    fish --no-config -c 'source $argv[1]; for line in $argv[2..]; echo "== $line"; complete --do-complete="$line"; end' \
    "$fish_file" "$@" | cut -f 1 > "$tmp/fish.out"
}
complete_zsh() { # LINE...
  python3 "$here/zsh_complete.py" "$(dirname "$zsh_file")" "$(dirname "$MODJAIL")" "$@" > "$tmp/zsh.out"
}
offered() { # FILE LINE
  awk -v line="== $2" '/^== / { inside = $0 == line; next } inside' "$tmp/$1"
}
# The words of $2 that are not among the lines of $1; a value's = is no part of an option.
lacking() {
  comm -13 <(sed 's/=$//' <<< "$1" | sort -u) <(tr ' ' '\n' <<< "$2" | sort -u) | tr '\n' ' '
}

# The words of $2 that do not stand in the text $1.
not_in() {
  local word
  for word in $2; do
    grep -qE -- "(^|[^a-zA-Z-])$word([^a-zA-Z-]|$)" <<< "$1" || printf '%s ' "$word"
  done
}

have() { # SHELL: whether it is there; a skip if not
  command -v "$1" > /dev/null || { skip "completions of $1" "$1 is not installed"; return 1; }
}

is 'bash: all commands' "$(lacking "$(complete_bash '')" "$commands")" ''
for command in $commands; do
  options=$(options_of "$command" | tr '\n' ' ')
  check "$command has options" test -n "$options"
  is "bash: all options of $command" "$(lacking "$(complete_bash "$command" --)" "${options% }")" ''
done
is 'bash: values' "$(complete_bash run --on-deny '=' | tr '\n' ' ')" 'errno kill log '
is 'bash: a value as a word of its own' "$(complete_bash run --log-format j)" json
is 'bash: a policy behind its module' "$(complete_bash run --policy '=' a.org/b '=' c)" confined
touch "$tmp/file.yaml"
is 'bash: files' "$(complete_bash run --policy-file '=' "$tmp/fil")" "$tmp/file.yaml"
is 'bash: what policy can do' "$(complete_bash policy '' | tr '\n' ' ')" 'show check explain caps schema '
is 'bash: system calls' "$(complete_bash policy explain a.org/b opena | tr '\n' ' ')" 'openat openat2 '
is 'bash: no options behind the program' "$(complete_bash run ./prog --on)" ''

option_lines=()
for command in $commands; do
  option_lines+=("modjail $command --")
done

if have fish; then
  complete_fish 'modjail ' "${option_lines[@]}" 'modjail run --on-deny ' "modjail run --policy-file $tmp/fil" \
    'modjail policy explain a.org/b opena' 'modjail run -- ./prog --on'
  is 'fish: all commands' "$(lacking "$(offered fish.out 'modjail ')" "$commands")" ''
  for command in $commands; do
    is "fish: all options of $command" "$(lacking "$(offered fish.out "modjail $command --")" "$(options_of "$command")")" ''
  done
  is 'fish: values' "$(offered fish.out 'modjail run --on-deny ' | tr '\n' ' ')" 'errno kill log '
  is 'fish: files' "$(offered fish.out "modjail run --policy-file $tmp/fil")" "$tmp/file.yaml"
  is 'fish: system calls' "$(offered fish.out 'modjail policy explain a.org/b opena' | tr '\n' ' ')" 'openat openat2 '
  is 'fish: no options behind the program' "$(offered fish.out 'modjail run -- ./prog --on')" ''
fi

if have zsh; then
  complete_zsh 'modjail ' "${option_lines[@]}" 'modjail run --on-deny=' 'modjail policy explain a.org/b openat'
  is 'zsh: all commands' "$(not_in "$(offered zsh.out 'modjail ')" "$commands")" ''
  for command in $commands; do
    is "zsh: all options of $command" "$(not_in "$(offered zsh.out "modjail $command --")" "$(options_of "$command")")" ''
  done
  is 'zsh: values' "$(not_in "$(offered zsh.out 'modjail run --on-deny=')" 'errno kill log')" ''
  is 'zsh: system calls' "$(not_in "$(offered zsh.out 'modjail policy explain a.org/b openat')" openat2)" ''
fi
done_testing
