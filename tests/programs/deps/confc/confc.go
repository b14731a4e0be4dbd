// SPDX-License-Identifier: Apache-2.0

// Package confc is a confined dependency that works through C.
package confc

/*
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static int
confc_open(const char *path, int *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	*error = fd < 0 ? errno : 0;
	if (fd >= 0)
		close(fd);
	return fd;
}
*/
import "C"

import (
	"syscall"
	"unsafe"
)

// Open opens a file through libc's open() and closes it again.
func Open(path string) syscall.Errno {
	c := C.CString(path)
	defer C.free(unsafe.Pointer(c))
	var errno C.int
	C.confc_open(c, &errno)
	return syscall.Errno(errno)
}
