// SPDX-License-Identifier: Apache-2.0

// What honest programs do, done once by this module and once by another one, which the test confines: "honest: 0 of
// 38 failed", and below the jail "confined: 38 of 38 failed". Written for the oldest Go that is tried.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"syscall"

	"example.com/app/work"
	"example.com/conf"
)

func serve() string {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	answer := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }
	go http.Serve(listener, http.HandlerFunc(answer))
	return "http://" + listener.Addr().String() + "/"
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "child" {
		return
	}
	// A child in a namespace of its own: the only clone that a policy can notify.
	if len(os.Args) > 1 && os.Args[1] == "clone" {
		fmt.Println("honest:", work.Clone(syscall.CLONE_NEWUTS))
		fmt.Println("confined:", conf.Clone(syscall.CLONE_NEWUTS))
		return
	}
	url := serve()
	failed, all := work.Do(url)
	fmt.Printf("honest: %d of %d failed\n", failed, all)
	failed, all = conf.Do(url)
	fmt.Printf("confined: %d of %d failed\n", failed, all)
}
