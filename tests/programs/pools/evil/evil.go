// SPDX-License-Identifier: Apache-2.0

// Package evil is confined, and has others' goroutines do what it may not.
package evil

import (
	"context"
	"database/sql"
	"flag"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	_ "unsafe" // for go:linkname

	"example.com/pool"
)

// Get sends a request.
func Get(client *http.Client, url string) error {
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// OnShutdown has a server remove a file when it shuts down, without a function of this package.
func OnShutdown(server *http.Server, path string) {
	flag.CommandLine = flag.NewFlagSet("x", flag.ContinueOnError)
	flag.CommandLine.SetOutput(io.Discard)
	flag.Func("x", "", os.RemoveAll)
	os.Args = []string{"x", "-x=" + path}
	server.RegisterOnShutdown(flag.Parse)
}

// Connection waits for one.
func Connection(db *sql.DB) error {
	conn, err := db.Conn(context.Background())
	if err != nil {
		return err
	}
	return conn.Close()
}

// Look looks a host up.
func Look(resolver *net.Resolver, host string) error {
	_, err := resolver.LookupIPAddr(context.Background(), host)
	return err
}

// Call calls f with n frames of this package below it.
//
//go:noinline
func Call(n int, f func()) int {
	if n > 1 {
		return Call(n-1, f) + 1
	}
	f()
	return 1
}

// Fill hands harmless jobs to a pool, one for each of its workers.
//
//go:noinline
func Fill(p *pool.Pool, n int) {
	wait := make(chan struct{})
	for i := 0; i < n; i++ {
		p.Submit(func() { <-wait })
	}
	close(wait)
}

// Remove has a pool remove a file, as a job of this package.
func Remove(p *pool.Pool, path string) error {
	done := make(chan error)
	p.Submit(func() { done <- os.Remove(path) })
	return <-done
}

// RemoveAll hands the standard library's function itself over.
func RemoveAll(c *pool.Calls, path string) error { return c.Do(os.RemoveAll, path) }

// Touch has a pool start touch(1).
func Touch(path string) error { return pool.Once(exec.Command("/usr/bin/touch", path).Run) }

// TouchByType does, too; the method is called by way of its type.
func TouchByType(path string) error {
	return pool.Method((*exec.Cmd).Run, exec.Command("/usr/bin/touch", path))
}

// A function that is named as if the pool had started the goroutine.
//
//go:linkname forged example.com/pool.(*Pool).forged
//go:noinline
func forged(path string, done chan error) {
	go func() { done <- os.Remove(path) }()
}

//go:linkname forgedStd example.com/pool.(*Pool).forgedStd
//go:noinline
func forgedStd(path string) {
	go os.Remove(path)
}

// Forged removes a file on a goroutine that pretends to be a pool's.
func Forged(path string) error {
	done := make(chan error)
	forged(path, done)
	return <-done
}

// ForgedStd does it without a function of this package on that goroutine.
func ForgedStd(path string) { forgedStd(path) }
