// deep makes calls at the end of very deep stacks.
//
//	deep main N           main recurses N times and opens a file: "opened", or the error
//	deep conf N           example.com/conf recurses
//	deep handed N         example.com/conf calls main, which recurses and opens it
//	deep beside N K TIMES main opens the file again and again, until K goroutines, each N deep in example.com/conf, have each
//	                      tried TIMES times: "OPENS opens of main, REFUSED of CALLS deep calls refused"
//	deep kill N           goroutines, N deep in example.com/conf, have had an answer, and call again, when main kills itself
//	deep exec N TIMES     N deep goroutines of main wait for an answer when main executes itself, TIMES times: "done"
package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"example.com/conf"
)

const path = "/etc/passwd"

func open() error {
	f, err := os.Open(path)
	if err == nil {
		err = f.Close()
	}
	return err
}

//go:noinline
func recurse(n int, f func()) int {
	if n == 0 {
		f()
		return 0
	}
	return recurse(n-1, f) + 1
}

func report() {
	if err := open(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("opened")
}

func beside(n, k, times int) {
	var opens, refused, calls, left int64
	var ready sync.WaitGroup
	left = int64(k)
	for i := 0; i < k; i++ {
		ready.Add(1)
		go conf.Recurse(n, func() {
			ready.Done()
			for t := 0; t < times; t++ {
				atomic.AddInt64(&calls, 1)
				if open() != nil {
					atomic.AddInt64(&refused, 1)
				}
			}
			atomic.AddInt64(&left, -1)
		})
	}
	ready.Wait()
	for atomic.LoadInt64(&left) > 0 {
		if err := open(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		opens++
	}
	fmt.Printf("%d opens of main, %d of %d deep calls refused\n", opens, refused, calls)
}

func again(n, times int) {
	if times == 0 {
		fmt.Println("done")
		return
	}
	var deep sync.WaitGroup
	for i := 0; i < 4; i++ {
		deep.Add(1)
		go recurse(n, func() {
			deep.Done()
			for open() == nil {
			}
		})
	}
	deep.Wait()
	args := []string{os.Args[0], "exec", os.Args[2], strconv.Itoa(times - 1)}
	fmt.Println(syscall.Exec("/proc/self/exe", args, os.Environ()))
}

func main() {
	number := func(i int) int {
		n, err := strconv.Atoi(os.Args[i])
		if err != nil {
			panic(err)
		}
		return n
	}
	n := number(2)
	switch os.Args[1] {
	case "main":
		recurse(n, report)
	case "conf":
		conf.Recurse(n, report)
	case "handed":
		conf.Callback(func() { recurse(n, report) })
	case "beside":
		beside(n, number(3), number(4))
	case "kill":
		answered := make(chan bool)
		for i := 0; i < 4; i++ {
			go conf.Recurse(n, func() {
				open()
				answered <- true
				for {
					open()
				}
			})
		}
		for i := 0; i < 4; i++ {
			<-answered
		}
		fmt.Println(syscall.Kill(os.Getpid(), syscall.SIGKILL))
	case "exec":
		again(n, number(3))
	}
}
