// SPDX-License-Identifier: Apache-2.0

// Package conf is a dependency that test policies confine. It makes whatever system call it is asked
// to, each time with another kind of its own frame on the stack.
package conf

import (
	"net"
	"os"
	"os/exec"
	"syscall"
)

// Args are a system call's six register arguments.
type Args [6]uintptr

// Plain makes the call from an ordinary function.
//
//go:noinline
func Plain(nr uintptr, a *Args) (uintptr, syscall.Errno) {
	r, _, errno := syscall.Syscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
	return r, errno
}

// Inlined lets f make the call. It is small enough for the compiler to put it into its caller, so that
// only the inline tree knows of it, and f is the caller's, so that no frame of conf lies below it.
func Inlined(f func(uintptr, *Args) (uintptr, syscall.Errno), nr uintptr, a *Args) (uintptr, syscall.Errno) {
	return f(nr, a)
}

// Closure returns a closure that makes the call. Closure itself is inlined into its caller, after
// which the compiler names the closure after that caller.
func Closure() func(nr uintptr, a *Args) (uintptr, syscall.Errno) {
	return func(nr uintptr, a *Args) (uintptr, syscall.Errno) {
		r, _, errno := syscall.Syscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
		return r, errno
	}
}

// Caller is an interface whose implementation main does not see.
type Caller interface {
	Call(nr uintptr, a *Args) (uintptr, syscall.Errno)
}

type method struct{ calls int }

func (m *method) Call(nr uintptr, a *Args) (uintptr, syscall.Errno) {
	m.calls++
	r, _, errno := syscall.Syscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
	return r, errno
}

// NewCaller returns the Caller.
func NewCaller() Caller { return &method{} }

// Generic makes the call from an instantiated function; the type is the caller's.
//
//go:noinline
func Generic[T any](nr uintptr, a *Args, _ T) (uintptr, syscall.Errno) {
	r, _, errno := syscall.Syscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
	return r, errno
}

// Deferred makes the call while a panic unwinds conf's frame.
//
//go:noinline
func Deferred(nr uintptr, a *Args) (r uintptr, errno syscall.Errno) {
	defer func() {
		r, _, errno = syscall.Syscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
		recover()
	}()
	panic("conf: on purpose")
}

// Goroutine makes the call from a goroutine of its own.
func Goroutine(nr uintptr, a *Args) (r uintptr, errno syscall.Errno) {
	done := make(chan struct{})
	go func() {
		r, _, errno = syscall.Syscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
		close(done)
	}()
	<-done
	return r, errno
}

// Callback calls back into whoever called it: the system call is not conf's, but conf is on the stack.
//
//go:noinline
func Callback(f func()) {
	f()
	called++
}

var called int

// ReadFile, Dial and Run do with the standard library what a real dependency would.
func ReadFile(path string) ([]byte, error) { return os.ReadFile(path) }

// Dial connects and closes again.
func Dial(network, addr string) error {
	conn, err := net.Dial(network, addr)
	if err != nil {
		return err
	}
	return conn.Close()
}

// Run executes a program with the caller's standard streams.
func Run(path string, args ...string) error {
	cmd := exec.Command(path, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}
