// SPDX-License-Identifier: Apache-2.0

// Command allowed makes a call that no module is denied, over and over: what a filter costs it. Prints one JSON object.
package main

import (
	"encoding/json"
	"os"
	"runtime"
	"sort"
	"syscall"
	"time"

	"example.com/mjbench/conf"
)

type result struct {
	NSPerCall float64 `json:"ns_per_call"` // median of batches
	Calls     int     `json:"calls"`
	GoVersion string  `json:"go"`
}

func main() {
	const batches, size = 101, 5000
	runtime.LockOSThread()
	conf.Depth()
	var all []float64
	for i := 0; i < batches; i++ {
		start := time.Now()
		for j := 0; j < size; j++ {
			syscall.RawSyscall(syscall.SYS_GETPPID, 0, 0, 0)
		}
		all = append(all, float64(time.Since(start).Nanoseconds())/size)
	}
	sort.Float64s(all)
	r := result{NSPerCall: all[batches/2], Calls: batches * size, GoVersion: runtime.Version()}
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		os.Exit(1)
	}
}
