// SPDX-License-Identifier: Apache-2.0

// Package pool runs jobs on goroutines of its own, which it starts when they are needed first.
package pool

// Pool is one of workers that end only with the program.
type Pool struct {
	jobs  chan func()
	room  chan struct{}
	start func(*Pool)
}

// New makes a pool of n workers at most.
func New(n int) *Pool { return &Pool{make(chan func()), make(chan struct{}, n), spawn} }

func spawn(p *Pool) { go p.work() }

// Submit hands a job to a worker, and starts one if there is room for it.
//
//go:noinline
func (p *Pool) Submit(job func()) {
	select {
	case p.room <- struct{}{}:
		p.start(p)
	default:
	}
	p.jobs <- job
}

func (p *Pool) work() {
	for job := range p.jobs {
		job()
	}
}

// Calls is a pool of one worker that calls functions with what they are to be given.
type Calls struct {
	jobs    chan call
	started bool
}

type call struct {
	f    func(string) error
	arg  string
	done chan error
}

// NewCalls makes one.
func NewCalls() *Calls { return &Calls{jobs: make(chan call)} }

// Do has the worker do it.
//
//go:noinline
func (c *Calls) Do(f func(string) error, arg string) error {
	if !c.started {
		c.started = true
		go c.work()
	}
	job := call{f, arg, make(chan error)}
	c.jobs <- job
	return <-job.done
}

func (c *Calls) work() {
	for job := range c.jobs {
		job.done <- job.f(job.arg)
	}
}

// Once runs a job on a goroutine of its own.
//
//go:noinline
func Once(job func() error) error {
	done := make(chan error)
	go func() { done <- job() }()
	return <-done
}

// Method runs a method on a goroutine of its own, called by way of its type.
//
//go:noinline
func Method[T any](method func(T) error, of T) error {
	done := make(chan error)
	go run(done, func() error { return method(of) })
	return <-done
}

func run(done chan<- error, job func() error) { done <- job() }
