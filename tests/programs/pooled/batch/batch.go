// SPDX-License-Identifier: Apache-2.0

// Package batch has workers that a group starts when they are needed first.
package batch

import (
	"sync"

	"golang.org/x/sync/errgroup"
)

// Pool is one of them.
type Pool struct {
	workers int
	group   errgroup.Group
	once    sync.Once
	jobs    chan func()
}

// New makes a pool.
func New(workers int) *Pool { return &Pool{workers: workers, jobs: make(chan func())} }

// Submit hands a job to a worker.
func (p *Pool) Submit(job func()) error {
	p.once.Do(p.start)
	p.jobs <- job
	return nil
}

func (p *Pool) start() {
	for i := 0; i < p.workers; i++ {
		p.group.Go(p.work)
	}
}

func (p *Pool) work() error {
	for job := range p.jobs {
		job()
	}
	return nil
}
