// threadend ends threads, by goroutines that are locked to them and end. Then example.com/conf reads a file: "read", or the
// error. In a program with libc, libc's allocator makes calls of its own when its threads end; so does the race detector.
package main

import (
	"fmt"
	"os"
	"runtime"
	_ "runtime/cgo"
	"sync"

	"example.com/conf"
)

const path = "/etc/passwd"

func main() {
	var wg sync.WaitGroup
	for i := 0; i < 32; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			runtime.LockOSThread()
			if _, err := os.ReadFile(path); err != nil {
				fmt.Println("main:", err)
			}
		}()
	}
	wg.Wait()
	// A race, for the detector to report.
	n, done := 0, make(chan bool)
	for i := 0; i < 2; i++ {
		go func() {
			n++
			done <- true
		}()
	}
	<-done
	<-done
	if _, err := conf.ReadFile(path); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("read")
}
