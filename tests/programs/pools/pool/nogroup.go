// SPDX-License-Identifier: Apache-2.0

//go:build !go1.25

package pool

// HasGroup says that there is no sync.WaitGroup.Go before Go 1.25.
const HasGroup = false

// NewGroup is New.
func NewGroup(n int) *Pool { return New(n) }
