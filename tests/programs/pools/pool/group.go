// SPDX-License-Identifier: Apache-2.0

//go:build go1.25

package pool

import "sync"

// HasGroup says that there is sync.WaitGroup.Go.
const HasGroup = true

var group sync.WaitGroup

// NewGroup makes a pool whose workers sync.WaitGroup starts.
func NewGroup(n int) *Pool {
	p := New(n)
	p.start = spawnInGroup
	return p
}

func spawnInGroup(p *Pool) { group.Go(p.work) }
