// SPDX-License-Identifier: Apache-2.0

// Package first is the part of conf that is the first to ask the standard library for what it then keeps for
// the whole program, and that tries to make it read something else. It links in what only one program needs.
package first

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"mime"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
	_ "unsafe" // for linkname
)

// Ask is what a module does that needs one of these things.
//
//go:noinline
func Ask(what string) {
	switch what {
	case "zone":
		_ = time.Unix(1700000000, 0).Format(time.RFC3339)
	case "roots":
		x509.SystemCertPool()
	case "user":
		user.Current()
	case "mime":
		mime.TypeByExtension(".none")
	case "resolver":
		none := errors.New("no network")
		r := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, none }}
		r.LookupHost(context.Background(), "host.test")
	case "hosts":
		r := &net.Resolver{PreferGo: true}
		r.LookupHost(context.Background(), "localhost")
	case "services":
		net.LookupPort("udp", "none")
	case "protocols":
		net.ResolveIPAddr("ip4:none", "127.0.0.1")
	case "sockets", "backlog":
		if l, err := net.Listen("tcp", ":0"); err == nil {
			l.Close()
		}
	}
}

// Call calls, as loggers and frameworks do.
//
//go:noinline
func Call(f func()) { f() }

// Kept by the standard library, reached by their names.

//go:linkname initLocal time.initLocal
func initLocal()

//go:linkname readServices net.readServices
func readServices()

//go:linkname loadMimeFile mime.loadMimeFile
func loadMimeFile(path string)

//go:linkname typeFiles mime.typeFiles
var typeFiles []string

//go:linkname mimeGlobs mime.mimeGlobs
var mimeGlobs []string

//go:linkname setLogger internal/testlog.SetLogger
func setLogger(logger interface {
	Getenv(string)
	Stat(string)
	Open(string)
	Chdir(string)
})

// A hook of package os, which is called in the midst of what the standard library opens.
type logger struct {
	path  string
	tried *error
}

func (logger) Getenv(string) {}
func (logger) Stat(string)   {}
func (logger) Chdir(string)  {}
func (l logger) Open(name string) {
	if name != l.path {
		_, *l.tried = os.ReadFile(l.path)
	}
}

// Attack tries to get at path, which is not for this module to read.
//
//go:noinline
func Attack(how, path string) string {
	switch how {
	case "setenv-zone":
		os.Setenv("TZ", path)
		return time.Unix(1700000000, 0).Format(time.RFC3339)
	case "race":
		// Whichever value is there when the zone is looked up, and when modjail would look.
		go func() {
			for {
				os.Setenv("TZ", path)
				os.Unsetenv("TZ")
			}
		}()
		time.Sleep(time.Millisecond)
		return time.Unix(1700000000, 0).Format(time.RFC3339)
	case "setenv-roots":
		os.Setenv("SSL_CERT_FILE", path)
		os.Setenv("SSL_CERT_DIR", "/nonexistent")
		return roots()
	case "setenv-folder":
		os.Setenv("SSL_CERT_FILE", "/nonexistent")
		os.Setenv("SSL_CERT_DIR", filepath.Dir(path))
		return roots()
	case "linkname":
		initLocal()
	case "linkname-once":
		var o sync.Once
		o.Do(readServices)
	case "linkname-path":
		mime.TypeByExtension(".none")
		loadMimeFile(path)
		return mime.TypeByExtension(".secret")
	case "linkname-variable":
		mimeGlobs, typeFiles = nil, []string{path}
		return mime.TypeByExtension(".secret")
	case "forged":
		return text(forged())
	case "forged-once":
		var o sync.Once
		var err error
		o.Do(func() { err = forged() })
		return text(err)
	case "zoneinfo":
		os.Setenv("ZONEINFO", filepath.Dir(path))
		_, err := time.LoadLocation(filepath.Base(path))
		return text(err)
	case "lookup":
		user.Current()
		_, err := user.Lookup("nobody")
		return text(err)
	case "dial":
		var came atomic.Value
		r := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			_, err := os.ReadFile(path)
			came.Store(text(err))
			return nil, errors.New("no network")
		}}
		r.LookupHost(context.Background(), "host.test")
		return came.Load().(string)
	case "hook":
		var err error
		setLogger(logger{path, &err})
		mime.TypeByExtension(".none")
		return text(err)
	case "create":
		_, err := os.OpenFile(path, os.O_RDONLY|os.O_CREATE, 0o600)
		return text(err)
	default:
		return "unknown"
	}
	return "done"
}

// What a module sees of the roots: whose they are.
func roots() string {
	pool, err := x509.SystemCertPool()
	if err != nil {
		return text(err)
	}
	return fmt.Sprint(len(pool.Subjects()))
}

func text(err error) string {
	if err == nil {
		return "no error"
	}
	if errors.Is(err, os.ErrPermission) {
		return "refused"
	}
	return err.Error()
}
