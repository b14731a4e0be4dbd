// SPDX-License-Identifier: Apache-2.0

// Assail tries to get at another process: assail PID [ACT]... It says of each act how it ended, "ACT ok" or
// "ACT errno=EPERM". PID 0 is its parent. Acts change nothing that matters, unless they are named.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"
)

type act struct {
	name string
	try  func(pid int) error
}

var acts = []act{
	{"read-mem", open("mem", os.O_RDONLY)},
	{"write-mem", open("mem", os.O_RDWR)},
	{"read-syscall", read("syscall")},
	{"read-environ", read("environ")},
	{"read-maps", read("maps")},
	{"list-fd", list("fd")},
	{"list-map_files", list("map_files")},
	{"open-exe", open("exe", os.O_RDONLY)},
	{"write-oom_score_adj", open("oom_score_adj", os.O_WRONLY)},
	{"write-clear_refs", open("clear_refs", os.O_WRONLY)},
	{"process_vm_readv", vm(310)},
	{"process_vm_writev", vm(311)},
	{"ptrace-attach", trace(16)},
	{"ptrace-seize", trace(0x4206)},
	{"pidfd_getfd", takeDescriptor},
	{"kcmp", compare},
	{"perf_event_open", watch},
}

// What one user's processes may do to each other whatever they are.
var named = []act{
	{"stop", signal(syscall.SIGSTOP)},
	{"kill", signal(syscall.SIGKILL)},
	{"tgkill", func(pid int) error {
		return raw(syscall.SYS_TGKILL, uintptr(pid), uintptr(pid), uintptr(syscall.SIGKILL))
	}},
	{"sigqueue", queueSignal},
	{"pidfd-kill", killByDescriptor},
	{"no-descriptors", limit(7 /* RLIMIT_NOFILE */, 0)},
	{"no-memory", limit(9 /* RLIMIT_AS */, 0)},
	{"one-cpu", oneCPU},
	{"socket", func(int) error { return raw(syscall.SYS_SOCKET, syscall.AF_INET, syscall.SOCK_STREAM, 0, 0, 0) }},
}

func main() {
	runtime.LockOSThread() // ptrace belongs to a thread
	pid, err := strconv.Atoi(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "assail:", err)
		os.Exit(2)
	}
	if pid == 0 {
		pid = os.Getppid()
	}
	if len(os.Args) == 2 {
		for _, a := range acts {
			perform(a, pid)
		}
		return
	}
	for _, name := range os.Args[2:] {
		perform(find(name), pid)
	}
}

func find(name string) act {
	for _, list := range [][]act{acts, named} {
		for _, a := range list {
			if a.name == name {
				return a
			}
		}
	}
	fmt.Fprintln(os.Stderr, "assail: unknown act", name)
	os.Exit(2)
	return act{}
}

func perform(a act, pid int) {
	err := a.try(pid)
	for {
		wrapped, ok := err.(interface{ Unwrap() error })
		if !ok {
			break
		}
		err = wrapped.Unwrap()
	}
	errno, ok := err.(syscall.Errno)
	switch {
	case err == nil:
		fmt.Println(a.name, "ok")
	case ok && errno == syscall.EPERM:
		fmt.Println(a.name, "errno=EPERM")
	case ok && errno == syscall.EACCES:
		fmt.Println(a.name, "errno=EACCES")
	default:
		fmt.Printf("%s failed: %v\n", a.name, err)
	}
}

func path(pid int, name string) string {
	return fmt.Sprintf("/proc/%d/%s", pid, name)
}

func open(name string, flags int) func(int) error {
	return func(pid int) error {
		f, err := os.OpenFile(path(pid, name), flags, 0)
		if err == nil {
			f.Close()
		}
		return err
	}
}

func read(name string) func(int) error {
	return func(pid int) error {
		_, err := os.ReadFile(path(pid, name))
		return err
	}
}

func list(name string) func(int) error {
	return func(pid int) error {
		_, err := os.ReadDir(path(pid, name))
		return err
	}
}

func raw(nr uintptr, args ...uintptr) error {
	var a [6]uintptr
	copy(a[:], args)
	if _, _, errno := syscall.Syscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5]); errno != 0 {
		return errno
	}
	return nil
}

// vm transfers one byte at an address that nobody has mapped: EFAULT is as good as done.
func vm(nr uintptr) func(int) error {
	return func(pid int) error {
		var b [1]byte
		local := syscall.Iovec{Base: &b[0], Len: 1}
		remote := [2]uintptr{0x1000, 1}
		err := raw(nr, uintptr(pid), uintptr(unsafe.Pointer(&local)), 1, uintptr(unsafe.Pointer(&remote)), 1)
		if err == syscall.EFAULT {
			return nil
		}
		return err
	}
}

func trace(request uintptr) func(int) error {
	return func(pid int) error {
		if err := raw(syscall.SYS_PTRACE, request, uintptr(pid)); err != nil {
			return err
		}
		if request == 16 {
			var status syscall.WaitStatus
			syscall.Wait4(pid, &status, 0x40000000 /* __WALL */, nil)
			return syscall.PtraceDetach(pid)
		}
		return nil // ends with this process
	}
}

func takeDescriptor(pid int) error {
	fd, _, errno := syscall.Syscall(434 /* pidfd_open */, uintptr(pid), 0, 0)
	if errno != 0 {
		return fmt.Errorf("pidfd_open: %v", errno)
	}
	defer syscall.Close(int(fd))
	got, _, errno := syscall.Syscall(438 /* pidfd_getfd */, fd, 1, 0)
	if errno != 0 {
		return errno
	}
	return syscall.Close(int(got))
}

func compare(pid int) error {
	return raw(312, uintptr(os.Getpid()), uintptr(pid), 2 /* KCMP_FILES */, 0, 0)
}

// watch counts instructions of the process; a machine without counters says ENOENT, which is as good.
func watch(pid int) error {
	attr := [16]uint64{0: 112 << 32, 1: 1 /* PERF_COUNT_SW_TASK_CLOCK */}
	attr[0] |= 1 // PERF_TYPE_SOFTWARE
	fd, _, errno := syscall.Syscall6(298, uintptr(unsafe.Pointer(&attr)), uintptr(pid), ^uintptr(0), ^uintptr(0), 0, 0)
	if errno == syscall.ENOENT {
		return nil
	}
	if errno != 0 {
		return errno
	}
	return syscall.Close(int(fd))
}

func signal(sig syscall.Signal) func(int) error {
	return func(pid int) error { return syscall.Kill(pid, sig) }
}

func queueSignal(pid int) error {
	info := [16]uint64{0: uint64(syscall.SIGKILL), 1: 0xffffffff /* SI_QUEUE */}
	return raw(syscall.SYS_RT_SIGQUEUEINFO, uintptr(pid), uintptr(syscall.SIGKILL), uintptr(unsafe.Pointer(&info)))
}

func killByDescriptor(pid int) error {
	fd, _, errno := syscall.Syscall(434 /* pidfd_open */, uintptr(pid), 0, 0)
	if errno != 0 {
		return fmt.Errorf("pidfd_open: %v", errno)
	}
	defer syscall.Close(int(fd))
	return raw(424 /* pidfd_send_signal */, fd, uintptr(syscall.SIGKILL), 0, 0)
}

func limit(resource uintptr, value uint64) func(int) error {
	return func(pid int) error {
		limits := [2]uint64{value, value}
		return raw(syscall.SYS_PRLIMIT64, uintptr(pid), resource, uintptr(unsafe.Pointer(&limits)), 0)
	}
}

func oneCPU(pid int) error {
	mask := [16]uint64{1}
	return raw(syscall.SYS_SCHED_SETAFFINITY, uintptr(pid), unsafe.Sizeof(mask), uintptr(unsafe.Pointer(&mask)))
}
