// SPDX-License-Identifier: Apache-2.0

// Sig says "ready", then prints each signal that it gets with how often it has come, until one of the
// ways to end that its flags name: -exit STATUS after the first -until signals, or -die N: kill itself
// with signal N. -spin keeps goroutines busy, so that the runtime's own preemption signals fly.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"example.com/conf"
)

var watched = []os.Signal{
	syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2,
	syscall.SIGWINCH, syscall.SIGCONT, syscall.SIGALRM,
}

func main() {
	exit := flag.Int("exit", 0, "end with this `STATUS`")
	until := flag.Int("until", 0, "end after `N` signals; 0: at once")
	die := flag.Int("die", 0, "die of signal `N` instead")
	limit := flag.Duration("limit", 30*time.Second, "give up after this time, with status 99")
	spin := flag.Bool("spin", false, "keep the processors busy")
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
		listen(got, *until, time.After(*limit))
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

func work() {
	for x := 0; ; x++ {
		if x%(1<<20) == 0 {
			conf.Plain(syscall.SYS_GETPPID, &conf.Args{})
		}
	}
}
