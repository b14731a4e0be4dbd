// SPDX-License-Identifier: Apache-2.0

// attack WHO WAY FORM ACT: lets the module WHO do ACT, by WAY. Which of them go together is in matrix.py.
// Status 0: it was tried; 3: there is no such thing; 4: it did not happen in time.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"syscall"
	"time"

	"example.com/trusted/work"
)

type sys func(nr, a, b, c, d, e, f uintptr) (uintptr, syscall.Errno)

var (
	drivers = map[string]func(way, form, act string) bool{}
	done    = make(chan struct{})
	kept    func()

	mainServer http.Server

	mainContext, mainCancel = context.WithCancel(context.Background())
)

//go:noinline
func callee() uintptr {
	pc, _, _, _ := runtime.Caller(1)
	return pc
}

// forgedReturn is an address in main behind a call.
//
//go:noinline
func forgedReturn() uintptr { return callee() }

func wait() {
	deadline := time.After(10 * time.Second)
	for {
		select {
		case <-done:
			return
		case <-deadline:
			fmt.Println("it did not happen")
			os.Exit(4)
		case <-time.After(2 * time.Millisecond):
			runtime.GC() // for what waits for something to become garbage
		}
	}
}

func main() {
	net.DefaultResolver = &net.Resolver{PreferGo: true,
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "udp", "127.0.0.1:"+os.Getenv("A_UDP"))
		}}
	work.Start()
	who, way, form, act := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	drive := drivers[who]
	if drive == nil || !drive(way, form, act) {
		fmt.Println("no such thing:", who, way, form, act)
		os.Exit(3)
	}
	mainCancel()
	mainServer.Shutdown(context.Background())
	if form == "std" {
		// Nobody tells when it is done: the harness, which sees it, closes standard input.
		go func() {
			io.Copy(io.Discard, os.Stdin)
			close(done)
		}()
	}
	wait()
}
