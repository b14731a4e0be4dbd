#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What executed programs may do: never more than those on the stack that executed them, through fork and
# exec; and, if they are named under "programs:", what their own policy allows as well.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

RUNNER=$PROGS/default/runner
CHILD=$PROGS/default/child
closed=127.0.0.1:1 # nobody listens there
echo content > file

# policy FILE PROGRAMS MODULES...: lines of YAML below "programs:" and "modules:"
policy() {
  local file=$1 programs=$2
  shift 2
  {
    echo 'version: 1'
    echo 'modules:'
    printf '  %s\n' 'example.com/none: confined' "$@"
    [ -z "$programs" ] || printf 'programs:\n%s\n' "$programs"
  } > "$file"
}

entry() { # PATH POLICY: one program
  printf '  - path: %s\n    policy: %s\n' "$1" "$2"
}

run() { # ARG...: runner under policy.yaml
  rm -f made
  jailed --policy-file=policy.yaml -- "$RUNNER" "$@"
}

may='[EXEC, FILES/READ, FILES/STAT, READ_SYSTEM_STATE]'

# ---- ceilings: conf may execute and read, and nothing else ----------------------------------------
policy policy.yaml '' "example.com/conf: {allow: $may}"

control "$RUNNER" -by conf /bin/sh -c 'echo x > made && cat file'
is 'control: sh writes without a jail' "$status/$out/$(cat made)" '0/content/x'
run -by main /bin/sh -c 'echo x > made && cat file'
is 'control: sh of main writes' "$status/$out/$(cat made)" '0/content/x'

run -by conf /bin/cat file
is 'cat of conf reads' "$status/$out" 0/content
run -by conf /bin/sh -c 'echo x > made; cat file'
is 'sh of conf reads and does not write' "$out" content
check_not '... no file is made' test -e made
like '... and the report says whose fault it is' "$err" 'the module that executed it may not do it'
run -by conf /bin/sh -c '(cat file; /bin/sh -c "(echo x > made)")'
is 'neither do its children and theirs' "$out" content
check_not '... no file is made' test -e made
run -by conf /bin/bash -c "exec 3<> /dev/tcp/${closed/:/\/}"
like 'bash of conf has no network' "$err" 'NETWORK'
run -by conf "$CHILD" create=made read=file connect=$closed
is 'a Go program of conf: neither' "$out" $'create errno=EPERM\nread ok\nconnect errno=EPERM'
run -by main "$CHILD" create=made read=file connect=$closed
is 'control: of main: both' "$out" $'create ok\nread ok\nconnect errno=ECONNREFUSED'

# An execve that fails sets no ceiling, if it is sure to have failed: without random addresses a program that executes itself
# can look like one that did not.
for how in '' 'setarch -R'; do
  rm -f made made-by-conf
  # shellcheck disable=SC2086
  capture $how "$PROBE" -by conf exec-nothing create@main=made create=made-by-conf
  is "control: ${how:-randomised}: nothing is executed, both are made" "$out" $'exec-nothing errno=ENOENT\ncreate ok\ncreate ok'
  rm -f made made-by-conf
  # shellcheck disable=SC2086
  capture $how "$MODJAIL" run --policy-file=policy.yaml -- "$PROBE" -by conf exec-nothing create@main=made create=made-by-conf
  if [ -z "$how" ]; then main=ok; else main=errno=EPERM; fi
  is "${how:-randomised}: after an execve of conf that failed" "$out" \
    "exec-nothing errno=ENOENT"$'\n'"create $main"$'\n''create errno=EPERM'
done
rm -f made
run -by conf "$RUNNER" -by main /bin/sh -c 'echo x > made'
check_not 'the same program executes itself: main has conf'\''s ceiling now' test -e made
run -by main "$RUNNER" -by conf /bin/sh -c 'echo x > made'
check_not '... and conf in it its own' test -e made
run -by main "$RUNNER" -by main /bin/sh -c 'echo x > made'
check 'control: main in it may' test -e made

printf '#!/bin/sh\necho x > made\ncat file\nexec "%s" -by conf create=made\n' "$CHILD" > script
chmod +x script
run -by conf ./script
is 'a script of conf: reads, does not write' "$out" $'content\ncreate errno=EPERM'
check_not '... no file is made' test -e made
run -by main ./script
is 'control: a script of main' "$out/$(test -e made && echo made)" $'content\ncreate ok/made'

policy policy.yaml '' 'example.com/conf: {allow: [FILES/READ]}'
run -by conf /bin/cat file
like 'without EXEC there is no program' "$status/$out" '^99/.*operation not permitted'

# Whoever lost its parent has the ceiling of its file, also after the file has changed: a link more is another
# change time. The orphan's first supervised call comes when its parent has ended.
policy policy.yaml '' "example.com/conf: {allow: [EXEC, FILES, READ_SYSTEM_STATE, OPERATING_SYSTEM]}"
cp /bin/bash own-bash
orphan="exec 3>&1 4>&2; chmod 700 own-bash
(while kill -0 \$\$ 2> /dev/null; do :; done; : < /dev/tcp/${closed/:/\/}; echo done > made) &"
run -by conf ./own-bash -c "$orphan"
check 'an orphan of a file that changed: it ran' test -e made
like '... and has no network' "$err" 'NETWORK'
orphan="chmod 711 own-bash
(for ((i = 0; i < 3000000; i++)); do :; done; : < /dev/tcp/${closed/:/\/}; echo done > made) &"
run -by conf ./own-bash -c "$orphan"
check 'the same, met for the first time without a parent: it ran' test -e made
like '... and has no network' "$err" 'NETWORK'

# The one in the middle makes no supervised call between its execution and its end: all but the network is
# allowed to everybody, so that the filter lets all else through.
but_network='EXEC, FILES, READ_SYSTEM_STATE, OPERATING_SYSTEM, MODIFY_SYSTEM_STATE, ARBITRARY_EXECUTION, SYSTEM_CALLS'
printf 'version: 1\nmodules:\n  example.com/conf: {allow: [%s]}\n' "$but_network" > policy.yaml
orphan="(for ((i = 0; i < 2000000; i++)); do :; done; : < /dev/tcp/${closed/:/\/}; echo done > made) &"
run -by main ./own-bash -c "$orphan"
like 'control: an orphan of main'\''s has the network' "$(cat made)/$err" '^done/.*Connection refused'
run -by conf ./own-bash -c "$orphan"
check 'an orphan of a program that nobody saw: it ran' test -e made
like '... and has no network' "$err" 'refused socket.*NETWORK.*the module that executed it may not do it'
rm -f made
jailed --policy-file=policy.yaml -- "$RUNNER" /bin/sh -c "
  ./own-bash -c ': < /dev/tcp/${closed/:/\/}'; '$RUNNER' -by conf ./own-bash -c '$orphan'"
check '... after main has executed the same file: it ran' test -e made
like '... and has no network' "$err" 'refused socket.*NETWORK.*the module that executed it may not do it'

# ---- privileged ----------------------------------------------------------------------------------
policy policy.yaml '' 'example.com/conf: {allow: []}'
run -by callback /bin/sh -c 'echo x > made'
check_not 'conf calls main back: main executes nothing' test -e made
policy policy.yaml '' 'example.com/conf: {allow: []}' 'main: {privileged: true}'
run -by callback /bin/sh -c 'echo x > made'
check 'main is privileged: it does, and its program may what main may' test -e made
run -by conf /bin/sh -c 'echo x > made'
check_not '... and conf still executes nothing' test -e made
policy policy.yaml '' 'example.com/conf: {allow: []}' "main: {privileged: true, allow: $may}"
run -by callback /bin/sh -c 'echo x > made; cat file'
is 'the ceiling is that of main alone' "$out" content
check_not '... no file is made' test -e made

# ---- programs: ------------------------------------------------------------------------------------
mkdir -p sub
printf 'version: 1\nprogram: example.com/child\nmodules:\n  example.com/conf: confined\n' > sub/child.yaml
policy policy.yaml ''
run "$CHILD" -by conf create=made
is 'control: without an entry conf of the child may' "$out" 'create ok'
policy policy.yaml "$(entry "$CHILD" sub/child.yaml)"
run "$CHILD" create=made -by conf create=made
is 'with an entry its policy counts' "$out" $'create ok\ncreate errno=EPERM'
like '... and its module is named' "$err" 'for example.com/conf.*: its policy does not allow it'
ln -s "$CHILD" link
run /bin/sh -c './link -by conf create=made'
is '... under another name, and from a shell' "$out" 'create errno=EPERM'
run "$CHILD" -by conf "run=$CHILD create=made"
like '... conf in it executes nothing' "$out" '^run errno=EPERM'
cd sub || exit 1
jailed --policy-file=../policy.yaml -- "$RUNNER" "$CHILD" -by conf create=made
is '... relative to the folder of the file' "$out" 'create errno=EPERM'
cd .. || exit 1

policy policy.yaml "$(entry "$CHILD" sub/child.yaml)" "example.com/conf: {allow: $may}"
run -by conf "$CHILD" create=made read=file -by conf read=file
is 'the ceiling and the policy both hold' "$out" $'create errno=EPERM\nread ok\nread errno=EPERM'
check_not '... no file is made' test -e made

# The filter is made for all policies, also where the program's own confines nobody.
printf 'version: 1\nprograms:\n%s\n' "$(entry "$CHILD" sub/child.yaml)" > policy.yaml
run "$CHILD" create=made -by conf create=made
is 'a policy file of programs alone' "$out" $'create ok\ncreate errno=EPERM'

# Goroutines of an executed program have the record of their creators, by the environment. Without it,
# nobody knows who created them.
policy policy.yaml "$(entry "$CHILD" sub/child.yaml)"
run "$CHILD" -by go create=made -by go-go create=made
is 'goroutines: main may' "$out" $'create ok\ncreate ok'
run -godebug '' "$CHILD" -by main create=made -by go create=made
is '... without GODEBUG a goroutine is nobody'\''s' "$out" $'create ok\ncreate errno=EPERM'
like '... and the report says so' "$err" 'there is no record of who created its goroutine'
run -godebug tracebackancestors=1 "$CHILD" -by go create=made -by go-go create=made
is '... with a shorter record only the first generation is known' "$out" $'create ok\ncreate errno=EPERM'

# ---- programs: of programs: -------------------------------------------------------------------------
cp "$CHILD" grandchild
printf 'version: 1\nmodules:\n  main: confined\n' > sub/grand.yaml
printf 'version: 1\nmodules:\n  example.com/conf: confined\nprograms:\n%s\n%s\n' \
  "$(entry "$tmp/grandchild" grand.yaml)" "$(entry "$CHILD" child.yaml)" > sub/child.yaml
run "$CHILD" "run=$tmp/grandchild create=made read=file"
is 'a program of a program has its own policy' "$out" $'create errno=EPERM\nread errno=EPERM\nrun ok'
run "$tmp/grandchild" create=made
is '... whoever executes it' "$out" 'create errno=EPERM'
policy policy.yaml "$(entry "$CHILD" sub/child.yaml; entry "$tmp/grandchild" sub/child.yaml)"
run "$CHILD" create=made
is 'two policies for one program are an error' "$status/$out" 125/
like '... that says where' "$err" 'child.yaml:[0-9]+: .*grandchild has another policy already'

# ---- what cannot be ----------------------------------------------------------------------------------
printf 'version: 1\nmodules:\n  main: confined\n' > sub/any.yaml
policy policy.yaml "$(entry /bin/cat sub/any.yaml)"
run /bin/cat file
is 'a program that is not Go: an error' "$status/$out" 125/
like '... that says so' "$err" '/bin/cat can have no policy of its own'
policy policy.yaml "$(entry "$CHILD" sub/absent.yaml)"
run "$CHILD" read=file
is 'a policy file that is not there: an error' "$status/$out" 125/
like '... that names both files' "$err" 'policy.yaml:[0-9]+: cannot open sub/absent.yaml'
printf 'version: 1\nprogram: example.com/other\nmodules:\n  main: confined\n' > sub/other.yaml
policy policy.yaml "$(entry "$CHILD" sub/other.yaml)"
run "$CHILD" read=file
is 'a policy for another main module: an error' "$status/$out" 125/
like '... that names both' "$err" 'for the main module example.com/other, but .* example.com/child'

# The same when the program only comes to be while others run.
policy policy.yaml "$(entry "$tmp/late" sub/other.yaml)"
run /bin/sh -c "cp '$CHILD' late && ./late read=file"
like 'a program that is not there: a warning' "$err" 'late, which has a policy under .programs., does not exist'
is '... with another main module it is refused all' "$out" 'read errno=EPERM'
like '... which says why' "$err" 'its own policy does not fit it: .*example.com/other.*example.com/child'
rm -f late
run /bin/sh -c 'cp /bin/cat late && ./late file'
is '... and what is not Go, too' "$out" ''
like '... which says why' "$err" 'its stacks cannot be walked'
rm -f late

done_testing
