// SPDX-License-Identifier: Apache-2.0

package work

import (
	"errors"
	"fmt"
	"io/ioutil"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

const (
	threads = 16
	reads   = 2
	patient = 20 * time.Second
)

type tally struct {
	mu          sync.Mutex
	failed, all int
}

func (t *tally) note(what string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all++
	if err != nil {
		t.failed++
		if os.Getenv("SHOW") != "" {
			fmt.Println(what, err)
		}
	}
}

func read() error {
	_, err := ioutil.ReadFile("/etc/passwd")
	return err
}

// onThreads reads on threads of its own, all at once, so that the runtime's list of them is long.
func (t *tally) onThreads() {
	var all, ready sync.WaitGroup
	start := make(chan bool)
	for i := 0; i < threads; i++ {
		all.Add(1)
		ready.Add(1)
		go func() {
			defer all.Done()
			runtime.LockOSThread()
			ready.Done()
			<-start
			for j := 0; j < reads; j++ {
				t.note("thread", read())
			}
		}()
	}
	ready.Wait()
	close(start)
	all.Wait()
}

func get(url string) error {
	client := &http.Client{Transport: &http.Transport{}, Timeout: patient}
	answer, err := client.Get(url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = ioutil.ReadAll(answer.Body)
	return err
}

//go:noinline
func leave(done chan error) {
	x := new([64]int)
	runtime.SetFinalizer(x, func(*[64]int) { done <- read() })
}

func finalizer() error {
	done := make(chan error, 1)
	leave(done)
	for end := time.Now().Add(patient); time.Now().Before(end); {
		runtime.GC()
		select {
		case err := <-done:
			return err
		case <-time.After(10 * time.Millisecond):
		}
	}
	return errors.New("no finalizer ran")
}

func timer() error {
	done := make(chan error, 1)
	time.AfterFunc(time.Millisecond, func() { done <- read() })
	return <-done
}

func goroutine() error {
	done := make(chan error)
	go func() {
		inner := make(chan error)
		go func() { inner <- read() }()
		done <- <-inner
	}()
	return <-done
}

func child() error {
	return exec.Command("/proc/self/exe", "child").Run()
}

// Do tries everything, and says how much of it failed.
func Do(url string) (failed, all int) {
	t := new(tally)
	t.note("read", read())
	t.onThreads()
	t.note("goroutine", goroutine())
	t.note("get", get(url))
	t.note("finalizer", finalizer())
	t.note("timer", timer())
	t.note("child", child())
	return t.failed, t.all
}

// Clone runs a child in namespaces of its own.
func Clone(flags uintptr) string {
	cmd := exec.Command("/proc/self/exe", "child")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags}
	if err := cmd.Run(); err != nil {
		return "failed: " + err.Error()
	}
	return "done"
}
