// SPDX-License-Identifier: Apache-2.0

// Threads makes many system calls from many threads at once: -n threads, -calls each, by module conf
// (-by conf), main, or both in turn (-by both). It counts what came of them:
//
//	main ok=N EPERM=N other=N
//	conf ok=N EPERM=N other=N
//
// Without -together threads come and go. With it they wait for each other before their first call and after their
// last, and how many there were meanwhile is printed first: "threads N".
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"unsafe"

	"example.com/conf"
)

type tally struct{ ok, refused, other int }

func (t *tally) add(errno syscall.Errno) {
	switch errno {
	case 0:
		t.ok++
	case syscall.EPERM:
		t.refused++
	default:
		t.other++
	}
}

var path = []byte("/dev/null\x00")

//go:noinline
func plain(nr uintptr, a *conf.Args) (uintptr, syscall.Errno) {
	r, _, errno := syscall.Syscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
	return r, errno
}

func open(call func(uintptr, *conf.Args) (uintptr, syscall.Errno)) syscall.Errno {
	at := ^uintptr(99) // AT_FDCWD
	fd, errno := call(syscall.SYS_OPENAT, &conf.Args{at, uintptr(unsafe.Pointer(&path[0])), syscall.O_RDONLY})
	if errno == 0 {
		syscall.Close(int(fd))
	}
	return errno
}

// threadsNow is how many threads the process has.
func threadsNow() (n int) {
	status, err := os.ReadFile("/proc/self/status")
	if _, after, found := strings.Cut(string(status), "\nThreads:"); err == nil && found {
		fmt.Sscan(after, &n)
	}
	return n
}

func main() {
	n := flag.Int("n", 8, "how many `THREADS`")
	calls := flag.Int("calls", 1000, "how many calls each")
	by := flag.String("by", "both", "main, conf or both")
	together := flag.Bool("together", false, "all of them at once")
	flag.Parse()
	if *by != "main" && *by != "conf" && *by != "both" {
		flag.Usage()
		os.Exit(2)
	}
	var (
		wg           sync.WaitGroup
		mu           sync.Mutex
		ours, theirs tally

		ready, done, leave sync.WaitGroup
	)
	if *together {
		ready.Add(*n)
		done.Add(*n)
		leave.Add(1)
	}
	for i := 0; i < *n; i++ {
		wg.Add(1)
		go func(i int) {
			defer wg.Done()
			runtime.LockOSThread() // a thread of its own for each
			var mine, confs tally
			if *together {
				ready.Done()
				ready.Wait()
			}
			for j := 0; j < *calls; j++ {
				if *by == "conf" || *by == "both" && (i+j)%2 == 1 {
					confs.add(open(conf.Plain))
				} else {
					mine.add(open(plain))
				}
			}
			if *together {
				done.Done()
				leave.Wait()
			}
			mu.Lock()
			defer mu.Unlock()
			ours = tally{ours.ok + mine.ok, ours.refused + mine.refused, ours.other + mine.other}
			theirs = tally{theirs.ok + confs.ok, theirs.refused + confs.refused, theirs.other + confs.other}
		}(i)
	}
	if *together {
		done.Wait()
		fmt.Println("threads", threadsNow())
		leave.Done()
	}
	wg.Wait()
	fmt.Printf("main ok=%d EPERM=%d other=%d\n", ours.ok, ours.refused, ours.other)
	fmt.Printf("conf ok=%d EPERM=%d other=%d\n", theirs.ok, theirs.refused, theirs.other)
}
