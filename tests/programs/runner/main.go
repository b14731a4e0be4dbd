// SPDX-License-Identifier: Apache-2.0

// Runner executes another program on behalf of a chosen module and exits with its status.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"

	"example.com/conf"
)

func main() {
	by := flag.String("by", "main", "main, conf, or callback: main, called by conf")
	env := flag.String("godebug", "inherited", "the program's GODEBUG; empty: none")
	flag.Parse()
	var err error
	switch *by {
	case "main":
		err = run(*env, flag.Args())
	case "conf":
		err = conf.Run(flag.Arg(0), flag.Args()[1:]...)
	case "callback":
		conf.Callback(func() { err = run(*env, flag.Args()) })
	default:
		err = fmt.Errorf("nobody is called %s", *by)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		fmt.Println("runner:", err)
		os.Exit(99)
	}
}

//go:noinline
func run(godebug string, args []string) error {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if godebug != "inherited" {
		cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
		if godebug != "" {
			cmd.Env = append(cmd.Env, "GODEBUG="+godebug)
		}
	}
	return cmd.Run()
}
