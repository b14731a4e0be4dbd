// SPDX-License-Identifier: Apache-2.0

// Allthreads makes calls that are made on all threads, while -n threads of every kind wait or work. Each argument is
// WHO:ACT, WHO being main, or conf (whose frame is on the stack then); for each a line says what came of it, and what
// the threads have afterwards ("differs" where they do not have the same):
//
//	main:setuid=65534 ok; uid=65534 gid=0 groups= nice=0
//
// Acts: setuid=N, setgid=N, setgroups=N, seteuid=N as the functions of package syscall; csetgid=N by C; nice=N by
// AllThreadsSyscall; nothing; read; sleep; and pretend=N, which is module confc's. And "repeat=N", which alternates N calls of main (nice) and of conf, and
// "race=N", in which conf makes, from threads of its own, the very calls that main is having made on all
// threads; both count what came of the two, as "main ok=N EPERM=N other=N conf ok=N EPERM=N other=N". With cgo "intrude=N" does
// as repeat does, while a thread that confc's C code made sets its group to 77.
package main

import (
	"flag"
	"fmt"
	_ "net" // with cgo, Setuid and its like are the C library's
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"example.com/conf"
)

// kinds are what the threads do.
var kinds = []func(){
	func() { select {} },
	func() {
		for {
			ts := syscall.Timespec{Nsec: 2e6}
			syscall.Nanosleep(&ts, nil)
		}
	},
	func() { // never comes back from the kernel
		var p [2]int
		syscall.Pipe(p[:])
		syscall.Read(p[0], make([]byte, 1))
	},
	func() {
		for {
			runtime.Gosched()
		}
	},
	func() { // calls that are notified
		for {
			syscall.Access("/dev/null", 0)
			f, err := os.Open("/dev/null")
			if err == nil {
				f.Close()
			}
			ts := syscall.Timespec{Nsec: 1e6}
			syscall.Nanosleep(&ts, nil)
		}
	},
}

func startThreads(n int) {
	var ready sync.WaitGroup
	ready.Add(n)
	for i := 0; i < n; i++ {
		go func(f func()) {
			runtime.LockOSThread()
			ready.Done()
			f()
		}(kinds[i%len(kinds)])
	}
	ready.Wait()
}

// state is what all threads have, by /proc.
func state() string {
	tasks, _ := filepath.Glob("/proc/self/task/*")
	seen := " unreadable"
	for i, task := range tasks {
		status, err := os.ReadFile(task + "/status")
		stat, err2 := os.ReadFile(task + "/stat")
		if os.IsNotExist(err) || err == syscall.ESRCH {
			continue
		}
		if err != nil || err2 != nil {
			return "unreadable"
		}
		one := field(status, "Uid") + field(status, "Gid") + field(status, "Groups")
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		one += " nice=" + fields[16]
		if i > 0 && one != seen {
			return "differs:" + seen + " and" + one
		}
		seen = one
	}
	return seen[1:]
}

// field is a name and the effective id, or all groups.
func field(status []byte, name string) string {
	_, after, _ := strings.Cut(string(status), "\n"+name+":")
	line, _, _ := strings.Cut(after, "\n")
	values := strings.Fields(line)
	if len(values) > 1 && name != "Groups" {
		values = values[1:2]
	}
	return " " + strings.ToLower(name) + "=" + strings.Join(values, ",")
}

func nice(n int) error {
	if _, _, errno := syscall.AllThreadsSyscall(syscall.SYS_SETPRIORITY, 0, 0, uintptr(n)); errno != 0 {
		return errno
	}
	return nil
}

func act(name string, n int) error {
	switch name {
	case "setuid":
		return syscall.Setuid(n)
	case "setgid":
		return syscall.Setgid(n)
	case "seteuid":
		return syscall.Seteuid(n)
	case "setgroups":
		return syscall.Setgroups([]int{n})
	case "csetgid":
		return cSetgid(n)
	case "nice":
		return nice(n)
	case "read":
		_, err := os.ReadFile("/proc/self/comm")
		return err
	case "pretend":
		return pretend(n)
	case "sleep":
		select {}
	case "nothing":
		return nil
	}
	return syscall.ENOSYS
}

func asWhom(who string, f func() error) (err error) {
	if who == "conf" {
		conf.Callback(func() { err = f() })
		return err
	}
	return f()
}

type tally struct{ ok, refused, other int64 }

func (t *tally) add(err error) {
	switch err {
	case nil:
		atomic.AddInt64(&t.ok, 1)
	case syscall.EPERM:
		atomic.AddInt64(&t.refused, 1)
	default:
		atomic.AddInt64(&t.other, 1)
	}
}

func (t *tally) total() int64 {
	return atomic.LoadInt64(&t.ok) + atomic.LoadInt64(&t.refused) + atomic.LoadInt64(&t.other)
}

func (t *tally) String() string {
	return fmt.Sprintf("ok=%d EPERM=%d other=%d", t.ok, t.refused, t.other)
}

// change is a call on all threads that can be made any number of times, and the same one on this thread alone.
func change(i int) error {
	if runtime.GOOS == "linux" && isCgo {
		return syscall.Setegid(i % 2)
	}
	return nice(i % 2)
}

func changeAlone(i int) error {
	nr, args := uintptr(syscall.SYS_SETPRIORITY), conf.Args{0, 0, uintptr(i % 2)}
	if isCgo {
		nr, args = syscall.SYS_SETRESGID, conf.Args{^uintptr(0), uintptr(i % 2), ^uintptr(0)}
		if i%4 > 1 { // as C passes it
			args[0], args[2] = 0xffffffff, 0xffffffff
		}
	}
	if _, errno := conf.Plain(nr, &args); errno != 0 {
		return errno
	}
	return nil
}

func repeat(n int) (ours, theirs tally) {
	for i := 0; i < n; i++ {
		ours.add(change(i))
		theirs.add(asWhom("conf", func() error { return change(i + 1) }))
	}
	return ours, theirs
}

func race(n int) (ours, theirs tally) {
	var stop atomic.Value
	var wg sync.WaitGroup
	stop.Store(false)
	for t := 0; t < 3; t++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			runtime.LockOSThread()
			for i := 0; !stop.Load().(bool); i++ {
				theirs.add(changeAlone(i))
			}
		}()
	}
	for i := 0; i < n || theirs.total() < int64(n); i++ {
		ours.add(change(i))
	}
	stop.Store(true)
	wg.Wait()
	return ours, theirs
}

func main() {
	n := flag.Int("n", 16, "how many `THREADS`")
	flag.Parse()
	startThreads(*n)
	startCThread()
	for _, arg := range flag.Args() {
		name, value, _ := strings.Cut(arg, "=")
		who, name, found := strings.Cut(name, ":")
		number, _ := strconv.Atoi(value)
		switch {
		case who == "repeat" && !found:
			ours, theirs := repeat(number)
			fmt.Printf("%s main %v conf %v; %s\n", arg, &ours, &theirs, state())
		case who == "intrude" && !found:
			stop := intrude(77)
			ours, theirs := repeat(number)
			made, tries := stop()
			fmt.Printf("%s main %v conf %v made=%d tried=%v; %s\n", arg, &ours, &theirs, made, tries > 0, state())
		case who == "race" && !found:
			ours, theirs := race(number)
			fmt.Printf("%s main %v conf %v; %s\n", arg, &ours, &theirs, state())
		default:
			result := "ok"
			if err := asWhom(who, func() error { return act(name, number) }); err != nil {
				result = err.Error()
			}
			fmt.Printf("%s %s; %s\n", arg, result, state())
		}
	}
}
