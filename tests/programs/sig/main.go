// SPDX-License-Identifier: Apache-2.0

// Sig says "ready", then prints each signal that it gets with how often it has come, until one of the
// ways to end that its flags name: -exit STATUS after the first -until signals, or -die N: kill itself
// with signal N. -spin keeps goroutines busy, so that the runtime's own preemption signals fly. -calls lets the main
// thread, which is the first that the kernel gives a signal to, make calls of main, which must succeed, and of conf, which
// must be refused, all the time; at the end it prints "calls right" if there were some of both and none was wrong.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"example.com/conf"
)

var watched = []os.Signal{
	syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2,
	syscall.SIGWINCH, syscall.SIGCONT, syscall.SIGALRM,
}

func init() {
	for _, arg := range os.Args[1:] {
		if arg == "-calls" {
			runtime.LockOSThread() // main's is the main thread
		}
	}
}

func main() {
	exit := flag.Int("exit", 0, "end with this `STATUS`")
	until := flag.Int("until", 0, "end after `N` signals; 0: at once")
	die := flag.Int("die", 0, "die of signal `N` instead")
	limit := flag.Duration("limit", 30*time.Second, "give up after this time, with status 99")
	spin := flag.Bool("spin", false, "keep the processors busy")
	calls := flag.Bool("calls", false, "make calls meanwhile")
	free := flag.Bool("free", false, "conf's calls succeed as well")
	handle := flag.Bool("handle", true, "handle the signals; otherwise they do what they do by default")
	flag.Parse()

	got := make(chan os.Signal, 64)
	if *handle {
		signal.Notify(got, watched...)
	}
	if *spin {
		for i := 0; i < runtime.NumCPU(); i++ {
			go work()
		}
	}
	if *until > 0 {
		fmt.Println("ready", os.Getpid())
		var ended int32
		go func() {
			listen(got, *until, time.After(*limit))
			atomic.StoreInt32(&ended, 1)
		}()
		if *calls {
			fmt.Println("calls", call(&ended, *free))
		}
		for atomic.LoadInt32(&ended) == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	if *die != 0 {
		dieOf(*die)
	}
	os.Exit(*exit)
}

// dieOf takes the Go runtime's own handler away first: it would turn most signals into something else.
func dieOf(signal int) {
	var byDefault [4]uint64 // struct kernel_sigaction, all zero
	syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(signal), uintptr(unsafe.Pointer(&byDefault)), 0, 8, 0, 0)
	syscall.Kill(syscall.Getpid(), syscall.Signal(signal))
	time.Sleep(time.Second)
}

func listen(got <-chan os.Signal, until int, limit <-chan time.Time) {
	counts := map[os.Signal]int{}
	for n := 0; n < until; n++ {
		select {
		case sig := <-got:
			counts[sig]++
			fmt.Printf("got %d (%v) %d\n", int(sig.(syscall.Signal)), sig, counts[sig])
		case <-limit:
			fmt.Println("gave up")
			os.Exit(99)
		}
	}
}

var path = []byte("/dev/null\x00")

// call makes calls until the end.
func call(ended *int32, free bool) string {
	const cwd = ^uintptr(99)
	args := conf.Args{cwd, uintptr(unsafe.Pointer(&path[0])), syscall.O_RDONLY | syscall.O_CLOEXEC}
	var wanted syscall.Errno
	if !free {
		wanted = syscall.EPERM
	}
	for n := 0; ; n++ {
		if n > 100 && atomic.LoadInt32(ended) != 0 {
			return "right"
		}
		fd, _, errno := syscall.Syscall6(syscall.SYS_OPENAT, args[0], args[1], args[2], 0, 0, 0)
		if errno != 0 {
			return fmt.Sprint("of main: ", errno)
		}
		syscall.Close(int(fd))
		fd, errno = conf.Plain(syscall.SYS_OPENAT, &args)
		if errno != wanted {
			return fmt.Sprint("of conf: ", errno)
		}
		if errno == 0 {
			syscall.Close(int(fd))
		}
	}
}

func work() {
	for x := 0; ; x++ {
		if x%(1<<20) == 0 {
			conf.Plain(syscall.SYS_GETPPID, &conf.Args{})
		}
	}
}
