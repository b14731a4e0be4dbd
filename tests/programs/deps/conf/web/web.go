// SPDX-License-Identifier: Apache-2.0

// Package web is the part of conf that uses the network, away from the rest so that only one program has it.
package web

import (
	"io"
	"net/http"
)

func init() {
	// Each Get connects anew, and so on a goroutine of net/http's that no frame of conf is on.
	http.DefaultTransport.(*http.Transport).DisableKeepAlives = true
}

// Get fetches and forgets.
//
//go:noinline
func Get(url string) error {
	response, err := http.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err
}
