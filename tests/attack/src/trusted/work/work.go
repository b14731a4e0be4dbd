// SPDX-License-Identifier: Apache-2.0

// Package work is innocent: its workers run what they are handed.
package work

import "syscall"

// Call is a job without any code of whoever hands it over.
type Call struct {
	F0 func() error
	F1 func(string) error
	X  string
}

// Jobs and Calls are what the workers take.
var (
	Jobs  = make(chan func())
	Calls = make(chan Call)
)

// Data is a type to instantiate generic functions with.
type Data struct{ x, y int }

// Start starts the workers.
func Start() {
	go func() {
		for f := range Jobs {
			f()
		}
	}()
	go func() {
		for c := range Calls {
			if c.F0 != nil {
				c.F0()
			} else {
				c.F1(c.X)
			}
		}
	}()
}

// pulled is not for others.
//
//go:noinline
func pulled(nr, a, b, c, d, e, f uintptr) (uintptr, syscall.Errno) {
	r, _, errno := syscall.Syscall6(nr, a, b, c, d, e, f)
	return r, errno
}

// Keep keeps it in the program.
var Keep = pulled
