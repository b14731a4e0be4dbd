#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Right reasons: programs and policies that do not fit each other, programs of unusual make, and what a program cannot have
# under modjail. modjail says what it is and what to do, once, before the program starts; with --strict it does not start.
# Besides what lib.sh reads: GO, HELPERS.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"

GO=$(command -v "${GO:-go}") || { skip 'reasons' 'no go command'; done_testing; }
CC=${CC:-cc}
export HOME="${HOME:-$tmp}" GOTOOLCHAIN=local GOWORK=off GOFLAGS=-buildvcs=false
confine=--policy=example.com/conf=confined
chmod 755 "$tmp"

# ---- a module, and one that it requires and the policies confine -----------------------------------

mkdir -p mine/{app,listen,lib} conf
cat > conf/conf.go << 'END'
// Package conf reads a file for whoever asks.
package conf

import "os"

//go:noinline
func Read() string {
	if _, err := os.ReadFile("/etc/passwd"); err != nil {
		return "refused"
	}
	return "read"
}
END
printf 'module example.com/conf\n\ngo 1.19\n' > conf/go.mod
printf 'module example.com/mine\n\ngo 1.19\n\nrequire example.com/conf v0.0.0 // gomodjail:confined\n\nreplace example.com/conf => ../conf\n' \
  > mine/go.mod
cat > mine/app/main.go << 'END'
package main

import (
	"fmt"
	"os"

	"example.com/conf"
)

func main() {
	_, err := os.ReadFile("/etc/passwd")
	fmt.Println("main:", err == nil, "conf:", conf.Read())
}
END
cat > mine/app/main_test.go << 'END'
package main

import (
	"testing"

	"example.com/conf"
)

func TestRead(t *testing.T) {
	if conf.Read() != "refused" {
		t.Error("conf was not refused")
	}
}
END
cat > mine/listen/main.go << 'END'
// listen serves the sockets that a service manager has left open.
package main

import (
	"fmt"
	"net"
	"os"
	"strconv"

	"example.com/conf"
)

func main() {
	fmt.Println("conf:", conf.Read())
	for _, name := range []string{"LISTEN_PID", "WATCHDOG_PID", "SYSTEMD_EXEC_PID"} {
		fmt.Println(name, "mine:", os.Getenv(name) == strconv.Itoa(os.Getpid()))
	}
	_, twice := os.LookupEnv("LISTEN_PIDFDID")
	fmt.Println("LISTEN_PIDFDID:", twice)
	n, _ := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	for fd := 3; fd < 3+n; fd++ {
		l, err := net.FileListener(os.NewFile(uintptr(fd), "socket"))
		if err != nil {
			fmt.Println(err)
			continue
		}
		c, err := l.Accept()
		if err == nil {
			fmt.Fprintln(c, "served", fd)
			c.Close()
		}
	}
}
END
cat > mine/lib/main.go << 'END'
package main

import "C"

import (
	"fmt"
	"os"

	"example.com/conf"
)

//export Work
func Work() {
	_, err := os.ReadFile("/etc/passwd")
	done := make(chan error)
	go func() { _, err := os.ReadFile("/etc/passwd"); done <- err }()
	fmt.Println("main:", err == nil, "goroutine:", <-done == nil, "conf:", conf.Read())
}

func main() {}
END
cat > host.c << 'END'
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include "work.h"
static void *work(void *unused) { Work(); return unused; }
int main(void)
{
	pthread_t thread;
	printf("C: %d\n", open("/etc/passwd", O_RDONLY) >= 0);
	fflush(stdout);
	Work();
	pthread_create(&thread, NULL, work, NULL);
	pthread_join(thread, NULL);
	return 0;
}
END
build() { # OUTPUT PACKAGE FLAG...
  local output=$tmp/$1 package=$2
  shift 2
  (cd mine && "$GO" build "$@" -o "$output" "./$package") > "$tmp/build.log" 2>&1
}
strip_headers() { # FILE: takes its section headers off
  printf '\0\0\0\0\0\0\0\0' | dd of="$1" bs=1 seek=40 conv=notrunc status=none
  printf '\0\0\0\0\0\0' | dd of="$1" bs=1 seek=58 conv=notrunc status=none
}
build app app || not_ok 'the program builds' "$(cat "$tmp/build.log")"
control ./app
is 'control: the program' "$status/$out" '0/main: true conf: read'
jailed --strict --go-mod=mine/go.mod -- ./app
is 'a go.mod that fits: nothing to warn of' "$status/$out/$(grep -c warning: "$tmp/err")" '0/main: true conf: refused/0'

# ---- tables and code in one segment, no section headers --------------------------------------------

have_cc=no
command -v "${CC%% *}" > /dev/null && have_cc=yes
for flags in -fuse-ld=gold -Wl,-z,noseparate-code; do
  for mode in exe pie; do
    what="linked with $flags as $mode, without section headers"
    if [ $have_cc = no ]; then
      skip "$what" 'no C compiler'
      continue
    elif ! CGO_ENABLED=1 build joined app -buildmode="$mode" -ldflags="-linkmode=external -s -w -extldflags=$flags"; then
      if grep -q 'fuse-ld\|cannot find .ld' "$tmp/build.log"; then
        skip "$what" 'no such linker'
      else
        not_ok "$what: it is built" "$(tail -n 5 "$tmp/build.log")"
      fi
      continue
    fi
    strip_headers joined
    control ./joined
    is "control: $what" "$status/$out" '0/main: true conf: read'
    jailed "$confine" -- ./joined
    is "$what" "$status/$out" '0/main: true conf: refused'
  done
done

# ---- C programs with Go in them ----------------------------------------------------------------------

if [ $have_cc = yes ] && CGO_ENABLED=1 build work.a lib -buildmode=c-archive &&
  "$CC" -o host host.c work.a -pthread 2> "$tmp/cc.log"; then
  control ./host
  is 'control: a C program with Go in it' "$status/$out" $'0/C: 1\nmain: true goroutine: true conf: read\nmain: true goroutine: true conf: read'
  jailed "$confine" -- ./host
  is 'a C program with Go in it: what nobody knows is refused' "$status/$out" \
    $'0/C: 0\nmain: false goroutine: false conf: refused\nmain: false goroutine: false conf: refused'
  like '... and modjail says what it is' "$err" 'warning: \./host is a C program with Go in it \(-buildmode=c-archive\)'
  like '... for the C code' "$err" 'for C code that no Go code called'
  like '... and for what that called' "$err" 'C code that no Go code called set its goroutine off'
  check_not '... and blames no missing record' grep -q 'there is no record' "$tmp/err"
  printf 'version: 1\nunattributed: unconfined\nmodules:\n  example.com/conf: confined\n' > c.yaml
  jailed --policy-file=c.yaml -- ./host
  is '... and what it says works' "$status/$out" \
    $'0/C: 1\nmain: true goroutine: true conf: refused\nmain: true goroutine: true conf: refused'
  jailed --strict --policy-file=c.yaml -- ./host
  is '--strict: it does not start' "$status/$out" 125/
  cp host host-bare && strip -s host-bare && strip_headers host-bare
  jailed "$confine" -- ./host-bare
  like '... stripped' "$err" 'is a C program with Go in it'
  CGO_ENABLED=1 build libwork.so lib -buildmode=c-shared &&
    "$CC" -o loads host.c -L. -lwork -Wl,-rpath,"$tmp" -pthread 2> "$tmp/cc.log"
  control ./loads
  like 'control: a C program that loads a Go library' "$status/$out" '^0/C: 1'
  jailed "$confine" -- ./loads
  is 'a C program that loads a Go library: does not run' "$status/$out" 126/
  like '... and modjail says why' "$err" 'is not a Go program .*-buildmode=c-shared\) cannot be confined'
else
  skip 'C programs with Go in them' "they cannot be built here: $(tail -n 1 "$tmp/build.log")"
fi
# What a packer leaves has no tables, and says so itself.
cp app packed && strip_headers packed
python3 - packed << 'END'
import re, sys
data = bytearray(open(sys.argv[1], "rb").read())
for hit in re.finditer(b"[\xf0\xf1\xfa]\xff\xff\xff\0\0\1\x08", bytes(data)):
    data[hit.start()] = 0x17
at = data.find(b"\0" * 32, 64)
data[at:at + 4] = b"UPX!"
open(sys.argv[1], "wb").write(data)
END
jailed "$confine" -- ./packed
is 'a packed program: does not run' "$status/$out" 126/
like '... and modjail says which packer' "$err" 'packed by upx, which upx -d undoes'

if [ $have_cc = yes ] && "$CC" -c -o export.o -x c - <<< 'int main(void) { return 0; }' &&
  echo data > export && objcopy --add-section .go_export=export export.o gcc-go.o 2> "$tmp/cc.log" && "$CC" -o gcc-go gcc-go.o; then
  jailed "$confine" -- ./gcc-go
  is 'a program of gccgo: does not run' "$status/$out" 126/
  like '... and modjail says that it is one' "$err" 'is a Go program .*\(built by gccgo'
else
  skip 'a program of gccgo' 'none can be made here'
fi

# ---- the go command ------------------------------------------------------------------------------------

cd mine || exit 1
STDIN=/dev/null
control "$GO" run ./app
is 'control: go run' "$status/$out" '0/main: true conf: read'
jailed --go-mod=go.mod -- "$GO" run ./app
like 'go run: modjail says that it jails another program' "$status $err" '^0 modjail: warning: .* is the go command: '
jailed --strict --go-mod=go.mod -- "$GO" run ./app
is 'go run, --strict: does not start' "$status/$out" 125/
mkdir "$tmp/bin" && ln -s "$MODJAIL" "$tmp/bin/modjail"
instead() { # runs what modjail says is to be written instead
  sed -n 's/.*write instead: //p' "$tmp/err" > "$tmp/instead"
  PATH=$tmp/bin:$PATH capture bash "$tmp/instead"
}
instead
is '... and what it says works' "$status/$out" '0/main: true conf: refused'
control "$GO" test -count=1 ./app
is 'control: go test' "$status" 1
jailed --quiet --strict "$confine" -- "$GO" test -count=1 ./app
is 'go test, --strict: does not start' "$status/$out" 125/
instead
like '... and what it says works' "$status/$out" '^0/ok'
for verb in generate 'tool nm' build; do
  jailed --strict --go-mod=go.mod -- "$GO" $verb
  is "go $verb, --strict: does not start" "$status/$out" 125/
  like "go $verb: and modjail says why" "$err" 'is the go command: .*(go:generate|go tool -n|build the program)'
done
capture "$MODJAIL" learn --strict -o "$tmp/learned.yaml" -- "$GO" run ./app
like 'modjail learn, go run' "$status/$err" '^125/.*-exec "modjail learn '
cd .. || exit 1

# ---- policies of another program -----------------------------------------------------------------------

printf 'module example.com/other\n\nrequire example.com/nothere v1.0.0 // gomodjail:confined\n' > other.mod
printf 'module example.com/mine\n\nrequire example.com/nothere v1.0.0 // gomodjail:confined\n' > useless.mod
sed 's/$/\r/' mine/go.mod > crlf.mod
jailed --strict --go-mod=crlf.mod -- ./app
is 'a go.mod with CRLF' "$status/$out" '0/main: true conf: refused'
strictly() { # DESCRIPTION REGEX OPTION...: a warning, or with --strict the end
  local what=$1 wanted=$2
  shift 2
  jailed "$@" -- ./app
  like "$what: a warning" "$status $out $err" "^0 main: true conf: [a-z]+ modjail: warning: .*$wanted"
  jailed --strict "$@" -- ./app
  is "$what, --strict: does not start" "$status/$out" 125/
  like "$what, --strict: why" "$err" "^modjail: .*$wanted.*--strict: \./app is not started"
  check_not "$what, --strict: it is no warning then" grep -q warning: "$tmp/err"
  jailed --strict --quiet --log-file="$tmp/log" --log-format=json "$@" -- ./app
  like "$what, --strict and --quiet: why, too" "$status/$out/$err" "^125//.*$wanted"
}
strictly 'the go.mod of another program' 'IS IT THE RIGHT go.mod\?' --go-mod=other.mod
strictly 'a go.mod without a module of the program' 'contains none of the modules that the policies confine' --go-mod=useless.mod
strictly 'a name that is mistyped' 'contains no module example.com/cnf' --policy=example.com/cnf=confined
strictly 'nothing confined' 'the policies confine no module' --policy=example.com/conf=unconfined
printf 'version: 1\nmodules:\n  example.com/conf:\n    allow: [FILES, FILES/READ]\n' > twice.yaml
strictly 'a policy with a warning of its own' 'FILES/READ changes nothing' --policy-file=twice.yaml
jailed --strict --policy=main=confined -- ./app
like 'main alone is confined: that is something' "$status/$out" '^0/main: false'

# ---- privileges -----------------------------------------------------------------------------------------

as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups --)
cp "$(readlink -f "$MODJAIL")" bin-modjail && cp app capable && cp app setuid && chmod 4755 setuid
if [ "$(id -u)" -ne 0 ] || ! command -v setcap > /dev/null || ! setcap cap_net_bind_service+ep capable 2> "$tmp/err"; then
  skip 'file capabilities' "they cannot be given to a file here: $(cat "$tmp/err")"
elif [ -n "${MODJAIL_UNDER:-}" ]; then
  skip 'file capabilities' 'modjail runs under something else'
else
  capture "${as_nobody[@]}" ./bin-modjail run "$confine" -- ./capable
  is 'a program with file capabilities runs' "$status/$out" '0/main: true conf: refused'
  like '... and modjail says that it has none' "$err" 'warning: \./capable has file capabilities, which has no effect: .*no_new_privs'
  capture "${as_nobody[@]}" ./bin-modjail run --strict --no-policy -- ./capable
  is '... with --strict it does not start' "$status/$out" 125/
  capture "${as_nobody[@]}" ./bin-modjail run --no-policy -- ./setuid
  like 'a set-user-ID program' "$err" 'warning: \./setuid is set-user-ID, which has no effect'
  capture setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=+net_bind_service --ambient-caps=+net_bind_service \
    ./bin-modjail run --strict "$confine" -- ./capable
  is '... and what it says works' "$status/$out/$(grep -c no_new_privs "$tmp/err")" '0/main: true conf: refused/0'
  jailed --strict --no-policy -- ./capable
  is 'root has them all' "$status/$out/$err" '0/main: true conf: read/'
fi

# ---- descriptors that were handed over ------------------------------------------------------------------

build listen listen || not_ok 'the server builds' "$(cat "$tmp/build.log")"
cat > activate.py << 'END'
# As systemd does: executes its arguments with two listening sockets, 3 and 4, that are meant for this process.
import os, socket, sys
sockets = []
for _ in range(2):
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen(1)
    sockets.append(s)
pid = os.fork()
if pid == 0:
    for fd, s in enumerate(sockets):
        os.dup2(s.fileno(), 100 + fd)
    for fd in 0, 1:
        os.dup2(100 + fd, 3 + fd)
    os.closerange(5, 200)
    me = str(os.getpid())
    os.environ.update(LISTEN_PID=me, LISTEN_FDS="2", LISTEN_PIDFDID="7", WATCHDOG_PID=me, SYSTEMD_EXEC_PID=me)
    os.execv(sys.argv[1], sys.argv[1:])
for s in sockets:
    address = s.getsockname()
    s.close()  # so that modjail and the program have the last ones
    try:
        with socket.create_connection(address, 50) as c:
            c.settimeout(50)
            print(c.recv(100).decode().strip(), flush=True)
    except OSError as error:
        print(error, flush=True)
os.waitpid(pid, 0)
END
activated() { sort "$tmp/out" | tr '\n' ','; }
served='LISTEN_PID mine: true,LISTEN_PIDFDID: CHANGE,SYSTEMD_EXEC_PID mine: true,WATCHDOG_PID mine: true,conf: WHO,served 3,served 4,'
expected() { sed "s/CHANGE/$1/; s/WHO/$2/" <<< "$served"; }
control python3 activate.py ./listen
is 'control: socket activation' "$(activated)" "$(expected true read)"
capture python3 activate.py "$MODJAIL" run "$confine" -- ./listen
is 'socket activation' "$(activated)" "$(expected false refused)"
capture python3 activate.py "$MODJAIL" run --ancestry=off "$confine" -- ./listen
is 'socket activation, --ancestry=off' "$(activated)" "$(expected false refused)"
capture env LISTEN_PID=1 WATCHDOG_PID=x LISTEN_PIDFDID=7 "$MODJAIL" run --no-policy -- /usr/bin/env
is 'what is not meant for modjail stays' "$(grep -E '^(LISTEN|WATCHDOG)_' "$tmp/out" | sort | tr '\n' ' ')" \
  'LISTEN_PID=1 LISTEN_PIDFDID=7 WATCHDOG_PID=x '

# Whoever waits for the end of a pipe waits for the program alone.
pipe_of() { # COMMAND...: whether what is 7 for the command is closed while the command waits for its input
  python3 - "$@" << 'END'
import os, select, subprocess, sys
reader, writer = os.pipe()
os.dup2(writer, 7)
os.close(writer)
process = subprocess.Popen(sys.argv[1:], pass_fds=[7], stdin=subprocess.PIPE)
os.close(7)
ready = select.select([reader], [], [], 20)[0]
print("closed" if ready and os.read(reader, 1) == b"" else "open")
process.communicate(b"end\n")
END
}
closes='exec 7>&-; read line'
is 'control: a program that closes a pipe' "$(pipe_of /bin/sh -c "$closes")" closed
is 'a program that closes a pipe: modjail keeps no copy' "$(pipe_of "$MODJAIL" run --no-policy -- /bin/sh -c "$closes")" closed

# ---- traces with creators in them -----------------------------------------------------------------------

mkdir leak
cat > leak/leak_test.go << 'END'
package leak

import (
	"runtime"
	"testing"
	"time"

	"example.com/conf"
	"go.uber.org/goleak"
)

// A finalizer runs: its goroutine shows up in traces, without a line that says who created it.
func TestFinds(t *testing.T) {
	stop := make(chan int)
	func() { runtime.SetFinalizer(&struct{ b [64]byte }{}, func(any) { <-stop }) }()
	runtime.GC()
	time.Sleep(50 * time.Millisecond)
	t.Log(conf.Read())
	if err := goleak.Find(); err == nil {
		t.Error("goleak finds nothing")
	}
	close(stop)
}
END
sed -i 's/func(any)/func(*struct{ b [64]byte })/' leak/leak_test.go
cat > leak/go.mod << 'END'
module example.com/leak

go 1.20

require (
	example.com/conf v0.0.0
	go.uber.org/goleak v1.3.0
)

replace example.com/conf => ../conf
END
if ! (cd leak && GOFLAGS=-mod=mod timeout 120 "$GO" mod download go.uber.org/goleak && GOFLAGS=-mod=mod timeout 120 "$GO" test -c -o ../leak.test .) \
  > "$tmp/download" 2>&1; then
  skip 'goleak' "it cannot be had here: $(tail -n 1 "$tmp/download")"
else
  control ./leak.test -test.v
  like 'control: goleak finds what leaks' "$status/$out" '^0/.*PASS'
  jailed "$confine" -- ./leak.test -test.v
  like 'goleak cannot read traces with creators' "$status/$out$err" 'originating from goroutine'
  jailed --ancestry=off "$confine" -- ./leak.test -test.v
  like '--ancestry=off: it can' "$status/$out" '^0/.*refused.*PASS'
fi

done_testing
