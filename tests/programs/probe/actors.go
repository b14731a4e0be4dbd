// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"syscall"

	"example.com/conf"
	"gopkg.in/yaml.v3"
)

// caller makes one system call with a certain module's frame on the stack.
type caller func(nr uintptr, a *conf.Args) (uintptr, syscall.Errno)

// subject is on whose behalf an act is done.
type subject struct {
	name string
	call caller
}

var actors = map[string]caller{
	"main":      plain,
	"conf":      conf.Plain,
	"yaml":      func(nr uintptr, a *conf.Args) (uintptr, syscall.Errno) { return yaml.Syscall(nr, (*[6]uintptr)(a)) },
	"inlined":   inlined,
	"closure":   closure,
	"method":    func(nr uintptr, a *conf.Args) (uintptr, syscall.Errno) { return conf.NewCaller().Call(nr, a) },
	"generic":   func(nr uintptr, a *conf.Args) (uintptr, syscall.Errno) { return conf.Generic(nr, a, point{}) },
	"deferred":  conf.Deferred,
	"goroutine": conf.Goroutine,
	"callback":  callback,
}

type point struct{ x, y int }

//go:noinline
func plain(nr uintptr, a *conf.Args) (uintptr, syscall.Errno) {
	r, _, errno := syscall.Syscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
	return r, errno
}

//go:noinline
func inlined(nr uintptr, a *conf.Args) (uintptr, syscall.Errno) {
	return conf.Inlined(plain, nr, a)
}

//go:noinline
func closure(nr uintptr, a *conf.Args) (uintptr, syscall.Errno) {
	f := conf.Closure()
	kept = f // keeps the closure a function of its own
	return kept(nr, a)
}

var kept caller

//go:noinline
func callback(nr uintptr, a *conf.Args) (r uintptr, errno syscall.Errno) {
	conf.Callback(func() { r, errno = plain(nr, a) })
	return r, errno
}

// readFile, dial and run do with the standard library what the raw acts do without. Actors other than
// main all mean conf or yaml here: the shape of the stack is the raw acts' business.
func (s *subject) readFile(path string) ([]byte, error) {
	switch s.name {
	case "main":
		return os.ReadFile(path)
	case "yaml":
		return yaml.Load(path)
	}
	return conf.ReadFile(path)
}

func (s *subject) run(path string, args ...string) error {
	if s.name == "main" {
		cmd := exec.Command(path, args...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		return cmd.Run()
	}
	return conf.Run(path, args...)
}
