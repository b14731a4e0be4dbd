// SPDX-License-Identifier: Apache-2.0

// Command processes starts short-lived processes one after the other. It prints a line after every thousand and waits
// for one on standard input, so that its supervisor can be looked at.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"os/exec"

	"example.com/mjbench/conf"
)

func main() {
	n := flag.Int("n", 10000, "how many processes")
	every := flag.Int("every", 1000, "how many to a line")
	program := flag.String("program", "/bin/true", "what they execute")
	flag.Parse()
	conf.Depth()
	answers := bufio.NewReader(os.Stdin)
	for i := 1; i <= *n; i++ {
		if err := exec.Command(*program).Run(); err != nil {
			fmt.Fprintln(os.Stderr, "processes:", err)
			os.Exit(1)
		}
		if i%*every == 0 {
			fmt.Println(i)
			if _, err := answers.ReadString('\n'); err != nil {
				os.Exit(1)
			}
		}
	}
}
