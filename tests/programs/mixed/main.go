// SPDX-License-Identifier: Apache-2.0

// Mixed makes all kinds of system calls on behalf of main, which may, and of conf, which may not, from many
// goroutines and threads at once, and knows what has to come of each. It prints one JSON object and ends with
// status 1 if one had another outcome.
//
//	mixed -calls N | -for D   how many calls, or for how long
//	      -workers N          goroutines that make them
//	      -procs LIST         values of GOMAXPROCS, in turn: "1,2,16"
//	      -gc                 meanwhile, collect garbage all the time, and compute without calls, so that the runtime has to
//	                          preempt; "preempted" counts signals by which it did
//	      -children N         of 1000 turns, this many start a process, which makes some calls itself
//	      -free               nobody is confined: all calls succeed (the control)
//	mixed -failexec           conf executes what is not there; then main makes a call, and both errnos are printed
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"example.com/conf"
)

var (
	calls    = flag.Int64("calls", 0, "make `N` calls")
	period   = flag.Duration("for", 0, "or go on for `D`")
	workers  = flag.Int("workers", 16, "goroutines")
	procs    = flag.String("procs", "", "values of GOMAXPROCS, in turn")
	collect  = flag.Bool("gc", false, "collect garbage all the time")
	children = flag.Int("children", 0, "of 1000 turns, how many start a process")
	free     = flag.Bool("free", false, "nobody is confined")
	failexec = flag.Bool("failexec", false, "an execve that fails, and a call after it")
	role     = flag.String("role", "", "for its own use")
)

type rawCall func(nr uintptr, a *conf.Args) (uintptr, syscall.Errno)

var path = []byte("/dev/null\x00")

//go:noinline
func plain(nr uintptr, a *conf.Args) (uintptr, syscall.Errno) {
	r, _, errno := syscall.Syscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
	return r, errno
}

// bare does not tell the scheduler, so that the runtime's record of the call is empty.
//
//go:noinline
func bare(nr uintptr, a *conf.Args) (uintptr, syscall.Errno) {
	r, _, errno := syscall.RawSyscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
	return r, errno
}

func open(call rawCall) syscall.Errno {
	const cwd = ^uintptr(99)
	fd, errno := call(syscall.SYS_OPENAT, &conf.Args{cwd, uintptr(unsafe.Pointer(&path[0])), syscall.O_RDONLY | syscall.O_CLOEXEC})
	if errno == 0 {
		syscall.Close(int(fd))
	}
	return errno
}

// descend calls f from n frames deeper, each large enough that stacks have to grow, and move.
//
//go:noinline
func descend(n int, f func()) byte {
	var room [96]byte
	if n <= 0 {
		f()
		return 0
	}
	room[n%len(room)] = descend(n-1, f)
	return room[(n+1)%len(room)]
}

func errnoOf(err error) syscall.Errno {
	var errno syscall.Errno
	switch {
	case err == nil:
		return 0
	case errors.As(err, &errno):
		return errno
	default:
		return syscall.ENOSYS
	}
}

// await runs f in a goroutine of its own, and on a thread that ends with it if locked.
func await(locked bool, f func() syscall.Errno) syscall.Errno {
	done := make(chan syscall.Errno)
	go func() {
		if locked {
			runtime.LockOSThread()
		}
		done <- f()
	}()
	return <-done
}

// child starts this program, whose own calls count for one. Status 7: all of them were as they have to be.
func child() *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	args := []string{"-role=child"}
	if *free {
		args = append(args, "-free")
	}
	return exec.Command(self, args...)
}

func runChild() syscall.Errno {
	var status *exec.ExitError
	err := child().Run()
	if errors.As(err, &status) {
		if status.ExitCode() == 7 {
			return 0
		}
		return syscall.ECHILD
	}
	if err == nil {
		return syscall.ECHILD // it cannot have been ours
	}
	return errnoOf(err)
}

type kind struct {
	name    string
	refused bool
	call    func(r *rand.Rand) syscall.Errno
}

var kinds = []kind{
	{"main", false, func(*rand.Rand) syscall.Errno { return open(plain) }},
	{"main, raw", false, func(*rand.Rand) syscall.Errno { return open(bare) }},
	{"main, deep", false, func(r *rand.Rand) (errno syscall.Errno) {
		descend(r.Intn(200), func() { errno = open(plain) })
		return errno
	}},
	{"main, goroutine", false, func(*rand.Rand) syscall.Errno {
		return await(false, func() syscall.Errno { return open(plain) })
	}},
	{"main, thread", false, func(*rand.Rand) syscall.Errno {
		return await(true, func() syscall.Errno { return open(plain) })
	}},
	{"main, file", false, func(*rand.Rand) syscall.Errno {
		_, err := os.ReadFile("/dev/null")
		return errnoOf(err)
	}},
	{"conf", true, func(*rand.Rand) syscall.Errno { return open(conf.Plain) }},
	{"conf, closure", true, func(*rand.Rand) syscall.Errno { return open(conf.Closure()) }},
	{"conf, method", true, func(*rand.Rand) syscall.Errno { return open(conf.NewCaller().Call) }},
	{"conf, goroutine", true, func(*rand.Rand) syscall.Errno { return open(conf.Goroutine) }},
	{"conf, thread", true, func(*rand.Rand) syscall.Errno {
		return await(true, func() syscall.Errno { return open(conf.Plain) })
	}},
	{"conf, calls back", true, func(*rand.Rand) (errno syscall.Errno) {
		conf.Callback(func() { errno = open(plain) })
		return errno
	}},
	{"conf, calls back, raw", true, func(*rand.Rand) (errno syscall.Errno) {
		conf.Callback(func() { errno = open(bare) })
		return errno
	}},
	{"conf, deep", true, func(r *rand.Rand) (errno syscall.Errno) {
		above, below := r.Intn(100), r.Intn(100)
		descend(above, func() { conf.Callback(func() { descend(below, func() { errno = open(plain) }) }) })
		return errno
	}},
	{"conf, file", true, func(*rand.Rand) syscall.Errno {
		_, err := conf.ReadFile("/dev/null")
		return errnoOf(err)
	}},
}

// once calls f from the same place and depth for everybody: what differs is one return address in the middle of
// the stack.
//
//go:noinline
func once(by func(f func()), f func()) { by(f) }

var called int32

func init() {
	callers := []struct {
		name    string
		refused bool
		by      func(func())
	}{{"same place, main", false, mainCallback}, {"same place, conf", true, conf.Callback}}
	for _, c := range callers {
		c := c
		kinds = append(kinds, kind{c.name, c.refused, func(*rand.Rand) (errno syscall.Errno) {
			once(c.by, func() { errno = open(plain) })
			return errno
		}})
	}
}

//go:noinline
func mainCallback(f func()) {
	f()
	atomic.AddInt32(&called, 1)
}

var childKinds = []kind{
	{"main, process", false, func(*rand.Rand) syscall.Errno { return runChild() }},
	{"conf, process", true, func(*rand.Rand) (errno syscall.Errno) {
		conf.Callback(func() { errno = runChild() })
		return errno
	}},
}

// ---- counting ---------------------------------------------------------------------------------

type tally struct {
	mu      sync.Mutex
	Calls   int64            `json:"calls"`
	Refused int64            `json:"refused"`
	Wrong   int64            `json:"wrong"`
	Preempt int64            `json:"preempted"`
	Kinds   map[string]int64 `json:"kinds"`
	First   []string         `json:"first_wrong,omitempty"`
}

var total = tally{Kinds: map[string]int64{}}

func (t *tally) merge(o *tally) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Calls += o.Calls
	t.Refused += o.Refused
	t.Wrong += o.Wrong
	for name, n := range o.Kinds {
		t.Kinds[name] += n
	}
	if len(t.First) < 10 {
		t.First = append(t.First, o.First...)
	}
}

func (t *tally) try(k *kind, r *rand.Rand) {
	errno := k.call(r)
	want := syscall.Errno(0)
	if k.refused && !*free {
		want = syscall.EPERM
	}
	t.Calls++
	t.Kinds[k.name]++
	if errno == syscall.EPERM {
		t.Refused++
	}
	if errno != want {
		t.Wrong++
		if len(t.First) < 10 {
			t.First = append(t.First, fmt.Sprintf("%s: errno %d, not %d", k.name, errno, want))
		}
	}
}

func work(seed int64, left *int64, end time.Time) {
	mine := tally{Kinds: map[string]int64{}}
	r := rand.New(rand.NewSource(seed))
	for *calls == 0 || atomic.AddInt64(left, -1) >= 0 {
		if *calls == 0 && !time.Now().Before(end) {
			break
		}
		k := &kinds[r.Intn(len(kinds))]
		if r.Intn(1000) < *children {
			k = &childKinds[r.Intn(len(childKinds))]
		}
		mine.try(k, r)
	}
	total.merge(&mine)
}

// ---- disturbance ------------------------------------------------------------------------------

type node struct{ next *node }

// garbage makes it and collects it, which looks at all stacks and shrinks some.
func garbage(stop *int32) {
	var list *node
	for i := 0; atomic.LoadInt32(stop) == 0; i++ {
		list = &node{list}
		if i%20000 == 0 {
			list = nil
			runtime.GC()
		}
	}
}

// spin computes without a call, so that only a signal can take its processor away.
func spin(stop *int32) {
	for x := uint64(1); atomic.LoadInt32(stop) == 0; {
		for i := 0; i < 1<<20; i++ {
			x = x*6364136223846793005 + 1
		}
		sink = x
	}
}

var sink uint64

// countPreemptions counts the runtime's own signals, which it passes on since they could be anybody's (runtime,
// sighandler). Not all: those that come close together count for one.
func countPreemptions() {
	signals := make(chan os.Signal, 64)
	signal.Notify(signals, syscall.SIGURG)
	go func() {
		for range signals {
			atomic.AddInt64(&total.Preempt, 1)
		}
	}()
}

// ---- all of it --------------------------------------------------------------------------------

func round(seed int64) {
	var wg sync.WaitGroup
	var stop int32
	left, end := *calls, time.Now().Add(*period)
	if *collect {
		go garbage(&stop)
		go spin(&stop)
	}
	for i := 0; i < *workers; i++ {
		wg.Add(1)
		go func(i int64) { defer wg.Done(); work(seed*1000+i, &left, end) }(int64(i))
	}
	wg.Wait()
	atomic.StoreInt32(&stop, 1)
}

func beChild() {
	mine := tally{Kinds: map[string]int64{}}
	r := rand.New(rand.NewSource(1))
	for i := range kinds {
		mine.try(&kinds[i], r)
	}
	if mine.Wrong > 0 {
		fmt.Fprintln(os.Stderr, "mixed: in a child:", mine.First)
		os.Exit(8)
	}
	os.Exit(7)
}

func main() {
	flag.Parse()
	if *role == "child" {
		beChild()
	}
	if *failexec {
		var err error
		conf.Callback(func() { err = syscall.Exec("/nonexistent", []string{"nonexistent"}, nil) })
		fmt.Println(int(errnoOf(err)), int(open(plain)))
		return
	}
	if (*calls == 0) == (*period == 0) {
		fmt.Fprintln(os.Stderr, "mixed: one of -calls and -for")
		os.Exit(2)
	}
	values := strings.FieldsFunc(*procs, func(c rune) bool { return c == ',' })
	if len(values) == 0 {
		values = []string{strconv.Itoa(runtime.GOMAXPROCS(0))}
	}
	*calls /= int64(len(values))
	*period /= time.Duration(len(values))
	if *collect {
		countPreemptions()
	}
	for i, value := range values {
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 {
			fmt.Fprintln(os.Stderr, "mixed: -procs:", value)
			os.Exit(2)
		}
		runtime.GOMAXPROCS(n)
		round(int64(i + 1))
	}
	json.NewEncoder(os.Stdout).Encode(&total)
	if total.Wrong > 0 {
		os.Exit(1)
	}
}
