// SPDX-License-Identifier: Apache-2.0

// Crowd does to processes and threads what makes a supervisor's books hard to keep:
//
//	crowd -threads N -exec PROGRAM ARG...  N threads make system calls, while another one, which is not the main
//	                                       one, becomes PROGRAM
//	crowd -turns N DIR                     N times, main and module conf each let a shell make a file in DIR, and
//	                                       print the shell's number; how many of conf's runs failed
//	crowd -run MODULE PROGRAM ARG...       main, or conf, executes PROGRAM and waits for it
//	crowd -cut                             writes lines until standard output is closed or full; says why it ended
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"example.com/conf"
)

var (
	threads = flag.Int("threads", 0, "keep `N` threads busy")
	become  = flag.Bool("exec", false, "execute the arguments")
	turns   = flag.Int("turns", 0, "take `N` turns in the folder that is named")
	run1    = flag.String("run", "", "main or conf: execute the arguments and wait")
	cut     = flag.Bool("cut", false, "write until nobody reads")
)

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "crowd:", err)
		os.Exit(1)
	}
}

func run() error {
	for i := 0; i < *threads; i++ {
		go busy()
	}
	switch {
	case *become:
		return becomeFromThread()
	case *turns > 0:
		return takeTurns(*turns, flag.Arg(0))
	case *run1 == "conf":
		return conf.Run(flag.Arg(0), flag.Args()[1:]...)
	case *run1 == "main":
		cmd := exec.Command(flag.Arg(0), flag.Args()[1:]...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		return cmd.Run()
	case *cut:
		return write()
	}
	return errors.New("nothing to do")
}

func busy() {
	runtime.LockOSThread()
	for {
		if fd, err := syscall.Open("/dev/null", syscall.O_RDONLY, 0); err == nil {
			syscall.Close(fd)
		}
	}
}

func becomeFromThread() error {
	failed := make(chan error)
	go func() {
		runtime.LockOSThread()
		if syscall.Gettid() == os.Getpid() {
			// The main thread is taken: another one has to do it.
			go func() { failed <- exec1() }()
			select {}
		}
		failed <- exec1()
	}()
	return <-failed
}

func exec1() error {
	runtime.LockOSThread()
	return syscall.Exec(flag.Arg(0), flag.Args(), os.Environ())
}

const makeFile = `echo $$; : > "$1"`

func takeTurns(n int, dir string) error {
	refused := 0
	for i := 0; i < n; i++ {
		cmd := exec.Command("/bin/sh", "-c", makeFile, "sh", fmt.Sprintf("%s/main.%d", dir, i))
		cmd.Stdin, cmd.Stdout = os.Stdin, os.Stdout
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("main's turn %d: %w", i, err)
		}
		if err := conf.Run("/bin/sh", "-c", makeFile, "sh", fmt.Sprintf("%s/conf.%d", dir, i)); err != nil {
			refused++
		}
	}
	fmt.Println("refused", refused)
	return nil
}

func write() error {
	signal.Ignore(syscall.SIGPIPE)
	for i := 0; ; i++ {
		if _, err := fmt.Println("line", i); err != nil {
			fmt.Fprintln(os.Stderr, "ended:", errors.Unwrap(err))
			return nil
		}
		if _, err := os.ReadFile("/etc/hostname"); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
}
