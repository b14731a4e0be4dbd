// SPDX-License-Identifier: Apache-2.0

// Fetch has module conf call http.Get many times, -parallel of them at once, and counts what came of it:
//
//	ok=N EPERM=N other=N
//
// With -serve it is the server: it writes its URL to that file, and answers with how many requests came so far.
package main

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"example.com/conf/web"
	_ "gopkg.in/yaml.v3" // to be confined in conf's place
)

func serve(path string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", []byte("http://"+listener.Addr().String()+"/"), 0o600); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	var hits int64
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, atomic.AddInt64(&hits, 1))
	}))
}

func main() {
	n := flag.Int("n", 1000, "how many")
	parallel := flag.Int("parallel", 1, "how many at once")
	file := flag.String("serve", "", "serve, and write the URL to `FILE`")
	flag.Parse()
	if *file != "" {
		fmt.Fprintln(os.Stderr, serve(*file))
		os.Exit(1)
	}

	var ok, refused, other int64
	var group sync.WaitGroup
	for i := 0; i < *parallel; i++ {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			for j := i; j < *n; j += *parallel {
				switch err := web.Get(flag.Arg(0)); {
				case err == nil:
					atomic.AddInt64(&ok, 1)
				case errors.Is(err, syscall.EPERM):
					atomic.AddInt64(&refused, 1)
				default:
					atomic.AddInt64(&other, 1)
					fmt.Fprintln(os.Stderr, err)
				}
			}
		}(i)
	}
	group.Wait()
	fmt.Printf("ok=%d EPERM=%d other=%d\n", ok, refused, other)
}
