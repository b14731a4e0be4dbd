#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Programs that somebody else starts: libmodjail_preload.so, modjail agent, modjail env. PRELOAD is the library.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

: "${PRELOAD:?PRELOAD must name libmodjail_preload.so}"
PRELOAD=$(realpath "$PRELOAD")
CC=${CC:-cc}
SOCKET=$tmp/agent
version=$(head -n 1 "$PROGS/versions")
CGO=$PROGS/$version/cgo/probe
EXTERNAL=$PROGS/$version/external
[ -x "$CGO" ] && [ -x "$EXTERNAL/probe" ] || {
  skip 'programs with LD_PRELOAD' 'no dynamic programs were built: no C compiler'
  done_testing
}
echo content > readable

# ---- the means ------------------------------------------------------------------------------------

agent_pid=
start_agent() { # OPTION...: an agent at $SOCKET; what it writes goes to $tmp/agent.log
  : > "$tmp/agent.log"
  "$MODJAIL" agent --socket="$SOCKET" "$@" 2>> "$tmp/agent.log" < /dev/null &
  agent_pid=$!
  children+=("$agent_pid")
  eventually listens "$SOCKET" || not_ok "the agent listens: $*" "$(cat "$tmp/agent.log")"
}

listens() { # PATH: __SO_ACCEPTCON (proc_pid_net(5), unix)
  awk -v path="$1" '$4 == "00010000" && $8 == path { found = 1 } END { exit !found }' /proc/net/unix
}

stop_agent() {
  kill -TERM "$agent_pid" 2> /dev/null
  eventually gone "$agent_pid" || kill -KILL "$agent_pid"
  wait "$agent_pid" 2> /dev/null
  agent_status=$?
}

preloaded() { # PROGRAM ARG...
  capture env LD_PRELOAD="$PRELOAD" MODJAIL_SOCKET="$SOCKET" "$@"
}

launches=0
# As a service manager would: NAME.out, NAME.err, NAME.pids, NAME.end are in $launched then.
launch() { # [VARIABLE=VALUE...] -- PROGRAM ARG...
  launches=$((launches + 1))
  launched=$tmp/launch$launches
  last_run="launch $*"
  python3 "$here/launcher.py" "$launched" "$@"
  eventually test -s "$launched.pids" || not_ok 'the launcher starts the program'
  children+=($(cat "$launched.pids"))
}

launched_end() {
  eventually test -s "$launched.end"
  out=$(cat "$launched.out")
  err=$(cat "$launched.err")
  cp "$launched.out" "$tmp/out"
  cp "$launched.err" "$tmp/err"
  status=$(cat "$launched.end" 2> /dev/null)
}

logged() { # EXTENDED-REGEX: the agent has written such a line
  grep -Eq -- "$1" "$tmp/agent.log"
}

# ---- what the library is --------------------------------------------------------------------------

if command -v nm > /dev/null && command -v readelf > /dev/null; then
  is 'the library exports no symbol' "$(nm -D --defined-only "$PRELOAD")" ''
  is '... and needs nothing but libc' \
    "$(readelf -d "$PRELOAD" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')" libc.so.6
  like '... its constructor comes first' "$(readelf -d "$PRELOAD")" INITFIRST
else
  skip 'the library exports no symbol' 'no binutils'
fi

# ---- without an agent nothing starts --------------------------------------------------------------

control "$CGO" -by conf read=readable
is 'control: conf may read without modjail' "$status/$out" '0/read ok content'

preloaded "$CGO" create="$tmp/made"
is 'no agent: exit 125, nothing on standard output' "$status/$out" 125/
like '... and it says why' "$err" 'was not started: the agent at .* cannot be reached: No such file or directory'
check_not '... the program did not run' test -e "$tmp/made"

capture env LD_PRELOAD="$PRELOAD" "$CGO" create="$tmp/made"
is 'nothing is said about an agent: exit 125' "$status" 125
like '... and it says why' "$err" 'neither MODJAIL_SOCKET=PATH nor MODJAIL_POLICY=FILE is set'
capture env LD_PRELOAD="$PRELOAD" MODJAIL_SOCKET=relative "$CGO" create="$tmp/made"
is 'a relative path: exit 125' "$status" 125
capture env LD_PRELOAD="$PRELOAD" MODJAIL_SOCKET="$SOCKET" MODJAIL_POLICY=/x "$CGO" create="$tmp/made"
is 'agent and policy: exit 125' "$status" 125
capture env LD_PRELOAD="$PRELOAD" MODJAIL_SOCKET="/$(printf 'x%.0s' {1..200})" "$CGO" create="$tmp/made"
is 'a path longer than a socket can have: exit 125' "$status" 125
capture env LD_PRELOAD="$PRELOAD" MODJAIL_SOCKET="$SOCKET" MODJAIL_TIMEOUT=soon "$CGO" create="$tmp/made"
is 'a timeout that is none: exit 125' "$status" 125
check_not '... none of them ran the program' test -e "$tmp/made"

# ---- agents that are none -------------------------------------------------------------------------

false_agent() { # HOW
  rm -f "$tmp/false"
  python3 "$here/badpeers.py" agent "$1" "$tmp/false" &
  children+=($!)
  eventually test -S "$tmp/false"
  sleep 0.1
  capture env LD_PRELOAD="$PRELOAD" MODJAIL_SOCKET="$tmp/false" MODJAIL_TIMEOUT=2 "$CGO" create="$tmp/made"
}
for how in garbage huge type version nofd fds small count ancestors; do
  false_agent "$how"
  is "an agent that answers $how: exit 125" "$status/$out" 125/
  like '... and it says so' "$err" 'what the agent .* sent is not understood|sent more than fits'
done
false_agent invalid
is 'an agent with a filter that the kernel does not take: exit 125' "$status/$out" 125/
false_agent silent
is 'an agent that does not answer: exit 125' "$status/$out" 125/
like '... and it says so' "$err" 'takes too long to answer'
false_agent close
is 'an agent that hangs up: exit 125' "$status/$out" 125/
like '... and it says so' "$err" 'closed the connection'
false_agent dies
is 'an agent that ends before it has the listener: exit 125' "$status/$out" 125/
like '... and it says so' "$err" 'has ended|takes too long'
check_not '... none of them ran the program' test -e "$tmp/made"

# ---- a program in its jail ------------------------------------------------------------------------

start_agent --policy=example.com/conf=confined --verbose
is 'the socket is for its owner alone' "$(stat -c %a "$SOCKET")" 600
while read -r go; do
  for variant in cgo external; do
    what="$go/$variant"
    probe=$PROGS/$go/$variant/probe
    control "$probe" -by conf read=readable
    is "$what: control" "$out" 'read ok content'
    preloaded "$probe" -by conf read=readable
    is "$what: conf may not read" "$status/$out/$err" '0/read errno=EPERM/'
    preloaded "$probe" -by main read=readable
    is "$what: main may" "$status/$out/$err" '0/read ok content/'
    preloaded "$probe" -by goroutine read=readable
    is "$what: nor may conf's goroutine" "$status/$out/$err" '0/read errno=EPERM/'
  done
done < "$PROGS/versions"
check 'the agent tells the refusal, and of which program and process' \
  logged '^\[[0-9]+ probe\] modjail: refused openat\(O_RDONLY.*\) \(FILES/READ\) for example\.com/conf v0\.0\.0'
check '... that the program started, and as whom' logged '^\[[0-9]+ probe\] modjail: .*/probe starts in its jail: user'
check '... and that it ended' eventually logged '^\[[0-9]+ probe\] modjail: has ended'

launch LD_PRELOAD="$PRELOAD" MODJAIL_SOCKET="$SOCKET" -- "$CGO" -by conf read=readable create="$tmp/by-conf"
launched_end
is 'started by a daemon: conf is refused' "$status/$out" $'exit 0/read errno=EPERM\ncreate errno=EPERM'
launch LD_PRELOAD="$PRELOAD" MODJAIL_SOCKET="$SOCKET" -- "$CGO" -by main read=readable create="$tmp/by-main"
launched_end
is 'started by a daemon: main works' "$status/$out" $'exit 0/read ok content\ncreate ok'
check_not '... what was refused did not happen' test -e "$tmp/by-conf"
check '... what was allowed did' test -e "$tmp/by-main"

preloaded "$CGO" kill=$$x
is "the program's own exit status" "$status" 0
preloaded "$CGO" nonsense
is "... and another one" "$status" 2

# The library closes its connection right after its last word, which is a word in shared memory: an agent that looks at the
# word, and at the connection only when that is closed, must look at the word again.
if strace -o /dev/null true 2> /dev/null; then
  ASAN_OPTIONS=detect_leaks=0 strace -f -o /dev/null -e trace=poll -e inject=poll:delay_enter=60000 \
    "$MODJAIL" agent --socket="$tmp/slow" --policy=example.com/conf=confined 2> "$tmp/slow.log" &
  tracer=$!
  children+=("$tracer")
  eventually listens "$tmp/slow"
  slow_agent=$(cat "/proc/$tracer/task/$tracer/children")
  capture strace -o /dev/null -E LD_PRELOAD="$PRELOAD" -E MODJAIL_SOCKET="$tmp/slow" -e trace=close \
    -e inject=close:delay_enter=10000 "$CGO" -by main create="$tmp/late"
  is 'an agent that sees the connection closed before the last word' "$status/$out" '0/create ok'
  # shellcheck disable=SC2086
  kill -TERM $slow_agent
  wait "$tracer"
else
  skip 'an agent that sees the connection closed before the last word' 'strace cannot trace here'
fi

# The listener: nobody in the jail has a copy. The descriptors of a program that waits are looked at.
launch LD_PRELOAD="$PRELOAD" MODJAIL_SOCKET="$SOCKET" -- "$EXTERNAL/forker" -sleep 60s
eventually grep -q '^pids ' "$launched.out"
read -r _ sleeper sleeping_child < "$launched.out"
is 'no descriptor of the library is left in the program, or in what it starts' \
  "$(for pid in "$sleeper" "$sleeping_child"; do ls -l "/proc/$pid/fd"; done | grep -cE 'seccomp|memfd:|socket:')" 0
is '... it is under a filter' "$(sed -n 's/^Seccomp:[[:space:]]*//p' "/proc/$sleeper/status")" 2
is '... and so is what it starts' "$(sed -n 's/^Seccomp:[[:space:]]*//p' "/proc/$sleeping_child/status")" 2
kill -TERM "$sleeper"
launched_end
is 'a signal ends it as it would without modjail' "$status" 'signal 15'
kill -KILL "$sleeping_child"

# Creators: conf's http.Get dials on a goroutine that has no frame of conf. Only the runtime's records tell.
background "$EXTERNAL/fetch" -serve "$tmp/url"
server=$pid
eventually test -s "$tmp/url" || echo 'Bail out! the server did not start'
while read -r go; do
  for variant in external; do
    fetch=$PROGS/$go/$variant/fetch
    control "$fetch" -n 5 "$(cat "$tmp/url")"
    is "$go/$variant: control: http.Get by conf" "$out" 'ok=5 EPERM=0 other=0'
    preloaded "$fetch" -n 5 "$(cat "$tmp/url")"
    is "$go/$variant: http.Get by conf is refused, on another goroutine" "$out" 'ok=0 EPERM=5 other=0'
    capture env GODEBUG=madvdontneed=1,tracebackancestors=0 LD_PRELOAD="$PRELOAD" MODJAIL_SOCKET="$SOCKET" \
      "$fetch" -n 5 "$(cat "$tmp/url")"
    is "$go/$variant: ... whatever GODEBUG was before" "$out" 'ok=0 EPERM=5 other=0'
  done
done < "$PROGS/versions"
check '... charged to conf' logged 'refused socket\(AF_INET.*for example\.com/conf'
{ kill -KILL "$server" && wait "$server"; } 2> /dev/null

# What it executes: under its ceiling, as with modjail run.
preloaded "$CGO" -by main std-exec="$tmp/exec-main"
check 'a program that main executes works' test -e "$tmp/exec-main"
preloaded "$CGO" -by conf std-exec="$tmp/exec-conf"
check_not 'one that conf executes does not start' test -e "$tmp/exec-conf"
preloaded "$EXTERNAL/forker" -children 10 -exit 3
is 'ten children' "$status/$(grep -c '^child ' "$tmp/out")" 3/10
preloaded "$EXTERNAL/forker" -exec "$CGO" -by conf read=readable
is 'the same main module is walked after exec, too' "$status/$out" '0/read errno=EPERM'
preloaded "$EXTERNAL/forker" -exec "$PROBE" -by conf read=readable
is '... also as a static program, which no library is preloaded into' "$status/$out" '0/read errno=EPERM'
rm -f "$tmp/daemon"
preloaded "$EXTERNAL/forker" -daemon "$tmp/daemon" -after 1s -exit 5
is 'a daemon that outlives the program' "$status" 5
check '... still works' eventually test -s "$tmp/daemon"

# Orphans may do no more than who executed them, even if the program adopts them: as the launcher arranged it, before the
# filter could see it. conf may execute a shell, whose fork makes its first supervised call once the shell has ended.
stop_agent
policy() { # FILE LINE...
  local file=$1
  shift
  {
    echo 'version: 1'
    printf '%s\n' "$@"
  } > "$file"
}
policy orphans.yaml 'modules:' '  example.com/conf: [confined, EXEC, FILES/READ]'
start_agent --policy-file=orphans.yaml
mkfifo wait
for subreaper in PR_SET_CHILD_SUBREAPER=1 NO=1; do
  : > "$tmp/agent.log"
  launch LD_PRELOAD="$PRELOAD" MODJAIL_SOCKET="$SOCKET" "$subreaper" -- \
    "$CGO" -by conf std-orphan="$tmp/orphan" read=wait
  check "an orphan ($subreaper) is refused what who executed its parent may not" eventually \
    logged 'refused openat\(O_WRONLY.*sh.*: the module that executed it may not do it'
  timeout 10 sh -c 'echo go > wait'
  launched_end
  check_not '... nothing was written' test -e "$tmp/orphan"
done
# The same for the first process of a PID namespace, whose numbers the agent sees as its own namespace has them.
if unshare --pid --fork --mount-proc true 2> /dev/null; then
  : > "$tmp/agent.log"
  launch -- unshare --pid --fork --mount-proc \
    env LD_PRELOAD="$PRELOAD" MODJAIL_SOCKET="$SOCKET" "$CGO" -by conf create="$tmp/made" std-orphan="$tmp/orphan" read=wait
  check 'an orphan in a PID namespace' eventually \
    logged 'refused openat\(O_WRONLY.*sh.*: the module that executed it may not do it'
  timeout 10 sh -c 'echo go > wait'
  launched_end
  like 'a program in a PID namespace is in its jail' "$out" $'^create errno=EPERM\n'
  check_not '... nothing was written' test -e "$tmp/orphan"
else
  skip 'a program in a PID namespace' 'no PID namespace can be made'
fi
control "$CGO" -by conf std-orphan="$tmp/orphan"
check 'control: without a jail it writes' eventually test -e "$tmp/orphan"
rm -f wait
stop_agent
start_agent --policy=example.com/conf=confined --verbose

stop_agent
start_agent --strict --policy=example.com/cnf=confined
preloaded "$CGO" create="$tmp/made"
is '--strict: a program that the policy does not fit does not start' "$status/$out" 125/
check_not '... and does nothing' test -e "$tmp/made"
check '... and the agent says why' eventually logged 'no module example.com/cnf'
check '... and that it is because of --strict' eventually logged 'not started: --strict: '
stop_agent
start_agent --policy=example.com/conf=confined --verbose

# Jails do not nest, and the kernel has one listener for a process.
capture "$MODJAIL" run --no-policy -- env LD_PRELOAD="$PRELOAD" MODJAIL_SOCKET="$SOCKET" "$CGO" create="$tmp/made"
is 'inside of another jail: exit 125' "$status" 125
like '... and it says why' "$err" 'another supervisor .* already holds a listener'
check 'the agent has heard of it, too' eventually logged 'another supervisor .* already holds a listener'
check_not '... the program did not run' test -e "$tmp/made"

# ---- the environment ------------------------------------------------------------------------------

cat > shows.c << 'C'
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
extern char **environ;
__attribute__((constructor)) static void start(void)
{
	const char *preload = getenv("LD_PRELOAD"), *godebug = getenv("GODEBUG");
	dprintf(1, "constructor: LD_PRELOAD=%s MODJAIL_SOCKET=%s GODEBUG=%s\n", preload ? preload : "-",
	        getenv("MODJAIL_SOCKET") ? "set" : "-", godebug ? godebug : "-");
}
C
if "$CC" -shared -fPIC -o shows.so shows.c 2> "$tmp/cc" &&
  "$CC" -shared -fPIC -Wl,-z,initfirst -o threads.so "$here/initfirst.c" -lpthread 2>> "$tmp/cc" &&
  "$CC" -shared -fPIC -Wl,-z,initfirst -DGETENV -o setenv.so "$here/initfirst.c" 2>> "$tmp/cc"; then
  capture env LD_PRELOAD="$PRELOAD:$tmp/shows.so" MODJAIL_SOCKET="$SOCKET" "$CGO" -by main read=readable
  is 'other libraries: their constructors come later, and find the environment cleaned' "$status/$out" \
    "0/constructor: LD_PRELOAD=$tmp/shows.so MODJAIL_SOCKET=- GODEBUG=tracebackancestors=32
read ok content"
  capture env LD_PRELOAD="$tmp/shows.so $PRELOAD" MODJAIL_SOCKET="$SOCKET" MODJAIL_KEEP_ENV=1 "$CGO" -by main read=readable
  is '... or kept, if that was asked for' "$status/$out" \
    "0/constructor: LD_PRELOAD=$tmp/shows.so $PRELOAD MODJAIL_SOCKET=set GODEBUG=tracebackancestors=32
read ok content"
  capture env LD_PRELOAD="$tmp/threads.so" "$CGO" -by main read=readable
  is 'control: a library that starts a thread' "$status/$out" '0/read ok content'
  capture env LD_PRELOAD="$PRELOAD:$tmp/threads.so" MODJAIL_SOCKET="$SOCKET" "$CGO" -by main read=readable
  is 'a thread that is there already: exit 125' "$status/$out" 125/
  like '... and it says why' "$err" 'another library has started threads already'
  capture env LD_PRELOAD="$PRELOAD:$tmp/setenv.so" MODJAIL_SOCKET="$SOCKET" "$CGO" -by goroutine read=readable
  is 'a library that has moved the environment: still in the jail' "$status/$out" '0/read errno=EPERM'
else
  not_ok 'the test libraries build' "$(cat "$tmp/cc")"
fi

# ---- who cannot be preloaded into -----------------------------------------------------------------

# A static program runs without any jail: nothing reads LD_PRELOAD. modjail env is how to notice.
preloaded "$PROBE" -by conf read=readable
is 'a static program runs WITHOUT a jail' "$status/$out" '0/read ok content'
capture "$MODJAIL" env --socket="$SOCKET" "$PROBE"
is '... which modjail env notices' "$status/$out" 1/
like '... and says what to do' "$err" 'it is static.*WITHOUT ANY JAIL; instead: modjail run'
preloaded /bin/true
is 'a program that is not Go does not start' "$status" 125
like '... and it says why' "$err" 'not a Go program'

if [ "$(id -u)" -eq 0 ] && command -v setpriv > /dev/null; then
  mkdir -m 755 setuid
  chmod 755 "$tmp"
  cp "$CGO" setuid/probe
  as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all)
  cp readable setuid/readable
  capture "${as_nobody[@]}" env LD_PRELOAD="$PRELOAD" MODJAIL_SOCKET="$tmp/none" "$tmp/setuid/probe" read="$tmp/setuid/readable"
  is 'control: an ordinary program of another user does not start without its agent' "$status" 125
  chown root setuid/probe && chmod 4755 setuid/probe
  capture "${as_nobody[@]}" env LD_PRELOAD="$PRELOAD" MODJAIL_SOCKET="$tmp/none" "$tmp/setuid/probe" read="$tmp/setuid/readable"
  is 'a set-user-ID program: the loader ignores LD_PRELOAD' "$status/$out" '0/read ok content'
  capture "$MODJAIL" env --socket="$SOCKET" setuid/probe
  is '... which modjail env notices' "$status/$out" 1/
  like '... and says what to do' "$err" 'set-user-ID.*WITHOUT ANY JAIL; instead: modjail run'
  # /etc/ld.so.preload reaches those, too, and then the library itself refuses. In a mount namespace of its own, by a
  # process that was loaded before.
  mkdir etc
  cp /etc/ld.so.cache etc/
  echo "$PRELOAD" > etc/ld.so.preload
  with_global_preload() { # PROGRAM ARG...: as nobody
    capture unshare -m "$(command -v python3)" -c 'import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(sys.argv[1].encode(), b"/etc", None, 4096, None) != 0:
    sys.exit("cannot mount")
os.setgid(65534)
os.setuid(65534)
os.execv(sys.argv[2], sys.argv[2:])' "$tmp/etc" "$@"
  }
  if unshare -m true 2> /dev/null; then
    with_global_preload "$tmp/setuid/probe" read="$tmp/setuid/readable"
    is 'a set-user-ID program that the library gets into all the same: exit 125' "$status/$out" 125/
    like '... and it says why' "$err" 'it runs with more privileges than who started it'
  else
    skip 'a set-user-ID program that the library gets into all the same' 'no mount namespace can be made'
  fi
else
  skip 'set-user-ID programs' 'not root, or no setpriv'
fi
stop_agent
is 'SIGTERM ends the agent' "$agent_status" 0
check_not '... and removes its socket' test -e "$SOCKET"

# ---- other users ----------------------------------------------------------------------------------

if [ "$(id -u)" -eq 0 ] && command -v setpriv > /dev/null; then
  start_agent --policy=example.com/conf=confined
  cp "$CGO" setuid/plain && chmod 755 setuid/plain
  capture "${as_nobody[@]}" env LD_PRELOAD="$PRELOAD" MODJAIL_SOCKET="$SOCKET" "$tmp/setuid/plain" -by conf read="$tmp/setuid/readable"
  is 'a socket of mode 0600: another user does not reach it' "$status/$out" 125/
  like '... and is told' "$err" 'cannot be reached: Permission denied'
  stop_agent
  start_agent --policy=example.com/conf=confined --socket-mode=0666
  capture "${as_nobody[@]}" env LD_PRELOAD="$PRELOAD" MODJAIL_SOCKET="$SOCKET" "$tmp/setuid/plain" -by conf read="$tmp/setuid/readable"
  is 'an agent of root supervises programs of others' "$status/$out" '0/read errno=EPERM'
  capture "${as_nobody[@]}" env LD_PRELOAD="$PRELOAD" MODJAIL_SOCKET="$SOCKET" "$tmp/setuid/plain" -by main read="$tmp/setuid/readable"
  is '... and lets them do what they may' "$status/$out" '0/read ok content'
  stop_agent
  start_agent --policy=example.com/conf=confined --socket-mode=0666 --allow-user=root
  capture "${as_nobody[@]}" env LD_PRELOAD="$PRELOAD" MODJAIL_SOCKET="$SOCKET" "$tmp/setuid/plain" -by main read="$tmp/setuid/readable"
  is '--allow-user: others are turned away' "$status/$out" 125/
  like '... and told' "$err" 'takes no programs of user 65534'
  preloaded "$CGO" -by conf read=readable
  is '... those named are not' "$status/$out" '0/read errno=EPERM'
  stop_agent
  # An agent of another ordinary user is not believed.
  mkdir -m 777 open
  "${as_nobody[@]}" "$MODJAIL" agent --socket="$tmp/open/agent" --socket-mode=0666 \
    --policy=example.com/conf=confined 2> "$tmp/agent.log" &
  agent_pid=$!
  children+=("$agent_pid")
  eventually listens "$tmp/open/agent"
  capture setpriv --reuid=65533 --regid=65533 --clear-groups env LD_PRELOAD="$PRELOAD" MODJAIL_SOCKET="$tmp/open/agent" \
    "$tmp/setuid/plain" -by main read="$tmp/setuid/readable"
  is "another user's agent is not believed" "$status/$out" 125/
  like '... by the library, or turns the program away' "$err" 'neither root nor the user of the program|takes no programs of user'
  capture "${as_nobody[@]}" env LD_PRELOAD="$PRELOAD" MODJAIL_SOCKET="$tmp/open/agent" "$tmp/setuid/plain" -by conf read="$tmp/setuid/readable"
  is 'an agent without privileges: its own user works' "$status/$out" '0/read errno=EPERM'
  stop_agent
else
  skip 'programs of other users' 'not root, or no setpriv'
fi

# ---- options of run -------------------------------------------------------------------------------

start_agent --policy=example.com/conf=confined --on-deny=kill --summary --stats
preloaded "$CGO" -by conf read=readable
is '--on-deny=kill: the process is killed' "$status/$out" 137/
check '... and the agent, which goes on, says so' logged '^\[[0-9]+ probe\] modjail: killed process [0-9]+ at openat'
check '--summary: at the end of each program' eventually logged '^\[[0-9]+ probe\] .*refused'
check '--stats: likewise' eventually logged '^\[[0-9]+ probe\] modjail: [0-9]+ calls checked'
preloaded "$CGO" -by main read=readable
is '... the next program starts' "$status/$out" '0/read ok content'
stop_agent
start_agent --policy=example.com/conf=confined --on-deny=log --log-format=json
preloaded "$CGO" -by conf read=readable
is '--on-deny=log: it goes through' "$status/$out" '0/read ok content'
check '... and is recorded' logged '^\{"jail":[0-9]+,"time":.*"event":"allowed".*"module":"example\.com/conf"'
stop_agent
start_agent --policy=example.com/conf=confined --verify-walk --ancestry=off --quiet
preloaded "$CGO" -by conf read=readable
is '--verify-walk, --ancestry=off: refused as ever' "$status/$out" '0/read errno=EPERM'
is '--quiet: nothing is written' "$(cat "$tmp/agent.log")" ''
stop_agent

# ---- policies by program --------------------------------------------------------------------------

mkdir -p policies/modules/example.com "policies/paths$(dirname "$CGO")"
policy policies/modules/example.com/mjtests.yaml 'program: example.com/mjtests' 'modules:' '  example.com/conf: confined'
start_agent --policy-dir=policies
preloaded "$CGO" -by conf read=readable
is '--policy-dir: by main module' "$status/$out" '0/read errno=EPERM'
policy "policies/paths$CGO.yaml" 'modules:' '  example.com/conf: [FILES/READ]'
preloaded "$CGO" -by conf read=readable create="$tmp/made"
is '... by path, which beats the module' "$status/$out" $'0/read ok content\ncreate errno=EPERM'
preloaded "$EXTERNAL/other" conf read readable
is '... a program that it has nothing for does not start' "$status/$out" 125/
like '... and it says what is missing' "$err" 'the agent has no policy for .*other: it would be policies/paths/.*/other\.yaml or policies/modules/'
policy "policies/paths$CGO.yaml" 'modules:' '  example.com/conf: [NONSENSE]'
preloaded "$CGO" -by main read=readable
is '... a policy with an error in it: the program does not start' "$status/$out" 125/
policy "policies/paths$CGO.yaml" 'program: example.com/another' 'default: confined'
preloaded "$CGO" -by main read=readable
is '... nor with one for another program' "$status/$out" 125/
rm "policies/paths$CGO.yaml"
stop_agent
start_agent --policy-dir=policies --policy-file="$tmp/policies/modules/example.com/mjtests.yaml" --policy=example.com/conf=unconfined
preloaded "$CGO" -by conf read=readable
is '--policy beats the folder' "$status/$out" '0/read ok content'
stop_agent

# Twenty programs at once, all with policies of their own.
rm -rf policies
mkdir -p policies/modules copies
for ((i = 0; i < 20; i++)); do
  cp "$CGO" "copies/probe$i"
  mkdir -p "policies/paths$tmp/copies"
  if ((i % 2)); then word='[FILES/READ]'; else word='[FILES/WRITE]'; fi
  policy "policies/paths$tmp/copies/probe$i.yaml" 'modules:' "  example.com/conf: $word"
done
start_agent --policy-dir=policies --log-format=json --log-file="$tmp/records"
pids=()
for ((i = 0; i < 20; i++)); do
  LD_PRELOAD=$PRELOAD MODJAIL_SOCKET=$SOCKET "copies/probe$i" -by conf read=readable create="$tmp/copies/made$i" \
    read=readable > "copies/out$i" 2>&1 &
  pids+=($!)
done
wrong=
for ((i = 0; i < 20; i++)); do
  wait "${pids[i]}" || wrong+=" $i:exit"
  if ((i % 2)); then want=$'read ok content\ncreate errno=EPERM\nread ok content'; else want=$'read errno=EPERM\ncreate ok\nread errno=EPERM'; fi
  [ "$(cat "copies/out$i")" = "$want" ] || wrong+=" $i:$(tr '\n' ',' < "copies/out$i")"
done
is 'twenty programs at once, each under its own policy' "$wrong" ''
stop_agent
is '... whose records all say whose they are' "$(python3 -c 'import json, sys
records = [json.loads(line) for line in open(sys.argv[1])]
refused = [r for r in records if r["event"] == "refusal"]
print(len({r["jail"] for r in refused}), len({r["program"] for r in refused}), all(r["jail"] == r["pid"] for r in refused))' "$tmp/records")" \
  '20 20 True'

# ---- limits, and peers that misbehave -------------------------------------------------------------

start_agent --policy=example.com/conf=confined --max-programs=2
launch LD_PRELOAD="$PRELOAD" MODJAIL_SOCKET="$SOCKET" -- "$EXTERNAL/forker" -sleep 60s
first=$launched
launch LD_PRELOAD="$PRELOAD" MODJAIL_SOCKET="$SOCKET" -- "$EXTERNAL/forker" -sleep 60s
second=$launched
eventually grep -q '^pids ' "$first.out"
eventually grep -q '^pids ' "$second.out"
preloaded "$CGO" -by main read=readable
is '--max-programs: one more is turned away' "$status/$out" 125/
like '... and told' "$err" 'as many programs as it may'
for name in "$first" "$second"; do
  read -r _ a b < "$name.out"
  kill -KILL "$a" "$b"
done
works_again() {
  preloaded "$CGO" -by main read=readable
  [ "$status/$out" = '0/read ok content' ]
}
check '... until one has ended' eventually works_again
stop_agent

start_agent --policy=example.com/conf=confined
mkfifo hold
python3 "$here/badpeers.py" clients "$SOCKET" < hold > "$tmp/clients" 2>&1 &
clients=$!
children+=("$clients")
exec 9> hold
LIMIT=60
ready() { grep -q ready "$tmp/clients"; }
for ((i = 0; i < 10; i++)); do eventually ready && break; done
check 'garbage of every kind was sent' ready
preloaded "$CGO" -by conf read=readable
is 'programs are supervised beside clients that say nothing, and after garbage' "$status/$out" '0/read errno=EPERM'
exec 9>&-
check_not 'the agent is still there' gone "$agent_pid"
check '... and said what was wrong' logged 'is not understood'
capture python3 "$here/badpeers.py" keep "$SOCKET"
like 'what is not Go gets no filter, whatever it says' "$out" '^refused: .* is not a Go program'
stop_agent

# ---- ends -----------------------------------------------------------------------------------------

# The agent ends with the last program, when it is told to; a second time: at once, and the programs with it.
start_agent --policy=example.com/conf=confined
launch LD_PRELOAD="$PRELOAD" MODJAIL_SOCKET="$SOCKET" -- "$EXTERNAL/forker" -sleep 60s
eventually grep -q '^pids ' "$launched.out"
read -r _ sleeper sleeping_child < "$launched.out"
kill -TERM "$agent_pid"
check 'told to end: no more programs are taken' eventually test ! -e "$SOCKET"
check_not '... the agent waits for those that run' gone "$agent_pid"
check_not '... which go on' gone "$sleeper"
kill -TERM "$agent_pid"
check 'told again: it ends' eventually gone "$agent_pid"
check '... and the programs with it' eventually gone "$sleeper"
kill -KILL "$sleeping_child" 2> /dev/null
wait "$agent_pid" 2> /dev/null

# A supervisor that is killed: its program is.
start_agent --policy=example.com/conf=confined
launch LD_PRELOAD="$PRELOAD" MODJAIL_SOCKET="$SOCKET" -- "$EXTERNAL/forker" -sleep 60s
eventually grep -q '^pids ' "$launched.out"
read -r _ sleeper sleeping_child < "$launched.out"
kill -KILL "$(pgrep -P "$agent_pid")"
check 'the supervisor of a program is killed: so is the program' eventually gone "$sleeper"
kill -KILL "$sleeping_child" 2> /dev/null
preloaded "$CGO" -by conf read=readable
is '... others do not notice' "$status/$out" '0/read errno=EPERM'
stop_agent

# Everything of the agent is killed midway: nothing gets through. The program is told when.
start_agent --policy=example.com/conf=confined
mkfifo go
launch LD_PRELOAD="$PRELOAD" MODJAIL_SOCKET="$SOCKET" -- "$EXTERNAL/probe" -by main read="$tmp/readable" read="$tmp/go" \
  read="$tmp/readable" create="$tmp/after" std-exec="$tmp/after-exec"
eventually grep -q 'read ok content' "$launched.out"
supervisor=$(pgrep -P "$agent_pid")
# The parent first: it would kill the program.
kill -KILL "$agent_pid"
wait "$agent_pid" 2> /dev/null
check_not 'the agent is killed: the supervisor stays' gone "$supervisor"
kill -KILL "$supervisor"
eventually gone "$supervisor"
timeout 10 sh -c 'echo go > "$1"' sh go
launched_end
like 'both are killed: what is supervised fails from then on' "$out" $'^read ok content\n'
check_not '... nothing got through' test -e "$tmp/after"
check_not '... nothing at all' test -e "$tmp/after-exec"
is '... it was read once, and not again' "$(grep -c 'read ok content' "$launched.out")" 1
rm -f go
# The socket that it left is stale.
check 'the killed agent left its socket' test -S "$SOCKET"
start_agent --policy=example.com/conf=confined
preloaded "$CGO" -by conf read=readable
is 'another agent replaces it' "$status/$out" '0/read errno=EPERM'
capture "$MODJAIL" agent --socket="$SOCKET" --policy=example.com/conf=confined
is 'a second agent at the same path does not start' "$status" 125
like '... and says why' "$err" 'somebody listens at .* already'
preloaded "$CGO" -by conf read=readable
is '... the first one still works' "$status/$out" '0/read errno=EPERM'
stop_agent
echo file > "$tmp/file"
capture "$MODJAIL" agent --socket="$tmp/file" --policy=example.com/conf=confined
is 'a file that is no socket is left alone' "$status/$(cat "$tmp/file")" 125/file

# ---- a socket of the service manager's ------------------------------------------------------------

python3 - "$SOCKET" "$MODJAIL" "$tmp/agent.log" << 'EOF' &
import os, socket, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listener.bind(sys.argv[1])
listener.listen()
log = os.open(sys.argv[3], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
os.dup2(log, 2)
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[2], [sys.argv[2], "agent", "--policy=example.com/conf=confined"])
EOF
agent_pid=$!
children+=("$agent_pid")
eventually listens "$SOCKET"
preloaded "$CGO" -by conf read=readable
is 'socket activation' "$status/$out" '0/read errno=EPERM'
stop_agent
check '... the socket is not the agent'\''s to remove' test -S "$SOCKET"
rm -f "$SOCKET"

# ---- without an agent: MODJAIL_POLICY -------------------------------------------------------------

policy one.yaml 'modules:' '  example.com/conf: confined'
with_policy() { # PROGRAM ARG...
  capture env LD_PRELOAD="$PRELOAD" MODJAIL_POLICY="$tmp/one.yaml" MODJAIL_BIN="$MODJAIL" "$@"
}
with_policy "$CGO" -by conf read=readable
is 'MODJAIL_POLICY: a supervisor of its own' "$status/$out" '0/read errno=EPERM'
check '... which writes where the program does' eventually grep -Eq '^\[[0-9]+ probe\] modjail: refused openat' "$tmp/err"
with_policy "$CGO" -by main read=readable
is '... main works' "$status/$out/$err" '0/read ok content/'
printf 'module example.com/mjtests\nrequire example.com/conf v0.0.0 // gomodjail:confined\n' > go.mod
capture env LD_PRELOAD="$PRELOAD" MODJAIL_POLICY="$tmp/go.mod" MODJAIL_BIN="$MODJAIL" "$CGO" -by conf read=readable
is '... from a go.mod' "$status/$out" '0/read errno=EPERM'
without_start() { # DESCRIPTION VARIABLE=VALUE...
  local description=$1
  shift
  capture env LD_PRELOAD="$PRELOAD" "$@" "$CGO" create="$tmp/made"
  is "... $description: exit 125" "$status/$out" 125/
}
without_start 'a policy that is not there' MODJAIL_POLICY="$tmp/absent.yaml" MODJAIL_BIN="$MODJAIL"
without_start 'a modjail that is not there' MODJAIL_POLICY="$tmp/one.yaml" MODJAIL_BIN="$tmp/absent"
like '... and it says so' "$err" 'cannot execute .*/absent: No such file or directory'
without_start 'a relative path of modjail' MODJAIL_POLICY="$tmp/one.yaml" MODJAIL_BIN=modjail
without_start 'a relative path of the policy' MODJAIL_POLICY=one.yaml MODJAIL_BIN="$MODJAIL"
without_start 'a modjail that is another program' MODJAIL_POLICY="$tmp/one.yaml" MODJAIL_BIN=/bin/true
check_not '... none of them ran the program' test -e "$tmp/made"
launch LD_PRELOAD="$PRELOAD" MODJAIL_POLICY="$tmp/one.yaml" MODJAIL_BIN="$MODJAIL" -- "$EXTERNAL/forker" -sleep 60s
eventually grep -q '^pids ' "$launched.out"
read -r _ sleeper sleeping_child < "$launched.out"
helper=$(pgrep -f -- "--once=3 --policy-file=$tmp/one.yaml")
check '... the supervisor is there' test -n "$helper"
kill -TERM "$helper"
kill -KILL "$sleeper" "$sleeping_child"
check '... and ends with the program, not before' eventually gone "$helper"

# ---- modjail env ----------------------------------------------------------------------------------

capture "$MODJAIL" env --socket="/run/it's" "$CGO"
is 'modjail env: lines for a shell' "$status/$out" "0/export LD_PRELOAD='$PRELOAD'
export MODJAIL_SOCKET='/run/it'\\''s'"
is '... which a shell reads' "$(unset MODJAIL_SOCKET; eval "$out"; unset LD_PRELOAD; echo "$MODJAIL_SOCKET")" "/run/it's"
capture "$MODJAIL" env --format=systemd --socket='/run/a "b" 100%' "$CGO"
is '... lines for a unit' "$status/$out" "0/Environment=\"LD_PRELOAD=$PRELOAD\"
Environment=\"MODJAIL_SOCKET=/run/a \\\"b\\\" 100%%\""
capture "$MODJAIL" env --format=json --policy-file=one.yaml "$CGO"
is '... JSON' "$status/$(python3 -c 'import json, sys
o = json.load(sys.stdin)
print(o["works"], o["main_module"], sorted(o["environment"]))' <<< "$out")" \
  "0/True example.com/mjtests ['LD_PRELOAD', 'MODJAIL_BIN', 'MODJAIL_POLICY']"
capture "$MODJAIL" env --format=json --socket=x "$PROBE"
is '... JSON of what does not work' "$status/$(python3 -c 'import json, sys
o = json.load(sys.stdin)
print(o["works"], o["environment"], "static" in o["reason"], "modjail run" in o["instead"])' <<< "$out")" '1/False {} True True'
capture "$MODJAIL" env --socket=x /bin/sh
like '... not Go' "$status/$err" '^1/.*no Go program'
printf '#!/bin/sh\nexit 0\n' > script && chmod +x script
capture "$MODJAIL" env --socket=x ./script
like '... a script' "$status/$err" '^1/.*no executable file.*interpreter'
capture "$MODJAIL" env --socket=x ./absent
is '... a program that is not there' "$status" 125
capture "$MODJAIL" env --socket=x --library=/absent.so "$CGO"
like '... a library that is not there' "$status/$err" '^125/.*cannot read the library'
head -c 3000 "$CGO" > cut && chmod +x cut
capture "$MODJAIL" env --socket=x ./cut
check_not '... a damaged file' test "$status" -eq 0
capture "$MODJAIL" env --socket=/run/x --policy-file=one.yaml "$CGO"
is '... two supervisors' "$status" 125

# ---- a real program with C code in it -------------------------------------------------------------

GO=${GO:-go}
SQLITE=$tmp/sqlite
if ! (cd "$here/../programs/sqlite" && GOTOOLCHAIN=local GOWORK=off GOFLAGS=-mod=mod timeout 300 "$GO" mod download) \
  > "$tmp/download" 2>&1; then
  skip 'a program with SQLite in it' 'the module could not be downloaded'
  done_testing
fi
if ! (cd "$here/../programs/sqlite" && GOTOOLCHAIN=local GOWORK=off GOFLAGS='-mod=readonly -buildvcs=false' CGO_ENABLED=1 \
  timeout 500 "$GO" build -o "$SQLITE" .) > "$tmp/build" 2>&1; then
  not_ok 'the program with SQLite in it builds' "$(head -n 12 "$tmp/build")"
  done_testing
fi
rm -f go.mod
policy sqlite.yaml 'program: example.com/sqlite' 'default: confined' 'modules:' '  main: unconfined' \
  '  github.com/mattn/go-sqlite3: [FILES, READ_SYSTEM_STATE]'
control "$SQLITE" db read readable
is 'SQLite: control' "$status/$out" $'0/runs 1\nconf: read'
start_agent --policy-file="$tmp/sqlite.yaml"
launch LD_PRELOAD="$PRELOAD" MODJAIL_SOCKET="$SOCKET" -- "$SQLITE" "$tmp/db" read "$tmp/readable"
launched_end
is 'SQLite, started by a daemon: the database works, conf is refused' "$status/$out" \
  $'exit 0/runs 2\nconf: open '"$tmp"$'/readable: operation not permitted'
is '... and nothing else was refused' "$(grep -c ' refused ' "$tmp/agent.log")" 1
launch LD_PRELOAD="$PRELOAD" MODJAIL_SOCKET="$SOCKET" MODJAIL_TIMEOUT=30 OTHER=kept GODEBUG=gctrace=0 -- "$SQLITE" "$tmp/db" environ
launched_end
is '... what Go and C find in the environment' "$(grep -E '^(go|c) ' "$launched.out" | grep -v ' PATH=')" \
  'c GODEBUG=gctrace=0,tracebackancestors=32
c OTHER=kept
go GODEBUG=gctrace=0,tracebackancestors=32
go OTHER=kept'
stop_agent
policy sqlite.yaml 'program: example.com/sqlite' 'modules:' '  github.com/mattn/go-sqlite3: confined'
start_agent --policy-file="$tmp/sqlite.yaml"
preloaded "$SQLITE" "$tmp/db" read "$tmp/readable"
like 'SQLite confined: the C code that it calls opens no file' "$status/$out" $'^0/database: .*\nconf: read$'
check '... charged to the module' logged 'refused open.*for github\.com/mattn/go-sqlite3 v1\.14\.22'
stop_agent

done_testing
