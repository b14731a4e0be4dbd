// SPDX-License-Identifier: Apache-2.0

// Collector is the other end of package poisoned: it listens on a free loopback port, writes its
// address to DIR/addr and whatever it is sent to DIR/collected. It ends by itself after ten minutes.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: collector DIR")
		os.Exit(2)
	}
	if err := collect(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "collector:", err)
		os.Exit(1)
	}
}

func collect(dir string) error {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	time.AfterFunc(10*time.Minute, func() { os.Exit(0) })
	// Renamed into place, so that whoever waits for the file never reads half of it.
	addr := filepath.Join(dir, "addr")
	if err := os.WriteFile(addr+".new", []byte(listener.Addr().String()+"\n"), 0o600); err != nil {
		return err
	}
	if err := os.Rename(addr+".new", addr); err != nil {
		return err
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		if err := keep(filepath.Join(dir, "collected"), conn); err != nil {
			return err
		}
	}
}

func keep(path string, conn net.Conn) error {
	defer conn.Close()
	out, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	_, err = io.Copy(out, conn)
	return err
}
