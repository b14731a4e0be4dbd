// SPDX-License-Identifier: Apache-2.0

// Package conf is the module that bench confines. It is on no stack that makes the measured call,
// but because of it the call must be notified.
package conf

// Depth is how many recursive calls lie below the measured one.
//
//go:noinline
func Depth() int {
	return 20
}
