// SPDX-License-Identifier: Apache-2.0

// Threads makes many system calls from many threads at once: -n threads, -calls each, by module conf
// (-by conf), main, or both in turn (-by both). It counts what came of them:
//
//	main ok=N EPERM=N other=N
//	conf ok=N EPERM=N other=N
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
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

func main() {
	n := flag.Int("n", 8, "how many `THREADS`")
	calls := flag.Int("calls", 1000, "how many calls each")
	by := flag.String("by", "both", "main, conf or both")
	flag.Parse()
	if *by != "main" && *by != "conf" && *by != "both" {
		flag.Usage()
		os.Exit(2)
	}
	var (
		wg           sync.WaitGroup
		mu           sync.Mutex
		ours, theirs tally
	)
	for i := 0; i < *n; i++ {
		wg.Add(1)
		go func(i int) {
			defer wg.Done()
			runtime.LockOSThread() // a thread of its own for each
			var mine, confs tally
			for j := 0; j < *calls; j++ {
				if *by == "conf" || *by == "both" && (i+j)%2 == 1 {
					confs.add(open(conf.Plain))
				} else {
					mine.add(open(plain))
				}
			}
			mu.Lock()
			defer mu.Unlock()
			ours = tally{ours.ok + mine.ok, ours.refused + mine.refused, ours.other + mine.other}
			theirs = tally{theirs.ok + confs.ok, theirs.refused + confs.refused, theirs.other + confs.other}
		}(i)
	}
	wg.Wait()
	fmt.Printf("main ok=%d EPERM=%d other=%d\n", ours.ok, ours.refused, ours.other)
	fmt.Printf("conf ok=%d EPERM=%d other=%d\n", theirs.ok, theirs.refused, theirs.other)
}
