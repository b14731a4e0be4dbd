// SPDX-License-Identifier: Apache-2.0

// Cgocall makes system calls in C code: through libc on behalf of module confc and of main, through a
// C callback into Go and out again, through libc's user look-up, on a thread that C created, and by threads that C
// created and that call Go in turn, for conf and for main: the same m serves one and then another of them.
// Prints "ACT ok" or "ACT errno=N" for each act named on the command line, all but the last by default.
package main

/*
#cgo LDFLAGS: -lpthread
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

void goOpen(char *path, int *error);
void goTurn(int thread, int round);

static void
main_open(const char *path, int *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	*error = fd < 0 ? errno : 0;
	if (fd >= 0)
		close(fd);
}

static void
open_through_go(char *path, int *error)
{
	goOpen(path, error);
}

struct thread_args {
	const char *path;
	int error;
};

static void *
thread_main(void *arg)
{
	struct thread_args *args = arg;
	main_open(args->path, &args->error);
	return NULL;
}

static int
open_on_c_thread(const char *path)
{
	struct thread_args args = { path, 0 };
	pthread_t thread;
	if (pthread_create(&thread, NULL, thread_main, &args))
		return -1;
	pthread_join(thread, NULL);
	return args.error;
}

#define TURN_THREADS 2
#define TURN_ROUNDS 2000

static atomic_int turns_entered, turns_left;

static void
turn_entered(void)
{
	turns_entered++;
}

static void
await_other_left(int round)
{
	while (turns_left <= round)
		sched_yield();
}

// The first thread enters first and leaves first. So in the next round it takes over what the second one left last.
static void *
turn_main(void *arg)
{
	int thread = (int)(long)arg;
	for (int round = 0; round < TURN_ROUNDS; round++) {
		while (turns_entered < TURN_THREADS * round + thread)
			sched_yield();
		goTurn(thread, round);
		if (thread == 0)
			turns_left++;
	}
	return NULL;
}

static int
take_turns(void)
{
	pthread_t threads[TURN_THREADS];
	for (long i = 0; i < TURN_THREADS; i++)
		if (pthread_create(&threads[i], NULL, turn_main, (void *)i))
			return -1;
	for (int i = 0; i < TURN_THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
*/
import "C"

import (
	"fmt"
	"os"
	"os/user"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"example.com/conf"
	"example.com/confc"
)

const file = "/etc/hostname"

type act struct {
	name string
	run  func() syscall.Errno
}

var acts = []act{
	{"main", func() syscall.Errno { return withPath(func(p *C.char, e *C.int) { C.main_open(p, e) }) }},
	{"confc", func() syscall.Errno { return confc.Open(file) }},
	{"callback", func() syscall.Errno { return withPath(func(p *C.char, e *C.int) { C.open_through_go(p, e) }) }},
	{"callback-conf", throughConf},
	{"cthread", func() syscall.Errno { return withPath(func(p *C.char, e *C.int) { *e = C.open_on_c_thread(p) }) }},
	{"user", lookUp},
	{"turns", takeTurns},
}

func main() {
	for _, act := range acts {
		if !wanted(act.name) {
			continue
		}
		if errno := act.run(); errno != 0 {
			fmt.Printf("%s errno=%d\n", act.name, int(errno))
		} else {
			fmt.Println(act.name, "ok")
		}
	}
}

func wanted(name string) bool {
	for _, arg := range os.Args[1:] {
		if arg == name {
			return true
		}
	}
	return len(os.Args) == 1 && name != "turns"
}

func withPath(f func(*C.char, *C.int)) syscall.Errno {
	path := C.CString(file)
	defer C.free(unsafe.Pointer(path))
	var errno C.int
	f(path, &errno)
	return syscall.Errno(errno)
}

// goOpen is Go called by C: it opens the file on main's behalf, or, if throughConf is at work, conf's.
//
//export goOpen
func goOpen(path *C.char, result *C.int) {
	if !viaConf {
		C.main_open(path, result)
		return
	}
	at := ^uintptr(99) // AT_FDCWD
	fd, e := conf.Plain(syscall.SYS_OPENAT, &conf.Args{at, uintptr(unsafe.Pointer(path)), syscall.O_RDONLY})
	if e == 0 {
		syscall.Close(int(fd))
	}
	*result = C.int(e)
}

var viaConf bool

func throughConf() syscall.Errno {
	viaConf = true
	defer func() { viaConf = false }()
	return withPath(func(p *C.char, e *C.int) { C.open_through_go(p, e) })
}

// lookUp reads /etc/passwd in libc. A refusal there shows as a user that does not exist.
func lookUp() syscall.Errno {
	if u, err := user.Lookup("root"); err != nil || u.Uid != "0" {
		return syscall.ENOENT
	}
	return 0
}

// What the calls of goTurn gave, and how often.
var turns struct {
	sync.Mutex
	byConf, byMain map[syscall.Errno]int
	ready          int32 // how often a thread has been ready to call
}

// goTurn opens the file while the other thread does, too: one on conf's behalf, one on main's, at the same depth.
//
//export goTurn
func goTurn(thread, round C.int) {
	path := []byte(file + "\x00")
	at := ^uintptr(99) // AT_FDCWD
	args := &conf.Args{at, uintptr(unsafe.Pointer(&path[0])), syscall.O_RDONLY}
	call, counts := plain, turns.byMain
	if (thread+round/2)%2 == 0 {
		call, counts = conf.Plain, turns.byConf
	}
	C.turn_entered()
	for atomic.AddInt32(&turns.ready, 1); atomic.LoadInt32(&turns.ready) < int32(round+1)*2; {
	}
	fd, errno := call(syscall.SYS_OPENAT, args)
	if errno == 0 {
		syscall.Close(int(fd))
	}
	turns.Lock()
	counts[errno]++
	turns.Unlock()
	if thread == 1 {
		C.await_other_left(round)
	}
}

//go:noinline
func plain(nr uintptr, a *conf.Args) (uintptr, syscall.Errno) {
	r, _, errno := syscall.Syscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
	return r, errno
}

// takeTurns returns what conf's calls gave. EILSEQ: they gave this and that, or main's failed.
func takeTurns() syscall.Errno {
	turns.byConf, turns.byMain = map[syscall.Errno]int{}, map[syscall.Errno]int{}
	if C.take_turns() != 0 {
		return syscall.EAGAIN
	}
	if len(turns.byConf) != 1 || len(turns.byMain) != 1 || turns.byMain[0] == 0 {
		return syscall.EILSEQ
	}
	for errno := range turns.byConf {
		return errno
	}
	return 0
}
