// SPDX-License-Identifier: Apache-2.0

// Command truego does nothing: what it costs to start a Go program.
package main

import "example.com/mjbench/conf"

func main() {
	conf.Depth()
}
