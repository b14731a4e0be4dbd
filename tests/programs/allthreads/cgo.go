// SPDX-License-Identifier: Apache-2.0

package main

/*
#cgo LDFLAGS: -lpthread
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

static void *wait(void *arg) { for (;;) pause(); return arg; }
static void start(void) { pthread_t thread; pthread_create(&thread, NULL, wait, NULL); }
static int set_gid(unsigned gid) { return setgid(gid) ? errno : 0; }
*/
import "C"

import (
	"syscall"

	"example.com/confc"
)

const isCgo = true

// startCThread starts a thread that Go knows nothing of.
func startCThread() { C.start() }

func cSetgid(n int) error {
	if errno := C.set_gid(C.uint(n)); errno != 0 {
		return syscall.Errno(errno)
	}
	return nil
}

func pretend(n int) error {
	if errno := confc.Pretend(n); errno != 0 {
		return errno
	}
	return nil
}

func intrude(n int) func() (int, int) { return confc.Intrude(n) }
