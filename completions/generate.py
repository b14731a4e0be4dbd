#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the completions of a shell from what modjail's own --help says: generate.py MODJAIL bash|zsh|fish.

The help is argp's, made from the tables that parse the command line, so that an option, a value or a command that
is added there is completed without a change here. What a value is follows from how the help calls it: FILE is a
file, PROG a program, "a|b" the words a and b; of what is called otherwise nothing is completed."""
import dataclasses, os, re, subprocess, sys

FILES = {"FILE", "RECORDS", "PATH", "SOCKET", "IMAGE", "OUTPUT"}
FOLDERS = {"FOLDER", "DIR", "DIRECTORY"}
PROGRAMS = {"PROG", "BINARY", "PROGRAM"}
POLICIES = ("confined", "unconfined") # of --policy=MODULE=POLICY


@dataclasses.dataclass
class Value:
    name: str # as the help calls it
    optional: bool = False

    @property
    def kind(self):
        if self.name == "MODULE=POLICY":
            return "policy"
        if self.choices:
            return "choices"
        return next((kind for names, kind in ((FILES, "file"), (FOLDERS, "folder"), (PROGRAMS, "program"))
                     if self.name in names), "other")

    @property
    def choices(self):
        """Of "N|off" and "errno|kill|log" the words that are written as they stand."""
        return [word for word in self.name.split("|") if re.fullmatch(r"[a-z][a-z0-9-]*", word)]


@dataclasses.dataclass
class Option:
    name: str # without --
    short: str # or ""
    value: Value # or None
    text: str


@dataclasses.dataclass
class Command:
    name: str
    text: str
    options: list
    words: list # what the first argument can be, if it is one of a few words
    runs: bool # whether its arguments are a program and that program's own


# The width keeps each option and its text in one line (ARGP_HELP_FMT: glibc manual, "Argp User Customization").
ENVIRONMENT = {**os.environ, "LC_ALL": "C", "ARGP_HELP_FMT": "rmargin=4000,opt-doc-col=80"}
OPTION = re.compile(r"^ +(?:-([A-Za-z?]), *)?--([a-z][a-z0-9-]*)(?:(\[)?=([^\s\]]+)\]?)?(?: +(.*))?$")


def read_help(modjail, *command):
    return subprocess.run([modjail, *command, "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env=ENVIRONMENT, check=True).stdout


def read_option(line):
    match = OPTION.match(line)
    if not match:
        return None
    short, name, bracket, value, text = match.groups()
    return Option(name, "" if short in (None, "?") else short, Value(value, bool(bracket)) if value else None,
                  (text or "").strip())


def read_command(modjail, name, text):
    lines = read_help(modjail, name).splitlines()
    usage = lines[0]
    options = [option for option in map(read_option, lines) if option]
    words = next((word.split("|") for word in usage.split() if re.fullmatch(r"[a-z-]+(\|[a-z-]+)+", word)), [])
    return Command(name, text, options, words, bool(re.search(r"\bPROG \[ARG", usage)))


def read_commands(modjail):
    lines = read_help(modjail).splitlines()
    found = [re.match(r"^  ([a-z][a-z-]*) +(\S.*)$", line) for line in lines]
    own = [option for option in map(read_option, lines) if option]
    commands = [read_command(modjail, *match.groups()) for match in found if match]
    if not commands or not own or not all(command.options for command in commands):
        sys.exit("generate.py: the help of modjail cannot be understood")
    return commands, own


HEADER = "SPDX-License-Identifier: Apache-2.0\n# Written by completions/generate.py from modjail's --help.\n"

# ---- bash --------------------------------------------------------------------------------------------------

BASH = r'''# %(header)s
# What may follow an option as its value, completed: _modjail_value COMMAND OPTION CURRENT; fails if it takes none.
_modjail_value() {
  case "$1 $2" in
%(values)s
    *) return 1 ;;
  esac
}

_modjail_policies() { # MODULE=...: only behind the module's name something is known
  [[ $1 == *=* ]] && mapfile -t COMPREPLY < <(compgen -P "${1%%=*}=" -W '%(policies)s' -- "${1##*=}")
  return 0
}

_modjail_files() { # CURRENT COMPGEN-OPTION
  compopt -o filenames 2> /dev/null
  mapfile -t COMPREPLY < <(compgen "$2" -- "$1")
}

_modjail_calls() { # the system calls, and what people write behind them
  "$modjail" policy caps --calls 2> /dev/null | sed -n 's/^    \([a-z0-9_]*\).*/\1/p' | sort -u
}

_modjail_options() { # COMMAND: those that take a value end in =
  case $1 in
%(options)s
  esac
}

_modjail_words() { # COMMAND: what its first argument can be
  case $1 in
%(words)s
    *) return 1 ;;
  esac
}

_modjail_runs() { # COMMAND: whether its arguments are a command line
  case $1 in
    %(runs)s) return 0 ;;
    *) return 1 ;;
  esac
}

# bash breaks words at '=' (COMP_WORDBREAKS). Puts those of options and their values together again in words, and
# where each began in COMP_WORDS into at.
_modjail_join() {
  local i word before joined=no
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    before=''
    ((${#words[@]} > 2)) && before=${words[-2]}
    if ((i > 0)) && { [ "$joined" = yes ] || [[ $word == =* && (${words[-1]} == --* || $before == --policy) ]]; }; then
      words[-1]+=$word
    else
      words+=("$word")
      at+=("$i")
    fi
    joined=no
    [[ $word == '=' && (${words[-1]} == --*= || $before == --policy) ]] && joined=yes
  done
}

_modjail() {
  local cur command='' words=() at=() i arguments=0 first='' modjail=${COMP_WORDS[0]}
  COMPREPLY=()
  _modjail_join
  cur=${words[-1]}
  for ((i = 1; i < ${#words[@]} - 1; i++)); do
    if [ -z "$command" ]; then
      command=${words[i]}
    elif [ "${words[i]}" = -- ] && _modjail_runs "$command"; then
      ((i++))
      arguments=1
      break
    elif [[ ${words[i]} == -* ]]; then
      # The next word may be its value.
      [[ ${words[i]} != *=* ]] && _modjail_takes "$command" "${words[i]}" && ((i++))
    else
      ((arguments++))
      [ -n "$first" ] || first=${words[i]}
      _modjail_runs "$command" && break
    fi
  done
  if [ -z "$command" ]; then
    mapfile -t COMPREPLY < <(compgen -W '%(commands)s' -- "$cur")
  elif _modjail_runs "$command" && ((arguments > 0)); then
    ((i < ${#words[@]})) || i=$((${#words[@]} - 1))
    if declare -F _command_offset > /dev/null; then
      _command_offset "${at[i]}"
    elif ((i == ${#words[@]} - 1)); then
      compopt -o filenames 2> /dev/null
      mapfile -t COMPREPLY < <(compgen -c -- "$cur"; compgen -f -- "$cur")
    else
      _modjail_files "$cur" -f
    fi
  elif [[ $cur == --*=* ]]; then
    _modjail_value "$command" "${cur%%%%=*}" "${cur#*=}"
    [[ $COMP_WORDBREAKS == *=* ]] || COMPREPLY=("${COMPREPLY[@]/#/${cur%%%%=*}=}")
    [[ $COMP_WORDBREAKS == *=* && ${cur#*=} == *=* ]] && COMPREPLY=("${COMPREPLY[@]##*=}")
  elif [[ $cur != -* ]] && ((${#words[@]} > 3)) && _modjail_takes "$command" "${words[-2]}"; then
    _modjail_value "$command" "${words[-2]}" "$cur"
    [[ $COMP_WORDBREAKS == *=* && $cur == *=* ]] && COMPREPLY=("${COMPREPLY[@]##*=}")
  elif [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_modjail_options "$command")" -- "$cur")
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2> /dev/null
  elif ((arguments == 0)) && _modjail_words "$command" > /dev/null; then
    mapfile -t COMPREPLY < <(compgen -W "$(_modjail_words "$command")" -- "$cur")
  elif [ "$command $first" = 'policy explain' ]; then
    ((arguments == 2)) && mapfile -t COMPREPLY < <(compgen -W "$(_modjail_calls)" -- "$cur")
  else
    compopt -o filenames 2> /dev/null
    mapfile -t COMPREPLY < <(_modjail_runs "$command" && compgen -c -- "$cur"; compgen -f -- "$cur")
  fi
  return 0
}

# Whether an option takes the next word as its value.
_modjail_takes() { # COMMAND OPTION
  case "$1 $2" in
%(takes)s
    *) return 1 ;;
  esac
}

complete -F _modjail modjail
'''


def bash_value(value):
    return {"file": '_modjail_files "$3" -f', "folder": '_modjail_files "$3" -d', "program": '_modjail_files "$3" -f',
            "policy": '_modjail_policies "$3"', "other": ":",
            "choices": f"mapfile -t COMPREPLY < <(compgen -W '{' '.join(value.choices)}' -- \"$3\")"}[value.kind]


def names_of(command, option):
    return [f"'{command.name} --{option.name}'"] + ([f"'{command.name} -{option.short}'"] if option.short else [])


def bash(commands, own):
    valued = [(c, o) for c in commands for o in c.options if o.value]
    return BASH % {
        "header": HEADER,
        "values": "\n".join(f"    {' | '.join(names_of(c, o))}) {bash_value(o.value)} ;;" for c, o in valued),
        "takes": "\n".join(f"    {' | '.join(names_of(c, o))}) return 0 ;;" for c, o in valued if not o.value.optional),
        "policies": " ".join(POLICIES),
        "options": "\n".join("    {}) echo '{}' ;;".format(c.name, " ".join(
            f"--{o.name}" + ("=" if o.value and not o.value.optional else "") for o in c.options)) for c in commands),
        "words": "\n".join(f"    {c.name}) echo '{' '.join(c.words)}' ;;" for c in commands if c.words),
        "runs": " | ".join(c.name for c in commands if c.runs),
        "commands": " ".join([c.name for c in commands] + [f"--{o.name}" for o in own]),
    }


# ---- zsh ---------------------------------------------------------------------------------------------------

def zsh_text(text):
    return text.replace("\\", "\\\\").replace("'", "'\\''").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")


def zsh_value(value):
    action = {"file": "_files", "folder": "_files -/", "program": "_files -g \"*(-*)\"", "policy": "_modjail_policies",
              "other": " ", "choices": "(" + " ".join(value.choices) + ")"}[value.kind]
    return f"{':' * (1 + value.optional)}{zsh_text(value.name)}:{action}"


def zsh_option(option):
    text = f"[{zsh_text(option.text)}]"
    several = "*" if "several" in option.text or option.name == "policy" else ""
    value = zsh_value(option.value) if option.value else ""
    spec = f"'{several}--{option.name}{'=-' if option.value and option.value.optional else '=' if option.value else ''}{text}{value}'"
    return [spec] + ([f"'-{option.short}{'+' if option.value else ''}{text}{value}'"] if option.short else [])


def zsh_command(command):
    specs = [spec for option in command.options for spec in zsh_option(option)]
    if command.runs:
        specs += ["'(-)1:program:_command_names -e'", "'*::arguments: _normal'"]
    elif command.name == "policy":
        specs += [f"'1:what:({' '.join(command.words)})'", "'*::argument:_modjail_policy_argument'"]
    elif command.words:
        specs += [f"'1:what:({' '.join(command.words)})'", "'*:file:_files'"]
    else:
        specs += ["'*:file:_files'"]
    return f"    {command.name})\n      _arguments -S " + " \\\n        ".join(specs) + "\n      ;;\n"


ZSH = r'''#compdef modjail
# %(header)s
_modjail_policies() {
  if compset -P '*='; then
    compadd -- %(policies)s
  else
    _message 'MODULE=POLICY'
  fi
}

_modjail_policy_argument() {
  local -a calls
  if [[ $words[1] != explain ]]; then
    _files
  elif ((CURRENT == 2)); then
    _message 'module'
  elif ((CURRENT == 3)); then
    calls=(${(fu)"$(_call_program calls modjail policy caps --calls 2> /dev/null | sed -n 's/^    \([a-z0-9_]*\).*/\1/p')"})
    compadd -a calls
  fi
}

_modjail() {
  local curcontext=$curcontext state line ret=1
  local -a commands
  commands=(
%(commands)s
  )
  _arguments -C %(own)s '1:command:->command' '*::argument:->argument' && ret=0
  case $state in
  command)
    _describe -t commands 'modjail command' commands && ret=0
    ;;
  argument)
    curcontext=${curcontext%%:*}-$words[1]:
    case $words[1] in
%(cases)s    esac && ret=0
    ;;
  esac
  return ret
}

if [ "$funcstack[1]" = _modjail ]; then
  _modjail "$@"
else
  compdef _modjail modjail
fi
'''


def zsh(commands, own):
    return ZSH % {
        "header": HEADER,
        "policies": " ".join(POLICIES),
        "commands": "\n".join(f"    '{c.name}:{zsh_text(c.text)}'" for c in commands),
        "own": " ".join(f"'(- *)--{o.name}[{zsh_text(o.text)}]'" for o in own),
        "cases": "".join(map(zsh_command, commands)),
    }


# ---- fish --------------------------------------------------------------------------------------------------

def fish_text(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def fish_option(command, option):
    line = f"complete -c modjail -n '__modjail_in {command.name}' -l {option.name}"
    line += f" -s {option.short}" if option.short else ""
    value = option.value
    if value and value.kind in ("file", "program"):
        line += " -r -F"
    elif value and value.kind == "folder":
        line += " -x -a '(__fish_complete_directories)'"
    elif value and value.kind == "policy":
        line += " -x -a '(__modjail_policies)'"
    elif value and value.kind == "choices":
        line += f" {'-f' if value.optional else '-x'} -a {fish_text(' '.join(value.choices))}"
    elif value:
        line += " -x"
    return line + f" -d {fish_text(option.text)}"


def fish_command(command):
    lines = [fish_option(command, option) for option in command.options]
    at = f"complete -c modjail -n '__modjail_in {command.name}"
    if command.words:
        lines.append(f"{at}; and not __fish_seen_subcommand_from {' '.join(command.words)}' -f -a {fish_text(' '.join(command.words))}")
    elif command.runs:
        lines.append(f"complete -c modjail -n '__modjail_runs {command.name}' -x -a '(__modjail_program)'")
    else:
        lines.append(f"{at}' -F")
    if "explain" in command.words:
        files = " ".join(word for word in command.words if word != "explain")
        lines += [f"{at}; and __fish_seen_subcommand_from {files}' -F",
                  f"{at}; and __fish_seen_subcommand_from explain' -f -a '(__modjail_calls)' -d 'system call'"]
    return lines


FISH = r'''# %(header)s
# The words of the command line behind modjail, without options and their values; of run and alike, up to PROG.
function __modjail_words
    set -l tokens (commandline -opc)
    set -e tokens[1]
    set -l takes %(takes)s
    set -l skip 0
    for token in $tokens
        if test $skip = 1
            set skip 0
        else if test "$token" = --
            printf '%%s\n' $token
        else if string match -q -- '-*' $token
            contains -- $token $takes; and set skip 1
        else
            printf '%%s\n' $token
        end
    end
end

# Whether the options of a command are asked for: of those that run a program, only in front of it.
function __modjail_in
    set -l words (__modjail_words)
    test (count $words) -ge 1; and test "$words[1]" = $argv[1]; or return 1
    contains -- $argv[1] %(runs)s; and test (count $words) -ge 2; and return 1
    return 0
end

function __modjail_runs
    set -l words (__modjail_words)
    test (count $words) -ge 1; and test "$words[1]" = $argv[1]
end

# What the program completes for itself, or programs.
function __modjail_program
    set -l tokens (commandline -opc) (commandline -ct)
    set -l words (__modjail_words)
    set -q words[2]; and test "$words[2]" = --; and set -e words[2]
    if set -q words[2]
        set -l at (contains -i -- $words[2] $tokens)
        set -l line (string join ' ' -- (string escape -- $tokens[$at..-2]) (commandline -ct))
        complete --do-complete="$line"
    else
        set -l word (commandline -ct)
        complete --do-complete="$word"
    end
end

function __modjail_policies
    set -l module (string replace -r '^--policy=' '' -- (commandline -ct) | string replace -r '=[^=]*$' '')
    string match -q -- '*=*' (string replace -r '^--policy=' '' -- (commandline -ct)); or return
    for word in %(policies)s
        echo $module=$word
    end
end

function __modjail_calls
    modjail policy caps --calls 2>/dev/null | sed -n 's/^    \([a-z0-9_]*\).*/\1/p' | sort -u
end

complete -c modjail -f
%(own)s
%(commands)s
%(lines)s
'''


def fish(commands, own):
    alone = "test (count (__modjail_words)) = 0"
    takes = sorted({name for c in commands for o in c.options if o.value and not o.value.optional
                    for name in ["--" + o.name] + (["-" + o.short] if o.short else [])})
    return FISH % {
        "header": HEADER,
        "takes": " ".join(takes),
        "runs": " ".join(c.name for c in commands if c.runs),
        "policies": " ".join(POLICIES),
        "own": "\n".join(f"complete -c modjail -n '{alone}' -l {o.name} -d {fish_text(o.text)}" for o in own),
        "commands": "\n".join(f"complete -c modjail -n '{alone}' -a {c.name} -d {fish_text(c.text)}" for c in commands),
        "lines": "\n".join(line for c in commands for line in fish_command(c)),
    }


def main():
    shells = {"bash": bash, "zsh": zsh, "fish": fish}
    if len(sys.argv) != 3 or sys.argv[2] not in shells:
        sys.exit("usage: generate.py MODJAIL bash|zsh|fish")
    sys.stdout.write(shells[sys.argv[2]](*read_commands(sys.argv[1])))


main()
