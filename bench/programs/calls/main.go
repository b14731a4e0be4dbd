// SPDX-License-Identifier: Apache-2.0

// Command calls measures from inside what one notified system call costs: 20 frames below main it
// makes the same call over and over, in batches. Prints one JSON object.
package main

import (
	"encoding/json"
	"flag"
	"io"
	"os"
	"runtime"
	"sort"
	"syscall"
	"time"

	"example.com/mjbench/conf"
)

type result struct {
	NSPerCall float64   `json:"ns_per_call"` // median of batches
	Calls     int       `json:"calls"`
	Errno     int       `json:"errno"`  // of the last call: EBADF if it went through
	Frames    int       `json:"frames"` // from measure to the runtime's root
	Batches   []float64 `json:"batches_ns_per_call"`
	GoVersion string    `json:"go"`
}

// An invalid descriptor: the kernel fails it at once with EBADF.
const noFD = ^uintptr(0)

type caller func(nr, a, b, c uintptr) (uintptr, uintptr, syscall.Errno)

//go:noinline
func descend(left int, f func()) {
	if left > 1 {
		descend(left-1, f)
		return
	}
	f()
}

func batch(call caller, n int) (time.Duration, syscall.Errno) {
	var errno syscall.Errno
	start := time.Now()
	for i := 0; i < n; i++ {
		_, _, errno = call(syscall.SYS_INOTIFY_ADD_WATCH, noFD, 0, syscall.IN_ACCESS)
	}
	return time.Since(start), errno
}

func (r *result) measure(call caller, batches, size int) {
	r.Frames = runtime.Callers(1, make([]uintptr, 128))
	batch(call, size) // warm-up
	for i := 0; i < batches; i++ {
		took, errno := batch(call, size)
		r.Errno = int(errno)
		r.Batches = append(r.Batches, float64(took.Nanoseconds())/float64(size))
	}
}

func median(values []float64) float64 {
	sorted := append([]float64(nil), values...)
	sort.Float64s(sorted)
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func main() {
	batches := flag.Int("batches", 20, "number of batches")
	size := flag.Int("size", 200, "calls in a batch")
	enter := flag.Bool("enter", false, "use syscall.Syscall, which tells the scheduler")
	hold := flag.Bool("hold", false, "then wait until standard input ends")
	flag.Parse()

	runtime.LockOSThread()
	call := caller(syscall.RawSyscall)
	if *enter {
		call = syscall.Syscall
	}
	r := result{Calls: (*batches + 1) * *size, GoVersion: runtime.Version()}
	descend(conf.Depth(), func() { r.measure(call, *batches, *size) })
	r.NSPerCall = median(r.Batches)
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		os.Exit(1)
	}
	if *hold {
		io.Copy(io.Discard, os.Stdin)
	}
}
