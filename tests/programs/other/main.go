// SPDX-License-Identifier: Apache-2.0

// Other is a program with a main module of its own, which others execute: "other WHO ACT PATH..." reads or writes
// files, as main or as conf, and prints what came of it.
package main

import (
	"fmt"
	"os"

	"example.com/conf"
)

func main() {
	who, act := os.Args[1], os.Args[2]
	for _, path := range os.Args[3:] {
		var err error
		switch {
		case act == "read" && who == "conf":
			_, err = conf.ReadFile(path)
		case act == "read":
			_, err = os.ReadFile(path)
		default:
			err = os.WriteFile(path, nil, 0o600)
		}
		if err != nil {
			fmt.Println(who, act, err)
			continue
		}
		fmt.Println(who, act, "ok")
	}
}
