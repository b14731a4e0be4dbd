// SPDX-License-Identifier: Apache-2.0

// Victim adds two numbers with a dependency that it has no reason to distrust.
package main

import (
	"fmt"

	"example.com/poisoned"
)

func main() {
	fmt.Println("2 + 3 =", poisoned.Add(2, 3))
}
