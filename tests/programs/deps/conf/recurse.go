package conf

// Recurse calls itself n times, and then f. A frame is small, so that stacks are deep before they are large.
//
//go:noinline
func Recurse(n int, f func()) int {
	if n == 0 {
		f()
		return 0
	}
	return Recurse(n-1, f) + 1
}
