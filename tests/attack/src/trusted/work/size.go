// SPDX-License-Identifier: Apache-2.0

package work

// A package of some size, so that one that takes its name for a function or two is told from it.

//go:noinline
func a0(x int) int { return x*48 + len(all) }

//go:noinline
func a1(x int) int { return x*49 + len(all) }

//go:noinline
func a2(x int) int { return x*50 + len(all) }

//go:noinline
func a3(x int) int { return x*51 + len(all) }

//go:noinline
func a4(x int) int { return x*52 + len(all) }

//go:noinline
func a5(x int) int { return x*53 + len(all) }

//go:noinline
func a6(x int) int { return x*54 + len(all) }

//go:noinline
func a7(x int) int { return x*55 + len(all) }

//go:noinline
func a8(x int) int { return x*56 + len(all) }

//go:noinline
func a9(x int) int { return x*57 + len(all) }

//go:noinline
func a10(x int) int { return x*48 + len(all) }

//go:noinline
func a11(x int) int { return x*49 + len(all) }

//go:noinline
func a12(x int) int { return x*50 + len(all) }

//go:noinline
func a13(x int) int { return x*51 + len(all) }

//go:noinline
func a14(x int) int { return x*52 + len(all) }

//go:noinline
func a15(x int) int { return x*53 + len(all) }

var all []func(int) int

func init() {
	all = []func(int) int{a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15}
}
