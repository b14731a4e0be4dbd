// SPDX-License-Identifier: Apache-2.0

// Forker starts processes:
//
//	forker -children N            N children at once, waits for all; each prints "child I"
//	forker -daemon FILE -after D  a grandchild in a session of its own that outlives everybody: after D it
//	                              writes its pid to FILE; forker itself ends at once with -exit STATUS
//	forker -orphans N             N children that it does not wait for
//	forker -sleep D               sleeps, and lets one child sleep too; both pids are printed
//	forker -exec PROGRAM ARG...   becomes PROGRAM
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	_ "example.com/conf" // a module that policies confine, though nothing of it is at work here
)

var (
	children = flag.Int("children", 0, "start `N` children and wait")
	orphans  = flag.Int("orphans", 0, "start `N` children and do not wait")
	daemon   = flag.String("daemon", "", "start a daemon that writes `FILE`")
	after    = flag.Duration("after", time.Second, "how long the daemon lives")
	sleep    = flag.Duration("sleep", 0, "sleep, with a child")
	become   = flag.Bool("exec", false, "execute the arguments")
	exit     = flag.Int("exit", 0, "exit `STATUS`")
	role     = flag.String("role", "", "for forker's own use")
)

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "forker:", err)
		os.Exit(1)
	}
	os.Exit(*exit)
}

func run() error {
	switch {
	case *role == "child":
		fmt.Println("child", flag.Arg(0))
	case *role == "sleeper":
		time.Sleep(*sleep)
	case *role == "middle":
		return start("-role=daemon", "-daemon="+*daemon, "-after="+after.String()).Start()
	case *role == "daemon":
		time.Sleep(*after)
		return os.WriteFile(*daemon, []byte(fmt.Sprintln(os.Getpid())), 0o600)
	case *children > 0:
		return startChildren(*children, true)
	case *orphans > 0:
		return startChildren(*orphans, false)
	case *daemon != "":
		// The one in the middle ends, so that the daemon has no parent here any more.
		return start("-role=middle", "-daemon="+*daemon, "-after="+after.String()).Run()
	case *sleep > 0:
		cmd := start("-role=sleeper", "-sleep="+sleep.String())
		if err := cmd.Start(); err != nil {
			return err
		}
		fmt.Println("pids", os.Getpid(), cmd.Process.Pid)
		time.Sleep(*sleep)
	case *become:
		return syscall.Exec(flag.Arg(0), flag.Args(), os.Environ())
	default:
		return fmt.Errorf("nothing to do")
	}
	return nil
}

func startChildren(n int, wait bool) error {
	var cmds []*exec.Cmd
	for i := 0; i < n; i++ {
		cmd := start("-role=child", fmt.Sprint(i))
		if err := cmd.Start(); err != nil {
			return err
		}
		cmds = append(cmds, cmd)
	}
	for i := 0; wait && i < n; i++ {
		if err := cmds[i].Wait(); err != nil {
			return err
		}
	}
	return nil
}

func start(args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	cmd := exec.Command(self, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if args[0] == "-role=daemon" {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	}
	return cmd
}
