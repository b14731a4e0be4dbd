// SPDX-License-Identifier: Apache-2.0

// Package own is the main module's own pool, of one worker.
package own

var (
	jobs    = make(chan func())
	started bool
)

// Submit hands a job to the worker, which it starts if there is none.
//
//go:noinline
func Submit(job func()) {
	if !started {
		started = true
		go work()
	}
	jobs <- job
}

func work() {
	for job := range jobs {
		job()
	}
}
