#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# modjail.yaml, and modjail policy.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

OTHER=$PROGS/default/other
policy() { # LINE...: writes a policy file
  { echo 'version: 1'; printf '%s\n' "$@"; } > "$tmp/m.yaml"
}
with_policy() { # OPTION... -- PROGRAM ARG...
  jailed --policy-file="$tmp/m.yaml" "$@"
}
echo data > "$tmp/data"

# ---- allowlists ----------------------------------------------------------------------------------

control "$PROBE" -by conf read="$tmp/data" create="$tmp/new" inotify
is 'control: all three work' "$out" "$(printf 'read ok data\ncreate ok\ninotify ok')"
rm -f "$tmp/new"

policy 'modules:' '  example.com/conf: [FILES/READ]'
with_policy -- "$PROBE" -by conf read="$tmp/data" create="$tmp/new" inotify
is 'FILES/READ: reading, and nothing else' "$out" "$(printf 'read ok data\ncreate errno=EPERM\ninotify errno=EPERM')"
check_not 'nothing was created' test -e "$tmp/new"
like 'the refusal names the capability' "$err" 'refused openat\([^)]*\) \(FILES/READ,FILES/WRITE\)|FILES/WRITE'

policy 'modules:' '  example.com/conf:' '    allow: [inotify_init1]' '    errno: EACCES'
with_policy -- "$PROBE" -by conf read="$tmp/data" inotify
is 'a single system call, and an errno' "$out" "$(printf 'read errno=EACCES\ninotify ok')"
with_policy -- "$PROBE" -by yaml read="$tmp/data" inotify
is 'what nobody names is unconfined' "$out" "$(printf 'read ok data\ninotify ok')"

policy 'default: confined'
with_policy -- "$PROBE" -by conf stat="$tmp/data" read="$tmp/data"
is 'default: is for what nobody names' "$out" "$(printf 'stat ok\nread errno=EPERM')"
policy 'default: []' 'errno: ENOSYS' 'modules:' '  main: unconfined' '  example.com/conf: [FILES/READ]'
with_policy -- "$PROBE" -by conf uname stat="$tmp/data" read="$tmp/data"
is 'the errno of the file; FILES/READ includes FILES/STAT' "$out" "$(printf 'uname errno=ENOSYS\nstat ok\nread ok data')"
with_policy --policy=example.com/conf=confined -- "$PROBE" -by conf stat="$tmp/data" read="$tmp/data"
is 'the command line beats the file' "$out" "$(printf 'stat ok\nread errno=ENOSYS')"

# ---- actions -------------------------------------------------------------------------------------

policy 'modules:' '  example.com/conf: {allow: [], action: log}'
with_policy -- "$PROBE" -by conf read="$tmp/data"
is 'action: log lets it through' "$out" 'read ok data'
like 'and tells' "$err" 'let through openat.*example.com/conf'
with_policy --on-deny=errno -- "$PROBE" -by conf read="$tmp/data"
is '--on-deny=errno beats it' "$out" 'read errno=EPERM'
policy 'modules:' '  example.com/conf: {allow: [], action: kill}'
is 'action: kill' "$(how_it_ended "$MODJAIL" run --policy-file="$tmp/m.yaml" -- "$PROBE" -by conf read="$tmp/data")" 'signal 9'
with_policy --on-deny=errno -- "$PROBE" -by conf read="$tmp/data"
is '--on-deny beats action' "$out" 'read errno=EPERM'

# ---- privileged ----------------------------------------------------------------------------------

policy 'modules:' '  example.com/conf: []'
with_policy -- "$PROBE" -by callback read="$tmp/data"
is 'main, called back by a confined module' "$out" 'read errno=EPERM'
policy 'modules:' '  example.com/conf: []' '  main: {privileged: true}'
with_policy -- "$PROBE" -by callback read="$tmp/data"
is 'a privileged main, called back by it' "$out" 'read ok data'
for actor in conf closure deferred goroutine generic method; do
  with_policy -- "$PROBE" -by "$actor" read="$tmp/data"
  is "its own calls are refused all the same: $actor" "$out" "read errno=EPERM"
done
policy 'modules:' '  example.com/conf: []' '  main: {privileged: true, allow: [FILES/STAT]}'
with_policy -- "$PROBE" -by callback read="$tmp/data"
is 'privileged for what it may itself' "$out" 'read errno=EPERM'

# ---- what is wrong -------------------------------------------------------------------------------

policy 'modules:' '  example.com/conf: [FILES/RAED]' '  main: {privilegd: true}'
with_policy -- "$PROBE" uname
is 'a policy with errors: status' "$status" 125
like 'its first error' "$err" 'm.yaml:3:22: unknown capability or system call "FILES/RAED"; did you mean "FILES/READ"\?'
like 'and its second' "$err" 'm.yaml:4:10: unknown key of a policy "privilegd"; did you mean "privileged"\?'
policy 'program: example.com/else' 'default: confined'
with_policy -- "$PROBE" uname
is 'a policy for another program: status' "$status" 125
like 'a policy for another program: the message' "$err" 'm.yaml:2: this policy is for program example.com/else, but the main module of .* is example.com/mjtests'
policy 'modules:' '  example.com/confd: []'
with_policy -- "$PROBE" uname
like 'a module that the program does not have' "$err" 'contains no module example.com/confd, which .*m.yaml:3 names; did you mean example.com/conf\?'
policy 'programs: []'
with_policy -- "$PROBE" uname
is 'a policy that says nothing: status' "$status" 125

# ---- executed programs ---------------------------------------------------------------------------

policy 'modules:' '  example.com/conf: []'
control "$OTHER" conf read "$tmp/data"
is 'control: another program' "$out" 'conf read ok'
with_policy -- "$FORKER" -exec "$OTHER" conf read "$tmp/data"
is 'another program runs under what executed it alone' "$out" 'conf read ok'
{ echo 'version: 1'; echo 'modules: {example.com/conf: []}'; } > "$tmp/other.yaml"
policy 'modules:' '  example.com/conf: []' 'programs:' "  - {path: $OTHER, policy: other.yaml}"
with_policy -- "$FORKER" -exec "$OTHER" conf read "$tmp/data"
like 'with an entry, under its own policy too' "$out" 'conf read .*not permitted'
with_policy -- "$FORKER" -exec "$OTHER" main read "$tmp/data"
is 'its main module does as it may' "$out" 'main read ok'
{ echo 'version: 1'; echo 'modules: {example.com/conf: confined, main: unconfined}'; } > "$tmp/other.yaml"
policy 'modules:' '  main: [EXEC, FILES/READ, FILES/STAT, READ_SYSTEM_STATE, MODIFY_SYSTEM_STATE]' 'programs:' "  - {path: $OTHER, policy: other.yaml}"
with_policy -- "$FORKER" -exec "$OTHER" main write "$tmp/written"
like 'and never more than who executed it' "$out" 'main write .*not permitted'
check_not 'nothing was written' test -e "$tmp/written"
with_policy -- "$FORKER" -exec /bin/sh -c "cat '$tmp/data'; : > '$tmp/written'"
is 'a shell may read, as who executed it' "$out" data
check_not 'but not write' test -e "$tmp/written"
echo 'program: example.com/else' >> "$tmp/other.yaml"
with_policy -- "$FORKER" -exec "$OTHER" main read "$tmp/data"
like 'an entry for another program: an error before the start' "$err" 'm.yaml:5: the policy of .*other is for the main module example.com/else, but the program.s own is example.com/mjother'
echo 'version: 3' > "$tmp/other.yaml"
with_policy -- "$PROBE" uname
is 'a program with a policy that is wrong: status' "$status" 125
like 'a program with a policy that is wrong: which' "$err" 'm.yaml:5: .*other.yaml:1:10: version must be 1'

# ---- modjail policy ------------------------------------------------------------------------------

policy 'modules:' '  example.com/conf: [FILES/READ, EXEC]' '  main: {allow: unconfined, privileged: true}'
capture "$MODJAIL" policy check --policy-file="$tmp/m.yaml" "$PROBE"
is 'check: warnings only' "$status" 0
like 'check: a grant that amounts to leaving the jail' "$err" 'm.yaml:3:34: example.com/conf may do EXEC: '
like 'check: a module without a policy' "$err" 'no policy names gopkg.in/yaml.v3'
capture "$MODJAIL" policy check --strict --policy-file="$tmp/m.yaml" "$PROBE"
is 'check --strict: warnings count' "$status" 1
capture "$MODJAIL" policy explain --policy-file="$tmp/m.yaml" example.com/conf execve
is 'explain: allowed' "$status" 0
like 'explain: by which word' "$out" 'm.yaml:3:34 \(EXEC\)'
capture "$MODJAIL" policy explain --policy-file="$tmp/m.yaml" example.com/conf connect
is 'explain: refused' "$status" 1
capture "$MODJAIL" policy explain --policy-file="$tmp/m.yaml" example.com/conf openat
is 'explain: by its arguments' "$status" 2
capture "$MODJAIL" policy explain --policy-file="$tmp/m.yaml" example.com/conf opneat
is 'explain: an unknown call' "$status" 125
like 'explain: the nearest call' "$err" 'did you mean "openat"'
capture "$MODJAIL" policy show --policy-file="$tmp/m.yaml" "$PROBE"
like 'show: words and where they are' "$out" 'example.com/conf: \[FILES/READ, EXEC\]  # .*m.yaml:3'
like 'show: the role' "$out" 'example.com/mjtests: \[unconfined\] privileged'
policy 'modules:' '  example.com/conf: [FILES, MODIFY_SYSTEM_STATE, READ_SYSTEM_STATE, OPERATING_SYSTEM, ARBITRARY_EXECUTION, SYSTEM_CALLS]'
capture "$MODJAIL" policy show --plan --policy-file="$tmp/m.yaml"
like 'show --plan: no file call is notified if only NETWORK and EXEC are refused' \
  "$(grep '^free' "$tmp/out")" ' open .* stat .* openat .* unlinkat .* renameat2 '
jailed --policy-file="$tmp/m.yaml" --stats -- "$PROBE" -by conf read="$tmp/data" create="$tmp/new" stat="$tmp/data"
is 'and none is' "$(grep -cE '^ +(openat|open|stat|newfstatat|statx)\b' "$tmp/err")" 0
capture "$MODJAIL" policy caps
is 'caps' "$status/$(grep -c '^[A-Z]' "$tmp/out")" 0/20
capture "$MODJAIL" policy caps --markdown
check 'docs/capabilities.md is what caps --markdown writes' cmp -s "$tmp/out" "$here/../../docs/capabilities.md"
# Whatever the documents show is right.
n=0
for page in POLICY.md man/modjail.yaml.5.scd; do
  awk -v out="$tmp/example" '/^```/ { inside = !inside; if (inside) { n++; file = "" }; next }
    inside && /^version: 1/ { file = out "." n }
    inside && file { print > file }' "$here/../../docs/$page"
  for file in "$tmp"/example.*; do
    n=$((n + 1))
    sed -i '/^programs:/,$d' "$file" # their files do not exist
    capture "$MODJAIL" policy check --policy-file="$file"
    is "$page: example $n" "$status" 0
    rm -f "$file"
  done
done
is 'examples in the documents' "$n" 10

for wrong in '' shwo 'explain a' 'caps x'; do
  # shellcheck disable=SC2086 # words
  capture "$MODJAIL" policy $wrong
  is "policy $wrong: status" "$status" 125
done

done_testing
