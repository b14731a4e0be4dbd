// SPDX-License-Identifier: Apache-2.0

// Child is a program with a main module of its own, for others to execute. It does what its arguments
// say on behalf of main or conf and prints how each of them ended: "ACT ok" or "ACT errno=EPERM".
package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"example.com/conf"
)

// A caller does something with certain frames on the stack.
var callers = map[string]func(f func() error) error{
	"main":  func(f func() error) error { return f() },
	"conf":  func(f func() error) (err error) { conf.Callback(func() { err = f() }); return err },
	"go":    inGoroutine,
	"go-go": func(f func() error) error { return inGoroutine(func() error { return inGoroutine(f) }) },
}

func inGoroutine(f func() error) error {
	done := make(chan error)
	go func() { done <- f() }()
	return <-done
}

var acts = map[string]func(arg string) error{
	"create": func(path string) error {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		return f.Close()
	},
	"read": func(path string) error {
		_, err := os.ReadFile(path)
		return err
	},
	"connect": func(addr string) error {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		return conn.Close()
	},
	"run": func(line string) error {
		words := strings.Fields(line)
		cmd := exec.Command(words[0], words[1:]...)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		return cmd.Run()
	},
}

var names = map[syscall.Errno]string{
	syscall.EPERM: "EPERM", syscall.ENOENT: "ENOENT", syscall.ECONNREFUSED: "ECONNREFUSED",
}

func main() {
	call := callers["main"]
	for args := os.Args[1:]; len(args) > 0; args = args[1:] {
		if args[0] == "-by" {
			call, args = callers[args[1]], args[1:]
			continue
		}
		act, arg, _ := strings.Cut(args[0], "=")
		err := call(func() error { return acts[act](arg) })
		var errno syscall.Errno
		switch {
		case err == nil:
			fmt.Println(act, "ok")
		case errors.As(err, &errno) && names[errno] != "":
			fmt.Printf("%s errno=%s\n", act, names[errno])
		default:
			fmt.Printf("%s failed: %v\n", act, err)
		}
	}
}
