// SPDX-License-Identifier: Apache-2.0

// Pooled hands jobs to pools of real modules whose workers module evil was the first to need. Evil is to be confined.
package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"example.com/batch"
	"example.com/evil"
	"github.com/panjf2000/ants/v2"
	"golang.org/x/sync/singleflight"
)

const workers = 4

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "pooled:", err)
		os.Exit(1)
	}
}

func read() error {
	_, err := os.ReadFile("/etc/hostname")
	return err
}

// Harmless jobs of evil's, as many as there are workers; then twenty of main's.
func jobs(who string, submit func(job func()) error) {
	wait := make(chan struct{})
	evil.Call(1, func() {
		for i := 0; i < workers; i++ {
			must(submit(func() { <-wait }))
		}
	})
	close(wait)
	time.Sleep(50 * time.Millisecond)
	refused := 0
	for i := 0; i < 20; i++ {
		done := make(chan error)
		must(submit(func() { done <- read() }))
		if err := <-done; errors.Is(err, syscall.EPERM) {
			refused++
		} else {
			must(err)
		}
	}
	fmt.Println(who, "refused", refused, "of 20")
}

// Who comes first makes the call, who joins makes none: in which order they come is who.
func flight(first, second func(*singleflight.Group, func() error) error) (error, error) {
	var group singleflight.Group
	calls, begun := 0, make(chan struct{})
	done := make(chan error)
	go func() {
		done <- first(&group, func() error {
			calls++
			close(begun)
			time.Sleep(200 * time.Millisecond)
			return read()
		})
	}()
	<-begun
	err := second(&group, func() error { calls++; return read() })
	one := <-done
	if calls != 1 {
		err = fmt.Errorf("%d calls", calls)
	}
	return one, err
}

func ofMain(group *singleflight.Group, f func() error) error {
	return (<-group.DoChan("key", func() (any, error) { return nil, f() })).Err
}

func ofEvil(group *singleflight.Group, f func() error) (err error) {
	evil.Call(1, func() { err = ofMain(group, f) })
	return err
}

func main() {
	p, err := ants.NewPool(workers)
	must(err)
	jobs("ants", p.Submit)
	f, err := ants.NewPoolWithFunc(workers, func(job any) { job.(func())() })
	must(err)
	jobs("ants, one function", func(job func()) error { return f.Invoke(job) })
	jobs("errgroup", batch.New(workers).Submit)
	one, joined := flight(ofMain, ofEvil)
	fmt.Println("flight of main:", one, joined)
	one, joined = flight(ofEvil, ofMain)
	fmt.Println("flight of evil:", errors.Is(one, syscall.EPERM), errors.Is(joined, syscall.EPERM))
}
