// SPDX-License-Identifier: Apache-2.0

// Reexec executes itself, in the ways in which daemons do, and tells whether it is jailed:
//
//	reexec where               prints os.Executable()
//	reexec read FILE           reads FILE as main and as a module that policies confine, and prints both outcomes
//	reexec again N ARG...      executes itself by os.Executable(), N times deep, and then does ARG...
//	reexec become ARG...       the same in the same process
//	reexec link ARG...         becomes /proc/self/exe
//	reexec later OUT ARG...    ends at once; a child in a session of its own, once it has no parent here any more,
//	                           executes itself by os.Executable() to do ARG... and writes what that prints to OUT
//	reexec hand FIFO           writes os.Executable() to FIFO, for whoever reads that
//	reexec when FIFO ARG...    the same as again 1 ARG..., once something has been written to FIFO
//	reexec links N PATH        makes N readlinks of PATH, and prints the nanoseconds that each took
//	reexec ask                 asks for what only a packed modjail gets, and prints the errno
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"example.com/conf"
)

const askProgram = 0x6d6a6153 // MJ_ASK_PROGRAM

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "reexec:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("nothing to do")
	}
	switch verb, args := args[0], args[1:]; verb {
	case "where":
		self, err := os.Executable()
		fmt.Println(self)
		return err
	case "read":
		_, err := os.ReadFile(args[0])
		fmt.Println("main", outcome(err))
		_, err = conf.ReadFile(args[0])
		fmt.Println("conf", outcome(err))
	case "again":
		n, err := strconv.Atoi(args[0])
		if err != nil {
			return err
		}
		if n > 1 {
			args = append([]string{"again", strconv.Itoa(n - 1)}, args[1:]...)
		} else {
			args = args[1:]
		}
		return itself(os.Stdout, args...).Run()
	case "become":
		self, err := os.Executable()
		if err != nil {
			return err
		}
		return syscall.Exec(self, append([]string{self}, args...), os.Environ())
	case "link":
		return syscall.Exec("/proc/self/exe", append([]string{"link"}, args...), os.Environ())
	case "later":
		cmd := itself(nil, append([]string{"wait", strconv.Itoa(os.Getpid())}, args...)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		return cmd.Start()
	case "wait":
		return wait(args[0], args[1], args[2:])
	case "hand":
		self, err := os.Executable()
		if err != nil {
			return err
		}
		return os.WriteFile(args[0], []byte(self+"\n"), 0o600)
	case "when":
		if _, err := os.ReadFile(args[0]); err != nil {
			return err
		}
		return itself(os.Stdout, args[1:]...).Run()
	case "links":
		return links(args[0], args[1])
	case "ask":
		_, _, errno := syscall.Syscall(317, askProgram, 0, 0)
		fmt.Println(int(errno))
	default:
		return fmt.Errorf("unknown verb %q", verb)
	}
	return nil
}

func outcome(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) && errno == syscall.EPERM {
		return "EPERM"
	}
	if err != nil {
		return err.Error()
	}
	return "ok"
}

func itself(out *os.File, args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		self = "no executable"
	}
	cmd := exec.Command(self, args...)
	cmd.Stderr = os.Stderr
	if out != nil {
		cmd.Stdout = out
	}
	return cmd
}

func wait(parent, out string, args []string) error {
	for strconv.Itoa(os.Getppid()) == parent {
		time.Sleep(time.Millisecond)
	}
	file, err := os.Create(out + ".part")
	if err != nil {
		return err
	}
	if err := itself(file, args...).Run(); err != nil {
		fmt.Fprintln(file, err)
	}
	file.Close()
	return os.Rename(out+".part", out)
}

func links(count, path string) error {
	n, err := strconv.Atoi(count)
	if err != nil || n <= 0 {
		return errors.New("a number, please")
	}
	start := time.Now()
	for i := 0; i < n; i++ {
		if _, err := os.Readlink(path); err != nil {
			return err
		}
	}
	fmt.Println(time.Since(start).Nanoseconds() / int64(n))
	return nil
}
