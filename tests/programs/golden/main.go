// SPDX-License-Identifier: Apache-2.0

// Golden builds stacks of every kind and, at the bottom of each, makes a system call that a harness
// can recognise: getpriority(PRIO_PROCESS, 0x6d6a0000|N), N counting from 1. Just before it, it prints
// what the Go runtime itself says the stack is, one JSON object a line:
//
//	{"n":1,"name":"plain","call":"getpriority","match":"all","frames":[{"func":..,"file":..,"line":..},...]}
//
// Frames are logical (inlined ones included), innermost first, and were taken in the function that
// makes the call: only the innermost frame's line differs, and is the call's. "match":"suffix" means
// that the call is made further in: the walk ends in these frames and has more before them.
// Functions are as runtime.Frame prints them: type arguments are "[...]".
//
// With -wait it then sleeps until it is killed, so that SIGQUIT can be sent; nothing handles signals.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"
)

// Mark is what getpriority's second argument has in its upper half.
const mark = 0x6d6a0000

type frame struct {
	Func string `json:"func"`
	File string `json:"file"`
	Line int    `json:"line"`
}

type record struct {
	N      int     `json:"n"`
	Name   string  `json:"name"`
	Call   string  `json:"call"`
	Match  string  `json:"match"`
	Arg    int     `json:"arg"` // what the call's recognisable argument is
	Frames []frame `json:"frames"`
}

var count int

// Announce prints the caller's stack and returns the argument for the system call that follows.
//
//go:noinline
func announce(name, call, match string, arg int) uintptr {
	var pcs [4096]uintptr
	count++
	if call == "getpriority" {
		arg = mark | count
	}
	rec := record{N: count, Name: name, Call: call, Match: match, Arg: arg}
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		rec.Frames = append(rec.Frames, frame{f.Function, f.File, f.Line})
		if !more {
			break
		}
	}
	line, err := json.Marshal(rec)
	if err != nil {
		panic(err)
	}
	// One write: the harness may read the line as soon as it sees the call.
	if _, err := os.Stdout.Write(append(line, '\n')); err != nil {
		panic(err)
	}
	return uintptr(arg)
}

var initRan = func() bool {
	viaInit()
	return true
}()

//go:noinline
func viaInit() {
	syscall.Syscall(syscall.SYS_GETPRIORITY, 0, announce("init", "getpriority", "all", 0), 0)
}

func main() {
	heapdump := flag.Int("heapdump", -1, "let the runtime write to `FD` from its system stack")
	wait := flag.Bool("wait", false, "sleep at the end")
	flag.Parse()
	for _, stack := range stacks {
		stack()
	}
	if *heapdump >= 0 {
		announce("systemstack", "write", "suffix", *heapdump)
		debug.WriteHeapDump(uintptr(*heapdump))
	}
	if !initRan || count < len(stacks) {
		fmt.Fprintln(os.Stderr, "golden: a stack made no call")
		os.Exit(1)
	}
	if *wait {
		time.Sleep(time.Hour)
	}
}
