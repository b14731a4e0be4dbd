#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Real third-party modules, from the Go module proxy: a privileged main below a confined cobra, and nerdctl's
# go.mod, as it is, with modules that nerdctl uses. GO is the go command, NERDCTL_GO_MOD that file.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

GO=${GO:-go}
TOOL=$tmp/modules

# What could not be built is skipped only if it is the modules that could not be had, not if the program is wrong.
why_not=
if ! command -v "$GO" > /dev/null; then
  why_not='no go command'
elif ! (cd "$here/../programs/modules" && GOTOOLCHAIN=local GOWORK=off GOFLAGS=-mod=mod timeout 300 "$GO" mod download) \
  > "$tmp/download" 2>&1; then
  why_not='the modules could not be downloaded'
  sed -E 's/^/# /' "$tmp/download" | head -n 5
fi
if [ -n "$why_not" ]; then
  skip 'programs with modules from the module proxy' "$why_not"
  done_testing
fi
if ! (cd "$here/../programs/modules" && GOTOOLCHAIN=local GOWORK=off GOFLAGS='-mod=readonly -buildvcs=false' \
  CGO_ENABLED=0 "$GO" build -o "$TOOL" .) > "$tmp/build" 2>&1; then
  not_ok 'the program builds' "$(head -n 12 "$tmp/build")"
  done_testing
fi
ok 'the program builds'

echo content > from
echo 'name: yaml' > a.yaml
echo 'name = "toml"' > a.toml
mkdir -p watched cdi docs
cat > cdi/vendor.yaml << 'EOF'
cdiVersion: "0.5.0"
kind: example.com/device
devices:
  - name: one
    containerEdits:
      env: [ONE=1]
EOF

clean() {
  rm -rf to bash.sh watched/news docs/*
}

under() { # ARG...: the program under modjail.yaml
  clean
  jailed --policy-file=modjail.yaml -- "$TOOL" "$@"
}

rules() { # LINE...: modjail.yaml
  {
    echo 'version: 1'
    printf '%s\n' "$@"
  } > modjail.yaml
}

# ---- privileged: main below cobra -------------------------------------------------------------------

control "$TOOL" copy from to
is 'control: the command works' "$status/$(cat to)" 0/content
control "$TOOL" docs docs
is 'control: cobra writes files' "$status/$(test -s docs/modules_copy.md && echo made)" 0/made
control "$TOOL" bash bash.sh
is 'control: ... by another way, too' "$status/$(test -s bash.sh && echo made)" 0/made

rules 'modules:' '  main: {allow: [unconfined]}' '  github.com/spf13/cobra: {allow: []}'
under copy from to
is 'cobra may nothing: neither may a command that it calls' "$status" 1
check_not '... no file is made' test -e to
like '... and cobra is named' "$err" 'for github\.com/spf13/cobra v1\.8\.1'

rules 'modules:' '  main: {allow: [unconfined], privileged: true}' '  github.com/spf13/cobra: {allow: []}'
under copy from to
is 'main is privileged: the command works' "$status/$(cat to)" 0/content
is '... and nothing is refused' "$err" ''
under docs docs
is '... what cobra does itself is refused' "$status/$(ls docs)" 1/
like '... and cobra is named' "$err" 'for github\.com/spf13/cobra v1\.8\.1'
under bash bash.sh
is '... by another way, too' "$status/$(test -e bash.sh && echo made)" 1/
rules 'modules:' '  main: {allow: [FILES/READ, FILES/STAT], privileged: true}' '  github.com/spf13/cobra: {allow: []}'
under copy from to
is 'main is privileged for what it may itself, only' "$status/$(test -e to && echo made)" 1/
under yaml a.yaml
is '... which is to read' "$status/$out" '0/name yaml'

# ---- everything that the program does, under a policy for it ------------------------------------------

everything() { # DESCRIPTION OPTION...
  local description=$1 work outcome=
  shift
  clean
  for work in 'copy from to' 'yaml a.yaml' 'toml a.toml' 'watch watched' 'cdi cdi' 'docs docs' 'bash bash.sh'; do
    # shellcheck disable=SC2086 # words
    jailed "$@" -- "$TOOL" $work
    outcome+="$status:$out;"
    [ "$status" -eq 0 ] || printf '# %s: %s\n' "$work" "$(head -n 3 "$tmp/err" | tr '\n' ' ')"
    if grep -q ' refused\| denied' "$tmp/err"; then
      not_ok "$description: $work: nothing is refused"
    fi
  done
  is "$description: it all works" "$outcome" \
    '0:;0:name yaml;0:name toml;0:event news CREATE;0:devices [example.com/device=one];0:;0:;'
}

everything '--no-policy' --no-policy
nerdctl=${NERDCTL_GO_MOD:-$here/../../../shared/data/nerdctl.go.mod}
if [ -r "$nerdctl" ]; then
  everything "nerdctl's go.mod" --go-mod="$nerdctl"
else
  skip "nerdctl's go.mod" 'the file is not in the tree'
fi

# Wrappers of system calls have to be allowed what those who call them are.
finer() { # ITEMS-OF-FSNOTIFY ITEMS-OF-CDI
  rules 'default: confined' 'modules:' '  main: {allow: [unconfined], privileged: true}' \
    '  golang.org/x/sys: unconfined' \
    '  github.com/syndtr/gocapability: {allow: [FILES/READ, READ_SYSTEM_STATE]}' \
    '  github.com/spf13/cobra: {allow: [FILES]}' \
    "  github.com/fsnotify/fsnotify: {allow: [$1]}" \
    "  tags.cncf.io/container-device-interface: {allow: [$2]}"
}

watches='FILES/READ, inotify_init1, inotify_add_watch'
reads='FILES/READ, flock, getdents64'
finer "$watches" "$reads"
everything 'a finer modjail.yaml' --policy-file=modjail.yaml
finer "$watches" "$reads"
under watch watched
is 'fsnotify with FILES/READ, inotify_init1, inotify_add_watch: the event comes' "$status/$out" '0/event news CREATE'
under cdi cdi
is 'container-device-interface with FILES/READ, flock, getdents64: the device is found' "$status/$out" '0/devices [example.com/device=one]'
finer 'FILES/READ, inotify_init1' "$reads"
under watch watched
is 'without inotify_add_watch there is no event' "$status/$out" 1/
like '... and fsnotify is named' "$err" 'inotify_add_watch.*for github\.com/fsnotify/fsnotify v1\.7\.0'
finer "$watches" 'FILES/STAT'
under cdi cdi
like '... without FILES/READ the module reads nothing' "$err" \
  'FILES/READ\) for tags\.cncf\.io/container-device-interface v0\.7\.2'

done_testing
