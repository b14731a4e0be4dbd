// SPDX-License-Identifier: Apache-2.0

// Command gostmt measures from inside what a go statement costs, in a goroutine that has some creators and from
// some calls deep; what GODEBUG=tracebackancestors adds to it is the price of modjail's --ancestry=N. Prints one
// JSON object.
package main

import (
	"encoding/json"
	"flag"
	"os"
	"runtime"
	"sort"
	"sync"
	"time"
)

type result struct {
	NSPerGo    float64 `json:"ns_per_go"` // median of batches
	BytesPerGo float64 `json:"bytes_per_go"`
	GoVersion  string  `json:"go"`
}

//go:noinline
func descend(left int, f func()) {
	if left > 1 {
		descend(left-1, f)
		return
	}
	f()
}

// generation runs f in a goroutine with that many creators, main included.
func generation(left int, f func()) {
	if left <= 1 {
		f()
		return
	}
	done := make(chan bool)
	go func() { generation(left-1, f); done <- true }()
	<-done
}

func batch(n int) float64 {
	var done sync.WaitGroup
	done.Add(n)
	start := time.Now()
	for i := 0; i < n; i++ {
		go done.Done()
	}
	took := time.Since(start)
	done.Wait()
	return float64(took.Nanoseconds()) / float64(n)
}

func (r *result) measure(batches, size int) {
	var before, after runtime.MemStats
	batch(size) // warm-up: goroutines are used again
	runtime.ReadMemStats(&before)
	var took []float64
	for i := 0; i < batches; i++ {
		took = append(took, batch(size))
	}
	runtime.ReadMemStats(&after)
	sort.Float64s(took)
	r.NSPerGo = took[len(took)/2]
	r.BytesPerGo = float64(after.TotalAlloc-before.TotalAlloc) / float64(batches*size)
}

func main() {
	generations := flag.Int("generations", 1, "goroutines that the new ones go back to, main included")
	deep := flag.Int("deep", 1, "how many calls deep the go statement is")
	batches := flag.Int("batches", 51, "number of batches")
	size := flag.Int("size", 200, "go statements in a batch")
	flag.Parse()
	r := result{GoVersion: runtime.Version()}
	generation(*generations, func() { descend(*deep, func() { r.measure(*batches, *size) }) })
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		os.Exit(1)
	}
}
