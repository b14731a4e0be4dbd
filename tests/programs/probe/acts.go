// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"example.com/conf"
)

// An act does one thing on behalf of a subject; detail is what it saw.
type act func(s *subject, arg string) (detail string, err error)

// What the syscall package lacks, the same on every architecture where it is not a system call number.
const (
	atFDCWD         = ^uintptr(99) // -100
	prSetName       = 15
	prSetDumpable   = 4
	prGetDumpable   = 3
	badUnshareFlags = 0x40 // no CLONE_ flag: EINVAL before any permission is asked for (kernel/fork.c)
	badProtocol     = 99999
)

var table = map[string]act{
	// FILES
	"read":   actRead,
	"create": actCreate,
	"unlink": func(s *subject, path string) (string, error) {
		return s.simple(syscall.SYS_UNLINKAT, atFDCWD, cstr(path), 0)
	},
	"rename": func(s *subject, path string) (string, error) {
		return s.simple(syscall.SYS_RENAMEAT, atFDCWD, cstr(path), atFDCWD, cstr(path+".renamed"))
	},
	"chmod": func(s *subject, path string) (string, error) {
		return s.simple(syscall.SYS_FCHMODAT, atFDCWD, cstr(path), 0o604)
	},
	"mkdir": func(s *subject, path string) (string, error) {
		return s.simple(syscall.SYS_MKDIRAT, atFDCWD, cstr(path), 0o700)
	},
	"symlink": func(s *subject, path string) (string, error) {
		return s.simple(syscall.SYS_SYMLINKAT, cstr("target"), atFDCWD, cstr(path))
	},
	"truncate": func(s *subject, path string) (string, error) {
		return s.simple(syscall.SYS_TRUNCATE, cstr(path), 0)
	},
	"stat": actStat,
	// NETWORK
	"connect": actConnect,
	"listen":  actListen,
	"unix":    actUnix,
	"netlink": func(s *subject, _ string) (string, error) {
		return s.simple(syscall.SYS_SOCKET, syscall.AF_NETLINK, syscall.SOCK_RAW, syscall.NETLINK_ROUTE)
	},
	// An impossible protocol fails before the kernel asks for CAP_NET_RAW (net/ipv4/af_inet.c).
	"raw": func(s *subject, _ string) (string, error) {
		return s.simple(syscall.SYS_SOCKET, syscall.AF_INET, syscall.SOCK_RAW, badProtocol)
	},
	// EXEC: replaces probe, so it must be the last act.
	"exec": actExec,
	"exec-nothing": func(s *subject, _ string) (string, error) {
		return s.simple(syscall.SYS_EXECVE, cstr("/nonexistent/program"), pointers("program"), pointers())
	},
	// MODIFY_SYSTEM_STATE
	"kill":        actKill,
	"chdir":       actChdir,
	"umask":       actUmask,
	"setpgid":     actSetpgid,
	"setrlimit":   actSetrlimit,
	"dup3":        actDup3,
	"setname":     actSetname,
	"undumpable":  actUndumpable,
	"setpriority": actSetpriority,
	// OPERATING_SYSTEM: arguments that fail whoever asks, so that "let through" is told from "refused".
	"unshare": func(s *subject, _ string) (string, error) {
		return s.simple(syscall.SYS_UNSHARE, badUnshareFlags)
	},
	"mount": func(s *subject, _ string) (string, error) {
		return s.simple(syscall.SYS_MOUNT, 1, 1, 1, 0, 1)
	},
	// READ_SYSTEM_STATE, SYSTEM_CALLS, ARBITRARY_EXECUTION
	"uname":    actUname,
	"inotify":  func(s *subject, _ string) (string, error) { return s.simple(syscall.SYS_INOTIFY_INIT1, 0) },
	"mmapexec": actMmapExec,
	"mprotect": actMprotect,
	"unknown":  func(s *subject, _ string) (string, error) { return s.simple(9999) },
	// The same through the standard library.
	"std-read": actStdRead,
	"std-dial": actStdDial,
	"std-exec": actStdExec,
	// A process that nobody knows yet when its parent, a shell, has ended: its first own call is to write PATH.
	"std-orphan": actStdOrphan,
}

func (s *subject) syscall(nr uintptr, args ...uintptr) (uintptr, error) {
	var a conf.Args
	copy(a[:], args)
	r, errno := s.call(nr, &a)
	runtime.KeepAlive(cstrings)
	if errno != 0 {
		return 0, errno
	}
	return r, nil
}

func (s *subject) simple(nr uintptr, args ...uintptr) (string, error) {
	_, err := s.syscall(nr, args...)
	return "", err
}

// cstr keeps its strings for good: their addresses travel as plain numbers.
func cstr(s string) uintptr {
	bytes := append([]byte(s), 0)
	cstrings = append(cstrings, bytes)
	return uintptr(unsafe.Pointer(&bytes[0]))
}

var cstrings [][]byte

// hold is cstr for other memory.
func hold(size int) ([]byte, uintptr) {
	bytes := make([]byte, size)
	cstrings = append(cstrings, bytes)
	return bytes, uintptr(unsafe.Pointer(&bytes[0]))
}

func rootErrno(err error) (errno syscall.Errno, ok bool) {
	return errno, errors.As(err, &errno)
}

// firstWord makes file content fit for one line of output.
func firstWord(content []byte) string {
	if fields := strings.Fields(string(content)); len(fields) > 0 {
		return fields[0]
	}
	return ""
}

func actRead(s *subject, path string) (string, error) {
	fd, err := s.syscall(syscall.SYS_OPENAT, atFDCWD, cstr(path), syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer syscall.Close(int(fd))
	buf := make([]byte, 256)
	n, err := syscall.Read(int(fd), buf)
	if err != nil {
		return "", err
	}
	return firstWord(buf[:n]), nil
}

func actCreate(s *subject, path string) (string, error) {
	const flags = syscall.O_WRONLY | syscall.O_CREAT | syscall.O_EXCL | syscall.O_CLOEXEC
	fd, err := s.syscall(syscall.SYS_OPENAT, atFDCWD, cstr(path), flags, 0o600)
	if err != nil {
		return "", err
	}
	return "", syscall.Close(int(fd))
}

func actStat(s *subject, path string) (string, error) {
	_, buf := hold(256)
	return s.simple(syscall.SYS_NEWFSTATAT, atFDCWD, cstr(path), buf, 0)
}

func sockaddrIn(port int) (uintptr, uintptr) {
	sa, ptr := hold(16)
	sa[0] = syscall.AF_INET
	sa[2], sa[3] = byte(port>>8), byte(port)
	copy(sa[4:], []byte{127, 0, 0, 1})
	return ptr, 16
}

// on makes a socket and calls nr(fd, args...) on it, all of it on the subject's behalf.
func (s *subject) on(domain uintptr, nr uintptr, args ...uintptr) (uintptr, error) {
	fd, err := s.syscall(syscall.SYS_SOCKET, domain, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	_, err = s.syscall(nr, append([]uintptr{fd}, args...)...)
	return fd, err
}

func actConnect(s *subject, arg string) (string, error) {
	port, err := strconv.Atoi(arg)
	if err != nil {
		return "", err
	}
	ptr, size := sockaddrIn(port)
	fd, err := s.on(syscall.AF_INET, syscall.SYS_CONNECT, ptr, size)
	if err != nil {
		return "", err
	}
	_, err = syscall.Write(int(fd), []byte("probe was here\n"))
	return "", err
}

func actListen(s *subject, _ string) (string, error) {
	ptr, size := sockaddrIn(0)
	fd, err := s.on(syscall.AF_INET, syscall.SYS_BIND, ptr, size)
	if err != nil {
		return "", err
	}
	_, err = s.syscall(syscall.SYS_LISTEN, fd, 1)
	return "", err
}

func actUnix(s *subject, path string) (string, error) {
	sa, ptr := hold(110)
	sa[0] = syscall.AF_UNIX
	copy(sa[2:], path)
	fd, err := s.on(syscall.AF_UNIX, syscall.SYS_CONNECT, ptr, uintptr(2+len(path)+1))
	if err != nil {
		return "", err
	}
	_, err = syscall.Write(int(fd), []byte("probe was here\n"))
	return "", err
}

func pointers(strs ...string) uintptr {
	list := make([]uintptr, len(strs)+1)
	for i, str := range strs {
		list[i] = cstr(str)
	}
	lists = append(lists, list)
	return uintptr(unsafe.Pointer(&list[0]))
}

var lists [][]uintptr

func actExec(s *subject, path string) (string, error) {
	argv := pointers("/bin/sh", "-c", `: > "$1" && echo exec ok`, "sh", path)
	return s.simple(syscall.SYS_EXECVE, cstr("/bin/sh"), argv, pointers("PATH=/usr/bin:/bin"))
}

func actKill(s *subject, pid string) (string, error) {
	n, err := strconv.Atoi(pid)
	if err != nil {
		return "", err
	}
	return s.simple(syscall.SYS_KILL, uintptr(n), uintptr(syscall.SIGUSR1))
}

func actChdir(s *subject, path string) (string, error) {
	_, err := s.syscall(syscall.SYS_CHDIR, cstr(path))
	where, _ := syscall.Getwd()
	if err == nil && where != path {
		return "", fmt.Errorf("the working directory is %s", where)
	}
	return where, err
}

func actUmask(s *subject, _ string) (string, error) {
	return s.simple(syscall.SYS_UMASK, 0o027)
}

func actSetpgid(s *subject, _ string) (string, error) {
	if _, err := s.syscall(syscall.SYS_SETPGID, 0, 0); err != nil {
		return "", err
	}
	if syscall.Getpgrp() != os.Getpid() {
		return "", errors.New("not the leader of its process group")
	}
	return "", nil
}

func actSetrlimit(s *subject, _ string) (string, error) {
	var now syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &now); err != nil {
		return "", err
	}
	limit, ptr := hold(16) // the soft and the hard limit: one that anybody may lower
	binary.LittleEndian.PutUint64(limit, 77)
	binary.LittleEndian.PutUint64(limit[8:], now.Max)
	if _, err := s.syscall(syscall.SYS_PRLIMIT64, 0, syscall.RLIMIT_NOFILE, ptr, 0); err != nil {
		return "", err
	}
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &now); err != nil || now.Cur != 77 {
		return "", fmt.Errorf("limit is %d (%v)", now.Cur, err)
	}
	return "", nil
}

func actSetpriority(s *subject, _ string) (string, error) {
	return s.simple(syscall.SYS_SETPRIORITY, 0, 0, 10)
}

func actDup3(s *subject, _ string) (string, error) {
	if _, err := s.syscall(syscall.SYS_DUP3, 1, 100, 0); err != nil {
		return "", err
	}
	var st syscall.Stat_t
	return "", syscall.Fstat(100, &st)
}

func actSetname(s *subject, name string) (string, error) {
	if _, err := s.syscall(syscall.SYS_PRCTL, prSetName, cstr(name), 0, 0, 0); err != nil {
		return "", err
	}
	now, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/comm", syscall.Gettid()))
	return firstWord(now), err
}

func actUndumpable(s *subject, _ string) (string, error) {
	if _, err := s.syscall(syscall.SYS_PRCTL, prSetDumpable, 0, 0, 0, 0); err != nil {
		return "", err
	}
	dumpable, err := s.syscall(syscall.SYS_PRCTL, prGetDumpable, 0, 0, 0, 0)
	if err == nil && dumpable != 0 {
		err = errors.New("still dumpable")
	}
	return "", err
}

func actUname(s *subject, _ string) (string, error) {
	buf, ptr := hold(6 * 65)
	_, err := s.syscall(syscall.SYS_UNAME, ptr)
	return firstWord([]byte(strings.TrimRight(string(buf[:65]), "\x00"))), err
}

func actMmapExec(s *subject, _ string) (string, error) {
	const prot, flags = syscall.PROT_READ | syscall.PROT_EXEC, syscall.MAP_PRIVATE | syscall.MAP_ANON
	return s.simple(syscall.SYS_MMAP, 0, 4096, prot, flags, ^uintptr(0), 0)
}

func actMprotect(s *subject, _ string) (string, error) {
	page, err := syscall.Mmap(-1, 0, 4096, syscall.PROT_READ, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		return "", err
	}
	ptr := uintptr(unsafe.Pointer(&page[0]))
	return s.simple(syscall.SYS_MPROTECT, ptr, 4096, syscall.PROT_READ|syscall.PROT_EXEC)
}

func actStdRead(s *subject, path string) (string, error) {
	content, err := s.readFile(path)
	return firstWord(content), err
}

func actStdDial(_ *subject, port string) (string, error) {
	return "", conf.Dial("tcp", "127.0.0.1:"+port)
}

func actStdExec(s *subject, path string) (string, error) {
	return "", s.run("/bin/sh", "-c", `: > "$1"`, "sh", path)
}

func actStdOrphan(s *subject, path string) (string, error) {
	return "", s.run("/bin/sh", "-c", `(while [ -d /proc/$$ ]; do :; done; : > "$1") &`, "sh", path)
}
