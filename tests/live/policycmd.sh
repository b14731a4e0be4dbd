#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# modjail policy show, check, explain and caps: what they say of a program, their exit statuses, and that what
# explain says is what happens under modjail run. And --policy-file of run: errors, hints.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

policy() { # ARG...
  capture "$MODJAIL" policy "$@"
}

# What the JSON object on standard output comes to, by a Python expression over o.
json() { # EXPRESSION
  python3 -c 'import json, sys
o = json.load(open(sys.argv[1]))
print(eval(sys.argv[2]))' "$tmp/out" "$1" 2>&1
}

cat > good.yaml << 'YAML'
version: 1
program: example.com/mjtests
modules:
  example.com/conf: [confined, FILES/READ, inotify_init1]
  gopkg.in/yaml.v3: confined
YAML
cat > ways.yaml << 'YAML'
version: 1
default: confined
modules:
  example.com/conf:
    allow:
      - FILES/WRITE
      - truncate
YAML
cat > clean.yaml << 'YAML'
version: 1
default: confined
modules:
  example.com/conf: [FILES/READ]
YAML
cat > bad.yaml << 'YAML'
version: 1
modules:
  example.com/conf: [FILES/REED]
  gopkg.in/yaml.v3: confinned
YAML
sed 's/mjtests/others/' good.yaml > other.yaml
sed 's/example.com\/conf:/example.com\/cnof:/' clean.yaml > absent.yaml
printf 'module example.com/mjtests\n\nrequire example.com/conf v0.0.0 // gomodjail:confined\n' > go.mod

# ---- caps ----------------------------------------------------------------------------------------

policy caps
is 'caps: status' "$status" 0
like 'caps: a way out is marked' "$out" $'FILES/WRITE +! open files'
check_not 'caps: reading is not' grep -q '^FILES/READ *!' "$tmp/out"
policy caps --calls
like 'caps --calls: conditions in words' "$out" 'openat\(O_RDONLY without O_CREAT\|O_TRUNC'
policy caps --json
is 'caps --json: an object with all' "$(json '[c["name"] for c in o["capabilities"] if c["escape"]][0]')" FILES/WRITE
policy caps --markdown
like 'caps --markdown: a page' "$out" '^# Capabilities'

# ---- show ----------------------------------------------------------------------------------------

policy --policy-file=good.yaml show
is 'show: status' "$status" 0
like 'show: a rule and its line' "$out" 'example.com/conf: \[confined, FILES/READ, inotify_init1\] +# good.yaml:4:'
policy --policy-file=good.yaml --policy=example.com/conf=unconfined show
like 'show: the command line beats the file' "$out" 'example.com/conf: unconfined +# --policy'
policy --go-mod=go.mod show
like 'show: go.mod' "$out" 'example.com/conf: confined +# go.mod:3'
policy --go-mod=go.mod --policy-file=good.yaml show "$PROBE"
like 'show PROG: the file beats go.mod' "$out" 'example.com/conf: \[confined.* +# good.yaml:4:'
like 'show PROG: all modules of it' "$out" $'example.com/mjtests: unconfined'
policy --policy-file=good.yaml --json show "$PROBE"
is 'show --json: an item and its column' \
  "$(json '["{word} {file}:{line}:{column}".format(**m["items"][1]) for m in o["modules"] if m["module"] == "example.com/conf"][0]')" \
  'FILES/READ good.yaml:4:32'
policy --policy-file=clean.yaml show --plan
like 'show --plan: what is free' "$out" 'free[^:]*: read write close'
like 'show --plan: what is notified' "$out" 'always notified:.* socket connect'
printf 'version: 1\nmodules:\n  example.com/conf: [FILES, MODIFY_SYSTEM_STATE, READ_SYSTEM_STATE, OPERATING_SYSTEM, ARBITRARY_EXECUTION, SYSTEM_CALLS]\n' > nonet.yaml
policy --policy-file=nonet.yaml --json show --plan
is 'show --plan: without network and exec, file calls are free' \
  "$(json 'sorted({"openat", "openat2", "unlink", "statx"} - set(o["free"]))')" '[]'
is 'show --plan: but the network is not' \
  "$(json 'sorted({"connect", "execve", "bind"} & set(o["free"]))')" '[]'
policy --policy-file=good.yaml show /bin/sh
is 'show: no Go program' "$status" 125

# ---- check ---------------------------------------------------------------------------------------

policy --policy-file=clean.yaml check "$PROBE"
is 'check: nothing wrong' "$status/$out/$err" 0//
policy --policy-file=clean.yaml --strict check "$PROBE"
is 'check --strict: nothing wrong' "$status" 0
policy --policy-file=ways.yaml check
is 'check: warnings only' "$status" 0
like 'check: a way out, with its word' "$err" 'ways.yaml:6:9: example.com/conf may do FILES/WRITE: .*/proc/self/mem'
policy --policy-file=ways.yaml --strict check
is 'check --strict: warnings are failures' "$status" 1
policy --policy-file=good.yaml --policy=example.com/other=confined check
is 'check: a system call by name that leads nowhere by itself' "$status/$err" 0/
sed 's/inotify_init1/ptrace/' good.yaml > ptrace.yaml
policy --policy-file=ptrace.yaml check
like 'check: a system call by name has the marks of what it needs' "$err" 'may do SYSTEM_CALLS \(by ptrace\)'
for pair in LISTEN=CONNECT CONNECT=LISTEN; do
  printf 'version: 1\nmodules:\n  example.com/conf: [NETWORK/%s, NETWORK/UNIX]\n' "${pair%=*}" > sum.yaml
  policy --policy-file=sum.yaml check
  like "check: ${pair%=*} and UNIX add up" "$err" "sum.yaml:3:.* as if it had NETWORK/${pair#*=}: its other grants for sockets add up"
done
printf 'version: 1\nmodules:\n  example.com/conf: [NETWORK/CONNECT, NETWORK/LISTEN]\n' > sum.yaml
policy --policy-file=sum.yaml check
is 'check: what is granted adds up to nothing' "$status/$err" 0/
policy --policy-file=absent.yaml check "$PROBE"
is 'check: a module that is not there' "$status" 0
like 'check: and the one that is' "$err" 'contains no module example.com/cnof, which absent.yaml:4 names; did you mean example.com/conf\?'
printf 'version: 1\nmodules:\n  example.com/conf: confined\n' > one.yaml
policy --policy-file=one.yaml check "$PROBE"
like 'check: a module that nothing names' "$err" 'no policy names gopkg.in/yaml.v3'
policy --policy-file=other.yaml check "$PROBE"
is 'check: another program' "$status" 1
like 'check: whose' "$err" 'other.yaml:2: .*for program example.com/others, but the main module .* is example.com/mjtests'
policy --policy-file=bad.yaml check
is 'check: errors' "$status" 1
like 'check: the first' "$err" 'bad.yaml:3:[0-9]+: .*FILES/REED.*FILES/READ'
like 'check: the second as well' "$err" 'bad.yaml:4:[0-9]+: .*confinned'
policy --policy-file=bad.yaml --json check
is 'check --json: errors' "$status/$(json 'len(o["errors"])')" 1/2
policy --policy-file=ways.yaml --json check
is 'check --json: warnings' "$status/$(json 'len(o["warnings"]) > 0')" 0/True
policy --policy-file="$tmp/nonesuch.yaml" check
is 'check: no such file' "$status" 1

# ---- explain -------------------------------------------------------------------------------------

explain() { # STATUS REGEX ARG...: of `policy explain` under good.yaml
  local wanted=$1 regex=$2
  shift 2
  policy --policy-file=good.yaml explain "$@"
  is "explain $*: status" "$status" "$wanted"
  like "explain $*: why" "$out$err" "$regex"
}
explain 0 'good.yaml:4:32 \(FILES/READ\)' example.com/conf openat O_RDONLY
explain 0 'good.yaml:4:32 \(FILES/READ\)' example.com/conf 'openat(O_RDONLY|O_CLOEXEC)'
explain 1 'needs FILES/WRITE.* good.yaml:4:3' example.com/conf openat O_WRONLY
explain 2 'by its arguments' example.com/conf openat
explain 0 '\(inotify_init1\)' example.com/conf inotify_init1
explain 0 'the base set' example.com/conf read
explain 1 'refused, needs SYSTEM_CALLS' gopkg.in/yaml.v3 ioctl TIOCSTI
explain 0 'nothing names it: the default' example.com/nobody execve
explain 125 'did you mean "openat"' example.com/conf openatt
explain 125 'did you mean "O_WRONLY"' example.com/conf openat O_WRNLY
explain 125 'contains no module example.com/cnof; did you mean example.com/conf' --binary="$PROBE" example.com/cnof openat
explain 0 'example.com/mjtests' --binary="$PROBE" example.com/mjtests execve
policy --policy-file=bad.yaml explain example.com/conf openat
is 'explain: a policy that is wrong' "$status" 125
policy frobnicate
is 'no such subcommand' "$status" 125

# What explain says happens.
agree() { # FILE ACT ARG CALL ARGUMENTS
  policy --policy-file="$1" explain example.com/conf "$4" "$5"
  local said=$status
  rm -f "$tmp/file.new"
  jailed --policy-file="$1" --quiet -- "$PROBE" -by conf "$2=$3"
  case $said in
    0) like "$1: $2 is allowed, as explain says" "$out" "^$2 ok" ;;
    1) like "$1: $2 is refused, as explain says" "$out" "^$2 errno=EPERM" ;;
    *) not_ok "$1: explain does not know of $2" ;;
  esac
}
echo content > "$tmp/file"
# A default would be for main as well, which is on every stack here: explain speaks of one module.
sed '/^default/d' clean.yaml > read.yaml
sed '/^default/d' ways.yaml > write.yaml
for file in good.yaml read.yaml write.yaml; do
  agree "$file" read "$tmp/file" openat 'O_RDONLY|O_CLOEXEC'
  agree "$file" truncate "$tmp/file" truncate ''
  agree "$file" stat "$tmp/file" newfstatat ''
  agree "$file" inotify x inotify_init1 ''
  agree "$file" uname x uname ''
done

# ---- run -----------------------------------------------------------------------------------------

jailed --policy-file=other.yaml -- "$PROBE" uname
is 'run: another program: status' "$status" 125
like 'run: another program' "$err" 'other.yaml:2: '
jailed --policy-file=bad.yaml -- "$PROBE" uname
is 'run: a wrong file: status' "$status" 125
like 'run: all errors' "$err" $'FILES/REED.*\n.*confinned'
cp bad.yaml modjail.yaml
jailed --go-mod=go.mod -- "$PROBE" uname
is 'run: a modjail.yaml beside go.mod is not read' "$status" 0
jailed --policy-file=clean.yaml -- "$PROBE" -by conf exec="$tmp/x"
line=$(sed -n 's/^modjail: its policy is at clean.yaml:4; to allow it: in that file, under modules: //p' "$tmp/err")
is 'run: the hint has the line' "$line" '"example.com/conf": [FILES/READ, EXEC]'
jailed --go-mod=go.mod -- "$PROBE" -by conf read="$tmp/file"
like 'run: the hint for go.mod' "$err" 'its policy is at go.mod:3; to allow it: in a --policy-file, under modules: "example.com/conf": \[confined, FILES/READ\]'
printf 'version: 1\nmodules:\n  %s\n' "$(sed -n 's/.*under modules: //p' "$tmp/err")" > hinted.yaml
jailed --policy-file=hinted.yaml -- "$PROBE" -by conf read="$tmp/file"
like 'run: the hint helps' "$out/$err" '^read ok[^/]*/$'
jailed --policy-file=clean.yaml --on-deny=log -- "$PROBE" -by conf truncate="$tmp/file"
like 'run: --on-deny beats the policy' "$out" '^truncate ok'

done_testing
