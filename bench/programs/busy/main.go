// SPDX-License-Identifier: Apache-2.0

// Command busy makes notified calls from several threads at once: what one call costs when the supervisor has no pause.
// Prints one JSON object.
package main

import (
	"encoding/json"
	"flag"
	"os"
	"runtime"
	"sort"
	"sync"
	"syscall"
	"time"

	"example.com/mjbench/conf"
)

type result struct {
	NSPerCall float64 `json:"ns_per_call"` // time that passes, by calls of all threads; median of rounds
	Calls     int     `json:"calls"`
	Errno     int     `json:"errno"` // EBADF if all went through, else that of one that did not
	GoVersion string  `json:"go"`
}

const noFD = ^uintptr(0)

//go:noinline
func descend(left int, f func()) {
	if left > 1 {
		descend(left-1, f)
		return
	}
	f()
}

func round(threads, calls int) (time.Duration, syscall.Errno) {
	var ready, done sync.WaitGroup
	var mu sync.Mutex
	failed := syscall.EBADF
	begin := make(chan bool)
	ready.Add(threads)
	done.Add(threads)
	for i := 0; i < threads; i++ {
		go func() {
			defer done.Done()
			runtime.LockOSThread()
			ready.Done()
			<-begin
			descend(conf.Depth(), func() {
				for j := 0; j < calls; j++ {
					_, _, errno := syscall.Syscall(syscall.SYS_INOTIFY_ADD_WATCH, noFD, 0, syscall.IN_ACCESS)
					if errno != syscall.EBADF {
						mu.Lock()
						failed = errno
						mu.Unlock()
					}
				}
			})
		}()
	}
	ready.Wait()
	start := time.Now()
	close(begin)
	done.Wait()
	return time.Since(start), failed
}

func main() {
	threads := flag.Int("threads", 4, "threads that call at once")
	calls := flag.Int("calls", 3000, "calls of each in a round")
	rounds := flag.Int("rounds", 5, "number of rounds")
	flag.Parse()
	r := result{Calls: *threads * *calls * *rounds, Errno: int(syscall.EBADF), GoVersion: runtime.Version()}
	var all []float64
	for i := 0; i < *rounds; i++ {
		took, errno := round(*threads, *calls)
		if errno != syscall.EBADF {
			r.Errno = int(errno)
		}
		all = append(all, float64(took.Nanoseconds())/float64(*threads**calls))
	}
	sort.Float64s(all)
	r.NSPerCall = all[len(all)/2]
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		os.Exit(1)
	}
}
