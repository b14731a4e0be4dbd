#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# For each capability at least one system call that does something visible, four times: without modjail (the
# control: the probe works), by a confined module (refused, nothing happens), by an unconfined module
# while another is confined, and by main (both go through). Then: every kind of stack, every build.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

python3 "$here/server.py" "$tmp" &
children+=($!)
eventually test -s "$tmp/port" || { echo 'Bail out! the server did not start'; exit 1; }
port=$(cat "$tmp/port")
victim=

# Acts that show nothing outside, or whose outcome the probe itself checks (dup3, setrlimit, ...), have no
# entry in prepare and happened. The argument is left in $arg.
prepare() { # ACT
  arg=$tmp/target
  rm -rf "$arg" "$arg.renamed" "$tmp/received"
  case $1 in
    read | stat | std-read | unlink | rename | truncate) echo content > "$arg" ;;
    chmod) echo content > "$arg" && chmod 600 "$arg" ;;
    chdir) mkdir "$arg" ;;
    connect | std-dial) arg=$port ;;
    unix) arg=$tmp/socket ;;
    setname) arg=renamed ;;
    kill)
      sleep 300 &
      victim=$!
      children+=("$victim")
      disown
      arg=$victim
      ;;
  esac
}

received_anything() {
  # The server takes one connection after the other, so that ours, once there, is behind the probe's.
  exec 9<> "/dev/tcp/127.0.0.1/$port" && printf 'sync' >&9 && exec 9>&-
  eventually grep -q sync "$tmp/received"
  [ "$(grep -cv -e '^sync$' -e '^$' "$tmp/received")" -gt 0 ]
}

has_effect() { # ACT: whether there is something to see outside
  case $1 in
    create | mkdir | symlink | unlink | rename | truncate | chmod | connect | std-dial | unix | kill | exec | \
      std-exec) return 0 ;;
  esac
  return 1
}

happened() { # ACT
  case $1 in
    create | mkdir | exec | std-exec) [ -e "$tmp/target" ] ;;
    symlink) [ -L "$tmp/target" ] ;;
    unlink) [ ! -e "$tmp/target" ] ;;
    rename) [ -e "$tmp/target.renamed" ] ;;
    truncate) [ ! -s "$tmp/target" ] ;;
    chmod) [ "$(stat -c %a "$tmp/target")" = 604 ] ;;
    connect | std-dial | unix) received_anything ;;
    kill) gone "$victim" ;;
  esac
}

first_line_for() { # ACT: the outcome, without the detail
  sed -n "s/^$1 \(ok\|errno=[A-Z0-9]*\).*/\1/p" "$tmp/out" | head -n 1
}

outcome() { # WHO ACT WANTED: of the run just made
  is "$1: $2 is $3" "$(first_line_for "$2")" "$3"
  has_effect "$2" || return 0
  if [ "$3" = ok ]; then
    check "$1: $2 has its effect" eventually happened "$2"
  else
    [ "$2" != kill ] || sleep 0.1 # a signal is delivered within that
    check_not "$1: $2 has no effect" happened "$2"
  fi
}

# act, outcome where it is let through, outcome for a confined module
matrix='
read ok errno=EPERM
create ok errno=EPERM
unlink ok errno=EPERM
rename ok errno=EPERM
chmod ok errno=EPERM
mkdir ok errno=EPERM
symlink ok errno=EPERM
truncate ok errno=EPERM
stat ok ok
connect ok errno=EPERM
listen ok errno=EPERM
unix ok errno=EPERM
netlink ok errno=EPERM
raw errno=EINVAL errno=EPERM
exec ok errno=EPERM
kill ok errno=EPERM
chdir ok errno=EPERM
umask ok errno=EPERM
setpgid ok errno=EPERM
setrlimit ok errno=EPERM
setpriority ok errno=EPERM
dup3 ok errno=EPERM
setname ok ok
unshare errno=EINVAL errno=EPERM
mount errno=EFAULT errno=EPERM
uname ok ok
inotify ok errno=EPERM
mmapexec ok errno=EPERM
mprotect ok errno=EPERM
unknown errno=ENOSYS errno=EPERM
std-read ok errno=EPERM
std-dial ok errno=EPERM
std-exec ok errno=EPERM
'

while read -r act free confined; do
  [ -n "$act" ] || continue
  prepare "$act"
  control "$PROBE" -by conf "$act=$arg"
  outcome control "$act" "$free"

  prepare "$act"
  jailed --policy=example.com/conf=confined -- "$PROBE" -by conf "$act=$arg"
  outcome 'confined module' "$act" "$confined"
  if [ "$confined" = errno=EPERM ]; then
    like "confined module: the refusal of $act names the module" "$err" 'example\.com/conf'
  else
    is "confined module: $act is not reported" "$err" ''
  fi

  prepare "$act"
  jailed --policy=gopkg.in/yaml.v3=confined -- "$PROBE" -by conf "$act=$arg"
  outcome 'unconfined module' "$act" "$free"
  is "unconfined module: $act is not reported" "$err" ''

  case $act in std-dial) continue ;; esac # always conf's
  prepare "$act"
  jailed --policy=example.com/conf=confined -- "$PROBE" -by main "$act=$arg"
  outcome main "$act" "$free"
done <<< "$matrix"

# What nobody gets by default: it would make the program unreadable to modjail.
control "$PROBE" -by main undumpable
is 'control: undumpable is ok' "$(first_line_for undumpable)" ok
jailed --policy=example.com/conf=confined -- "$PROBE" -by main undumpable
is 'main: undumpable is refused all the same' "$(first_line_for undumpable)" errno=EPERM

# The go.mod route gives the same verdict as --policy.
printf 'module example.com/mjtests\n\ngo 1.19\n\nrequire example.com/conf v0.0.0 // gomodjail:confined\n' > "$tmp/go.mod"
prepare create
jailed --go-mod="$tmp/go.mod" -- "$PROBE" -by conf "create=$arg"
outcome 'confined by go.mod' create errno=EPERM
prepare create
jailed --go-mod="$tmp/go.mod" -- "$PROBE" -by yaml "create=$arg"
outcome 'not confined by go.mod' create ok

# --on-deny
prepare create
jailed --on-deny=log --policy=example.com/conf=confined -- "$PROBE" -by conf "create=$arg"
outcome '--on-deny=log' create ok
like '--on-deny=log reports' "$err" 'example\.com/conf'
prepare create
is '--on-deny=kill kills the program' "$(how_it_ended "$MODJAIL" run --on-deny=kill \
  --policy=example.com/conf=confined -- "$PROBE" -by conf "create=$arg")" 'signal 9'
check_not '--on-deny=kill: the call has no effect' happened create

# Every way in which a module can be on a stack.
for actor in conf inlined closure method generic deferred goroutine callback; do
  prepare create
  control "$PROBE" -by "$actor" "create=$arg"
  outcome "control, $actor" create ok
  prepare create
  jailed --policy=example.com/conf=confined -- "$PROBE" -by "$actor" "create=$arg"
  outcome "confined, $actor" create errno=EPERM
  prepare create
  jailed --policy=gopkg.in/yaml.v3=confined -- "$PROBE" -by "$actor" "create=$arg"
  outcome "unconfined, $actor" create ok
done
# A path whose last element has a dot, which symbol names escape.
prepare create
jailed --policy=gopkg.in/yaml.v3=confined -- "$PROBE" -by yaml "create=$arg"
outcome 'confined, escaped path' create errno=EPERM

# Every build of the program, with every Go.
for probe in "$PROGS"/go*/*/probe; do
  build=${probe#"$PROGS/"}
  prepare create
  jailed --policy=example.com/conf=confined -- "$probe" -by conf "create=$arg" "stat=$arg"
  outcome "$build, confined" create errno=EPERM
  prepare create
  jailed --policy=example.com/conf=confined -- "$probe" -by main "create=$arg"
  outcome "$build, main" create ok
  prepare create
  jailed --policy=example.com/conf=confined -- "$probe" -by inlined "create=$arg"
  outcome "$build, inlined" create errno=EPERM
done

# C code: the Go frames that called it decide; a thread that C made is nobody's.
for cgo in "$PROGS"/go*/cgo/cgocall; do
  [ -x "$cgo" ] || { skip 'calls made by C code' "no C compiler when the test programs were built"; break; }
  build=${cgo#"$PROGS/"}
  control "$cgo"
  is "control: $build" "$(echo $out)" 'main ok confc ok callback ok callback-conf ok cthread ok user ok'
  jailed --policy=example.com/confc=confined -- "$cgo"
  is "$build with confc confined" "$(echo $out)" \
    'main ok confc errno=1 callback ok callback-conf ok cthread errno=1 user ok'
  jailed --policy=example.com/conf=confined -- "$cgo"
  is "$build with conf confined" "$(echo $out)" \
    'main ok confc ok callback ok callback-conf errno=1 cthread errno=1 user ok'
  # The runtime keeps no creators of a goroutine that C has called; without them, the stack decides. Which m, and with it which
  # goroutine, serves a thread changes from call to call up to Go 1.20.
  control "$cgo" turns
  is "control: $build, C threads that call Go in turn" "$out" 'turns ok'
  # MALLOC_ARENA_TEST: malloc reads how many CPUs there are, which it does while the runtime asks for the bounds of such
  # a thread's stack.
  rm -f "$tmp/stats"
  MALLOC_ARENA_TEST=1 jailed --ancestry=off --policy=example.com/conf=confined --stats --log-file="$tmp/stats" -- "$cgo" turns
  is "$build, C threads that call Go in turn: none is taken for another" "$out" 'turns errno=1'
  check "$build, C threads that call Go in turn: every walk is complete" walks_all_complete "$tmp/stats"
done

# Many threads at once: no verdict is mixed up.
control "$THREADS" -n 8 -calls 500
is 'control: threads' "$(echo $out)" 'main ok=2000 EPERM=0 other=0 conf ok=2000 EPERM=0 other=0'
jailed --policy=example.com/conf=confined -- "$THREADS" -n 8 -calls 500
is 'threads: every verdict is right' "$(echo $out)" 'main ok=2000 EPERM=0 other=0 conf ok=0 EPERM=2000 other=0'

done_testing
