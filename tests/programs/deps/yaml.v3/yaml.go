// SPDX-License-Identifier: Apache-2.0

// Package yaml stands in for gopkg.in/yaml.v3: nothing of it but the module path, whose last element
// has a dot and is therefore escaped in symbol names (gopkg.in/yaml%2ev3.Load).
package yaml

import (
	"os"
	"syscall"
)

// Load reads a file.
func Load(path string) ([]byte, error) { return os.ReadFile(path) }

// Syscall makes a system call.
//
//go:noinline
func Syscall(nr uintptr, a *[6]uintptr) (uintptr, syscall.Errno) {
	r, _, errno := syscall.Syscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
	return r, errno
}
