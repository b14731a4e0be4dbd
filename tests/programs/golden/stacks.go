// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"

	"example.com/conf"
)

var stacks = []func(){
	plain, inlined, closure, methods, generics, deferred, panicking, faulting, goroutine, goWrapper,
	deep, bigFrame, callbacks, onceAndSort, timer, finishing, variadic, vforkChild,
}

// call makes the recognisable call in a function of its own that is never inlined.
//
//go:noinline
func call(name string) {
	syscall.Syscall(syscall.SYS_GETPRIORITY, 0, announce(name, "getpriority", "all", 0), 0)
}

//go:noinline
func plain() { call("plain") }

// Three levels that the compiler folds into one physical frame.
//
//go:noinline
func inlined()  { inlined1() }
func inlined1() { inlined2() }
func inlined2() { inlined3() }
func inlined3() { call("inlined") }

//go:noinline
func closure() {
	n := 0
	f := func() {
		n++
		func() {
			n++
			call("closure")
		}()
	}
	keep(f)()
	conf.Callback(func() { call("closure through a module") })
}

//go:noinline
func keep(f func()) func() { return f }

type value struct{ a, b, c int }
type pointer struct{ value }
type speaker interface{ speak() }

//go:noinline
func (v value) speak() { call(fmt.Sprint("method of value ", v.a)) }

//go:noinline
func (p *pointer) shout() { p.speak() }

// Calls through an interface and a method value go through compiler-made wrappers, some of which the
// runtime leaves out of its own tracebacks.
//
//go:noinline
func methods() {
	p := &pointer{value{1, 2, 3}}
	p.shout()
	var s speaker = p
	s.speak()
	keep(p.shout)()
	for _, s := range []speaker{value{4, 5, 6}, &value{7, 8, 9}} {
		s.speak()
	}
}

//go:noinline
func generic[T any](name string, x T) {
	_ = x
	call(name)
}

type list[T any] struct{ items []T }

//go:noinline
func (l *list[T]) each(f func(T)) {
	for _, item := range l.items {
		f(item)
	}
}

//go:noinline
func generics() {
	generic("generic int", 1)
	generic("generic struct", value{})
	generic("generic pointer", &value{})
	(&list[string]{[]string{"x"}}).each(func(string) { call("generic method") })
}

//go:noinline
func deferred() {
	for i := 0; i < 2; i++ {
		defer func(i int) { call(fmt.Sprint("deferred in a loop ", i)) }(i)
	}
	defer call("deferred")
}

//go:noinline
func panicking() {
	defer func() {
		call("deferred while panicking")
		_ = recover()
	}()
	panic("on purpose")
}

// A fault: the kernel's signal makes the runtime insert a frame of sigpanic, whose return address is
// the faulting instruction itself and follows no call.
//
//go:noinline
func faulting() {
	defer func() {
		_ = recover()
		call("after recover")
	}()
	defer func() { call("deferred while faulting") }()
	var p *value
	p.a = divide(1, len(os.Args)-len(os.Args))
}

//go:noinline
func divide(a, b int) int {
	defer func() {
		call("deferred in a leaf that faults")
	}()
	var p *pointer
	return a + b + p.c
}

func spawn(f func()) {
	var done sync.WaitGroup
	done.Add(1)
	go func() {
		defer done.Done()
		f()
	}()
	done.Wait()
}

//go:noinline
func goroutine() {
	spawn(func() { call("goroutine") })
	spawn(func() { spawn(func() { call("goroutine of a goroutine") }) })
}

// A go statement with arguments runs through a wrapper that the compiler makes.
//
//go:noinline
func goWrapper() {
	done := make(chan bool)
	go wrapped("go wrapper", done)
	<-done
	go (&pointer{}).wrapped("go wrapper of a method", done)
	<-done
}

//go:noinline
func wrapped(name string, done chan bool) {
	call(name)
	done <- true
}

//go:noinline
func (p *pointer) wrapped(name string, done chan bool) { wrapped(name, done) }

//go:noinline
func deep() { spawn(func() { recurse(500) }) }

// Grows the goroutine's stack several times, so that it has been copied.
//
//go:noinline
func recurse(n int) int {
	var pad [64]byte
	pad[n%64] = 1
	if n == 0 {
		call("500 deep")
		return 0
	}
	return recurse(n-1) + int(pad[n%64])
}

// More than a reader's first guess at how much of a stack to read.
//
//go:noinline
func bigFrame() {
	var big [40000]byte
	fill(big[:])
	call("big frame")
	fill(big[:])
}

//go:noinline
func fill(b []byte) { copy(b, bytes.Repeat([]byte{0x41}, len(b))) }

//go:noinline
func callbacks() {
	strings.Map(func(r rune) rune {
		call("called by the standard library")
		return r
	}, "x")
}

//go:noinline
func onceAndSort() {
	var once sync.Once
	once.Do(func() { call("sync.Once") })
	said := false
	sort.Slice([]int{2, 1}, func(i, j int) bool {
		if !said {
			said = true
			call("sort.Slice")
		}
		return i < j
	})
}

//go:noinline
func timer() {
	done := make(chan bool)
	time.AfterFunc(time.Millisecond, func() {
		call("time.AfterFunc")
		done <- true
	})
	<-done
}

// A goroutine that ends in a deferred call below runtime.Goexit.
//
//go:noinline
func finishing() {
	done := make(chan bool)
	go func() {
		defer close(done)
		defer call("runtime.Goexit")
		runtime.Goexit()
	}()
	<-done
}

//go:noinline
func variadic() { many("ten arguments", 1, 2, 3, 4, 5, 6, 7, 8, 9, value{}, 1.5) }

//go:noinline
func many(name string, a, b, c, d, e, f, g, h, i int, v value, x float64, rest ...string) float64 {
	call(name)
	return float64(a+b+c+d+e+f+g+h+i+v.a+len(rest)) * x
}

// The child of os/exec is a vfork: another process, in this one's memory, on this goroutine's stack.
// Its execve is what a harness sees.
//
//go:noinline
func vforkChild() {
	cmd := exec.Command("/bin/true")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stderr, os.Stderr
	announce("vfork child", "execve", "suffix", 0)
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "golden:", err)
	}
}
