// SPDX-License-Identifier: Apache-2.0

// Pools has goroutines that serve others than who started them: those of the standard library's queues, and those of
// a pool (module pool). Module evil is to be confined. What came of it is printed, one line for each who asked.
package main

import (
	"context"
	"database/sql"
	sqldriver "database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"example.com/driver"
	"example.com/evil"
	"example.com/pool"
	"example.com/pools/own"
)

const workers = 4

func say(who string, err error) {
	var errno syscall.Errno
	switch {
	case err == nil:
		fmt.Println(who, "ok")
	case errors.As(err, &errno) && errno == syscall.EPERM:
		fmt.Println(who, "EPERM")
	default:
		fmt.Println(who, err)
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "pools:", err)
		os.Exit(1)
	}
}

// ---- net/http ---------------------------------------------------------------------------------

// A server that counts requests by path, and answers /slow only when it is told to.
type server struct {
	url     string
	counts  sync.Map
	release chan struct{}
}

func listen() *server {
	s := &server{release: make(chan struct{})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	s.url = "http://" + listener.Addr().String()
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := s.counts.LoadOrStore(r.URL.Path, new(int64))
		atomic.AddInt64(n.(*int64), 1)
		if r.URL.Path == "/slow" {
			w.Header().Set("Connection", "close")
			w.(http.Flusher).Flush()
			<-s.release
		}
		io.WriteString(w, "ok")
	}))
	return s
}

func (s *server) count(path string) int64 {
	n, ok := s.counts.Load(path)
	if !ok {
		return 0
	}
	return atomic.LoadInt64(n.(*int64))
}

func get(client *http.Client, url string) error {
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	response.Body.Close()
	return err
}

// One's request waits until main's connection ends, which main ends.
func queued(who string, one func(*http.Client, string) error) {
	s := listen()
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}, Timeout: 10 * time.Second}
	response, err := client.Get(s.url + "/slow")
	must(err)
	done := make(chan error)
	go func() { done <- one(client, s.url+"/"+who) }()
	time.Sleep(500 * time.Millisecond) // until it waits
	close(s.release)
	_, err = io.Copy(io.Discard, response.Body)
	must(err)
	response.Body.Close()
	say(who, <-done)
	fmt.Println("server", who, s.count("/"+who))
}

// Main's requests, n of them, parallel at once, of which none has to wait.
func plain(n, parallel, limit int) {
	s := listen()
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: limit, DisableKeepAlives: limit == 0}}
	var group sync.WaitGroup
	var refused int64
	for i := 0; i < parallel; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for j := 0; j < n/parallel; j++ {
				if get(client, s.url+"/main") != nil {
					atomic.AddInt64(&refused, 1)
				}
			}
		}()
	}
	group.Wait()
	fmt.Println("main refused", refused, "server", s.count("/main"))
}

func shutdown(path string) error {
	s := &http.Server{}
	evil.OnShutdown(s, path)
	return s.Shutdown(context.Background())
}

// ---- database/sql -----------------------------------------------------------------------------

func database() (*sql.DB, *int64) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	connections := new(int64)
	go func() {
		for {
			if _, err := listener.Accept(); err != nil {
				return
			}
			atomic.AddInt64(connections, 1)
		}
	}()
	return sql.OpenDB(driver.Connector(listener.Addr().String())), connections
}

// One waits for a connection, which the DB opens once main's has turned out to be bad.
func opener(who string, one func(*sql.DB) error) {
	db, connections := database()
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(context.Background())
	must(err)
	done := make(chan error)
	go func() { done <- one(db) }()
	for db.Stats().WaitCount == 0 {
		time.Sleep(time.Millisecond)
	}
	conn.Raw(func(any) error { return sqldriver.ErrBadConn })
	say(who, <-done)
	time.Sleep(50 * time.Millisecond)
	fmt.Println("server", atomic.LoadInt64(connections))
}

func connection(db *sql.DB) error {
	conn, err := db.Conn(context.Background())
	if err != nil {
		return err
	}
	return conn.Close()
}

// Main's queries, of which none has to wait.
func queries(n int) {
	db, _ := database()
	refused := 0
	for i := 0; i < n; i++ {
		conn, err := db.Conn(context.Background())
		if err != nil {
			refused++
			continue
		}
		conn.Raw(func(any) error { return sqldriver.ErrBadConn }) // so that the next one needs another
	}
	fmt.Println("main refused", refused)
}

// ---- net: single flights ------------------------------------------------------------------------

// A name server that answers 127.0.0.1, after a while, and counts questions.
func nameServer() (*net.Resolver, *int64) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(err)
	questions := new(int64)
	go func() {
		var buf [512]byte
		for {
			n, from, err := conn.ReadFrom(buf[:])
			if err != nil {
				return
			}
			atomic.AddInt64(questions, 1)
			answer := append([]byte(nil), buf[:n]...)
			go func() {
				time.Sleep(time.Second)
				conn.WriteTo(reply(answer), from)
			}()
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}, questions
}

// Turns a question into its answer (RFC 1035, 4.1).
func reply(message []byte) []byte {
	const header, typeA = 12, 1
	binary.BigEndian.PutUint16(message[2:], 0x8180)
	binary.BigEndian.PutUint16(message[10:], 0) // no additional records
	end := header
	for message[end] != 0 {
		end += int(message[end]) + 1
	}
	kind := binary.BigEndian.Uint16(message[end+1:])
	message = message[:end+5]
	if kind == typeA {
		binary.BigEndian.PutUint16(message[6:], 1)
		message = append(message, 0xc0, header, 0, typeA, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1)
	}
	return message
}

// Both look a host up; join: evil while main still does.
func look(join bool) {
	resolver, questions := nameServer()
	done := make(chan error)
	go func() {
		_, err := resolver.LookupIPAddr(context.Background(), "host.test.")
		done <- err
	}()
	for atomic.LoadInt64(questions) < 2 { // of A and AAAA
		time.Sleep(time.Millisecond)
	}
	if !join {
		say("main", <-done)
	}
	before := atomic.LoadInt64(questions)
	say("evil", evil.Look(resolver, "host.test."))
	fmt.Println("questions", before, atomic.LoadInt64(questions)-before)
	if join {
		say("main", <-done)
	}
}

// ---- pools --------------------------------------------------------------------------------------

func do(p *pool.Pool, job func() error) error {
	done := make(chan error)
	p.Submit(func() { done <- job() })
	return <-done
}

func read() error {
	_, err := os.ReadFile("/etc/hostname")
	return err
}

// Twenty of main's jobs, on workers that evil was the first to need.
func jobs(p *pool.Pool, depth int, job func() error) {
	evil.Call(depth, func() { evil.Fill(p, workers) })
	refused := 0
	for i := 0; i < 20; i++ {
		if err := do(p, job); errors.Is(err, syscall.EPERM) {
			refused++
		} else {
			must(err)
		}
	}
	fmt.Println("main refused", refused, "of 20")
}

// The same with the pool that is a package of main's module.
func jobsOfOwn() {
	evil.Call(1, func() { own.Submit(func() {}) })
	refused := 0
	for i := 0; i < 20; i++ {
		done := make(chan error)
		own.Submit(func() { done <- read() })
		if <-done != nil {
			refused++
		}
	}
	fmt.Println("main refused", refused, "of 20")
}

func inGoroutine() error {
	done := make(chan error)
	go func() { done <- read() }()
	return <-done
}

// What the program may do is what those may who are asked for it.
func inProgram() error {
	const path = "made.by.touch"
	os.Remove(path)
	if err := exec.Command("/usr/bin/touch", path).Run(); err != nil {
		return err
	}
	_, err := os.Stat(path)
	return err
}

func inOtherPool() error {
	other := pool.New(1)
	return do(other, func() error { return do(pool.New(1), read) })
}

// A file that is there as long as nobody removes it.
func victim(who string, remove func(string) error) {
	path := who + ".victim"
	must(os.WriteFile(path, nil, 0o600))
	say(who, remove(path))
	time.Sleep(100 * time.Millisecond) // those who do not wait
	_, err := os.Stat(path)
	fmt.Println(who, "file is there:", err == nil)
}

func touch(who string, touch func(string) error) {
	path := who + ".touched"
	say(who, touch(path))
	_, err := os.Stat(path)
	fmt.Println(who, "file is there:", err == nil)
}

// Evil's jobs, on workers that main was the first to need.
func jobsOfEvil() {
	p, calls := pool.New(1), pool.NewCalls()
	must(do(p, func() error { return nil }))
	must(calls.Do(func(string) error { return nil }, ""))
	victim("closure", func(path string) error { return evil.Remove(p, path) })
	victim("function", func(path string) error { return evil.RemoveAll(calls, path) })
	touch("method", evil.Touch)
	touch("method-by-type", evil.TouchByType)
	victim("forged", evil.Forged)
	victim("forged-std", func(path string) error { evil.ForgedStd(path); return nil })
}

func main() {
	mode := ""
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	switch mode {
	case "queued":
		queued("evil", evil.Get)
	case "queued-main":
		queued("main", get)
	case "plain":
		plain(40, 1, 0)
		plain(80, 8, 0)
		plain(40, 1, 64)
		plain(80, 8, 64)
	case "shutdown":
		victim("shutdown", shutdown)
	case "opener":
		opener("evil", evil.Connection)
	case "opener-main":
		opener("main", connection)
	case "queries":
		queries(20)
	case "join":
		look(true)
	case "alone":
		look(false)
	case "jobs":
		jobs(pool.New(workers), 1, read)
	case "deep":
		jobs(pool.New(workers), 200, read)
	case "goroutine":
		jobs(pool.New(workers), 1, inGoroutine)
	case "nested":
		jobs(pool.New(workers), 1, inOtherPool)
	case "get":
		s := listen()
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		jobs(pool.New(workers), 1, func() error { return get(client, s.url+"/main") })
	case "program":
		jobs(pool.New(workers), 1, inProgram)
	case "group":
		if !pool.HasGroup {
			fmt.Println("not with this release")
			return
		}
		jobs(pool.NewGroup(workers), 1, read)
	case "own":
		jobsOfOwn()
	case "evil":
		jobsOfEvil()
	default:
		fmt.Fprintln(os.Stderr, "usage: pools queued|queued-main|plain|shutdown|opener|opener-main|queries|join|alone|"+
			"jobs|deep|goroutine|nested|get|program|group|own|evil")
		os.Exit(2)
	}
}
