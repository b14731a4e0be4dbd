// SPDX-License-Identifier: Apache-2.0

// Ownacts asks the standard library for what it keeps for the whole program, after a module that policies confine
// has asked first, and prints what main gets:
//
//	ownacts WHAT              zone roots user mime resolver hosts services protocols sockets backlog
//	ownacts called WHAT       the module calls main back, which asks
//	ownacts attack HOW PATH   the module tries to get at PATH that way; and what came of it
//	ownacts certificate NAME  writes a root certificate
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"mime"
	"net"
	"os"
	"os/user"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"example.com/conf/first"
)

var root []byte // read before anybody asks for anything

func main() {
	root, _ = os.ReadFile(os.Getenv("SSL_CERT_FILE"))
	switch args := os.Args[1:]; {
	case len(args) == 1:
		first.Ask(args[0])
		fmt.Println(answer(args[0]))
	case len(args) == 2 && args[0] == "called":
		first.Call(func() { answer(args[1]) })
		fmt.Println(answer(args[1]))
	case len(args) == 3 && args[0] == "attack":
		fmt.Println(first.Attack(args[1], args[2]))
	case len(args) == 2 && args[0] == "certificate":
		certificate(args[1])
	default:
		fmt.Fprintln(os.Stderr, "ownacts: wrong arguments")
		os.Exit(2)
	}
}

func certificate(name string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	root := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true,
		NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true}
	bytes, err := x509.CreateCertificate(rand.Reader, &root, &root, key.Public(), key)
	if err != nil {
		panic(err)
	}
	pem.Encode(os.Stdout, &pem.Block{Type: "CERTIFICATE", Bytes: bytes})
}

func answer(what string) string {
	switch what {
	case "zone":
		return time.Unix(1700000000, 0).Format(time.RFC3339)
	case "roots":
		pool, err := x509.SystemCertPool()
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(len(pool.Subjects()), " roots ", verify(root))
	case "user":
		u, err := user.Current()
		return fmt.Sprint(u, err)
	case "mime":
		return mime.TypeByExtension(".deb") + mime.TypeByExtension(".torrent")
	case "resolver":
		return servers()
	case "hosts":
		r := &net.Resolver{PreferGo: true}
		addresses, err := r.LookupHost(context.Background(), "localhost")
		return fmt.Sprint(addresses, err)
	case "services":
		return fmt.Sprint(net.LookupPort("udp", "ntp"))
	case "protocols":
		return fmt.Sprint(net.ResolveIPAddr("ip4:ospf", "127.0.0.1"))
	case "sockets", "backlog":
		return listen()
	}
	return "unknown"
}

// Whether the certificate in a file is one of the roots; SystemCertPool looks for them again if there were none.
func verify(bytes []byte) error {
	block, _ := pem.Decode(bytes)
	if block == nil {
		return errors.New("no certificate")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err == nil {
		_, err = certificate.Verify(x509.VerifyOptions{KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	}
	return err
}

// The name servers, which main's dialler gets to see.
func servers() string {
	var server atomic.Value // two goroutines ask, one for each family
	server.Store("nobody")
	r := &net.Resolver{PreferGo: true, Dial: func(_ context.Context, _, address string) (net.Conn, error) {
		server.Store(address)
		return nil, errors.New("no network")
	}}
	r.LookupHost(context.Background(), "host.test")
	return server.Load().(string)
}

// Which families a listener of all addresses has, whether it is multipath TCP's, and its backlog.
func listen() string {
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		return err.Error()
	}
	defer l.Close()
	host, _, _ := net.SplitHostPort(l.Addr().String())
	_, err4 := net.ResolveTCPAddr("tcp4", "127.0.0.1:80")
	c, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		return err.Error()
	}
	protocol, info, size := 0, [256]byte{}, uint32(256)
	c.Control(func(fd uintptr) {
		protocol, _ = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, 38 /* SO_PROTOCOL */)
		syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.IPPROTO_TCP, syscall.TCP_INFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	})
	// Of a listener tcpi_sacked is the backlog (net/ipv4/tcp.c, tcp_get_info).
	return fmt.Sprint(host, err4, protocol, *(*uint32)(unsafe.Pointer(&info[28])))
}
