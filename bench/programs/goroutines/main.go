// SPDX-License-Identifier: Apache-2.0

// Command goroutines measures from inside what a notified call costs in a program with many goroutines and
// threads: each call is timed by itself, and made 20 frames below its goroutine's root. Prints one JSON object.
package main

import (
	"encoding/json"
	"flag"
	"os"
	"runtime"
	"runtime/pprof"
	"sort"
	"sync"
	"syscall"
	"time"

	"example.com/mjbench/conf"
)

type result struct {
	NSPerCall float64 `json:"ns_per_call"` // median of all calls
	Calls     int     `json:"calls"`
	Errno     int     `json:"errno"` // EBADF if all went through, else that of one that did not
	Threads   int     `json:"threads"`
	OSThreads int     `json:"os_threads"` // that the process has made
	Moves     int     `json:"moves"`      // calls of a goroutine on another thread than its last one
	GoVersion string  `json:"go"`
}

// An invalid descriptor: the kernel fails it at once with EBADF.
const noFD = ^uintptr(0)

const (
	creators = 3 // goroutines between main and those that make the calls
	depth    = 20
)

var (
	took   []int64
	seen   = map[int]bool{}
	failed = syscall.EBADF
	moves  int
	exact  sync.Mutex // one call at a time: what is measured is no queue
)

//go:noinline
func descend(left int, f func()) {
	if left > 1 {
		descend(left-1, f)
		return
	}
	f()
}

// timed makes one call and returns the thread that it was made on. Callers take turns.
func timed(keep bool) int {
	tid := syscall.Gettid()
	start := time.Now()
	_, _, errno := syscall.Syscall(syscall.SYS_INOTIFY_ADD_WATCH, noFD, 0, syscall.IN_ACCESS)
	ns := time.Since(start).Nanoseconds()
	if errno != syscall.EBADF {
		failed = errno
	}
	if keep {
		took = append(took, ns)
		seen[tid] = true
	}
	return tid
}

// create runs f on n goroutines that have creators between them and main.
func create(left, n int, f func(i int)) {
	if left > 0 {
		done := make(chan bool)
		go descend(depth/2, func() { create(left-1, n, f); done <- true })
		<-done
		return
	}
	for i := 0; i < n; i++ {
		i := i
		go descend(depth, func() { f(i) })
	}
}

// park leaves n goroutines behind that wait for ever.
func park(n int) {
	var ready sync.WaitGroup
	ready.Add(n)
	create(creators, n, func(int) { ready.Done(); select {} })
	ready.Wait()
}

// ring has n goroutines call in turn, for some rounds; lock gives each a thread of its own.
func ring(n, rounds int, lock bool, keep func(round int) bool) {
	turns := make([]chan int, n)
	for i := range turns {
		turns[i] = make(chan int)
	}
	over := make(chan bool)
	var ready sync.WaitGroup
	ready.Add(n)
	create(creators, n, func(i int) {
		if lock {
			runtime.LockOSThread()
		}
		ready.Done()
		last := 0
		for round := range turns[i] {
			tid := timed(keep(round))
			if last != 0 && tid != last {
				moves++
			}
			last = tid
			switch {
			case i+1 < n:
				turns[i+1] <- round
			case round+1 < rounds:
				go func() { turns[0] <- round + 1 }()
			default:
				over <- true
			}
		}
	})
	ready.Wait()
	turns[0] <- 0
	<-over
}

// roam has n goroutines call one at a time, wherever the scheduler takes them.
func roam(n, rounds int) {
	var done sync.WaitGroup
	done.Add(n)
	create(creators, n, func(int) {
		last := 0
		nap := syscall.Timespec{Nsec: 2000000}
		for round := 0; round < rounds; round++ {
			syscall.Nanosleep(&nap, nil)
			exact.Lock()
			tid := timed(round > 0)
			if last != 0 && tid != last {
				moves++
			}
			last = tid
			exact.Unlock()
		}
		done.Done()
	})
	done.Wait()
}

// threads leaves n threads behind that wait in the kernel.
func threads(n int) {
	var ready sync.WaitGroup
	ready.Add(n)
	for i := 0; i < n; i++ {
		go func() {
			var p [2]int
			runtime.LockOSThread()
			if err := syscall.Pipe(p[:]); err != nil {
				panic(err)
			}
			ready.Done()
			syscall.Read(p[0], make([]byte, 1))
		}()
	}
	ready.Wait()
}

func main() {
	what := flag.String("case", "plain", "plain, main, first, turns, roam or each")
	goroutines := flag.Int("goroutines", 10000, "how many goroutines wait")
	nthreads := flag.Int("threads", 64, "how many threads there are")
	calls := flag.Int("calls", 4000, "about how many calls are timed")
	flag.Parse()

	runtime.LockOSThread()
	direct := func() {
		for i := -200; i < *calls; i++ {
			timed(i >= 0)
		}
	}
	if *what != "plain" && *what != "each" {
		park(*goroutines)
	}
	rounds := *calls / *nthreads
	switch *what {
	case "plain": // one goroutine, nothing else
		descend(conf.Depth(), direct)
	case "main": // the same among all the others
		threads(*nthreads)
		descend(conf.Depth(), direct)
	case "first": // the first call of each thread
		ring(*nthreads, 1, true, func(int) bool { return true })
	case "turns": // threads in turn, each known already
		ring(*nthreads, rounds+1, true, func(round int) bool { return round > 0 })
	case "roam": // goroutines that move over threads: a sleep loses the processor, and who wakes takes any
		runtime.GOMAXPROCS(8)
		roam(*nthreads, rounds+1)
	case "each": // every goroutine calls for the first time
		threads(*nthreads)
		ring(*goroutines, 1, false, func(int) bool { return true })
	default:
		panic("no such case")
	}

	sort.Slice(took, func(i, j int) bool { return took[i] < took[j] })
	r := result{NSPerCall: float64(took[(len(took)-1)/2]+took[len(took)/2]) / 2, Calls: len(took),
		Errno: int(failed), Threads: len(seen), OSThreads: pprof.Lookup("threadcreate").Count(), Moves: moves, GoVersion: runtime.Version()}
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		os.Exit(1)
	}
}
