// SPDX-License-Identifier: Apache-2.0

// Missing makes a system call while a page of its own stack is missing, which a userfaultfd has to provide to whoever
// reads it. Frames of those who called lie on that page; the call is made below it, and needs nothing of it.
//
//	missing -page present         the page stays
//	missing -page absent          nobody provides it until the call has returned
//	missing -page back -when FILE another thread provides it once FILE is there
//	missing -page zero -when FILE that thread provides a page of zeros
//	missing -probe                only tries whether there is a userfaultfd
//
// The call opens /dev/null; before it, while the page is there, the same is done -warm N times from the same place. The
// thread and the page are printed before, and afterwards what came of the call, and whether the page was missing still:
//
//	thread 4711 page 0xc000123000
//	openat: ok, page: missing
//
// -as conf puts a frame of module conf onto that page. With -user the userfaultfd does not answer for what the kernel
// reads, so that such reads fail, and needs no privileges. -keep starts a child that has the userfaultfd, too, and
// outlives this process. -beside FILE does all of it in a child, and opens /dev/null itself once FILE is there:
//
//	beside 4710 child 4711
//	beside: ok
//	child: signal: killed
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"
	"unsafe"

	"example.com/conf"
)

const pageSize = 4096

// <linux/userfaultfd.h>
const (
	sysUserfaultfd  = 323
	userModeOnly    = 1
	uffdAPI         = 0xaa
	uffdioAPI       = 0xc018aa3f
	uffdioRegister  = 0xc020aa00
	uffdioCopy      = 0xc028aa03
	uffdioZeropage  = 0xc020aa04
	registerMissing = 1
)

var (
	page   = flag.String("page", "", "present, absent, back or zero")
	as     = flag.String("as", "main", "main or conf")
	warm   = flag.Int("warm", 2, "make `N` calls before")
	when   = flag.String("when", "", "wait for `FILE` before the page is provided")
	keep   = flag.Bool("keep", false, "let a child keep the userfaultfd")
	beside = flag.String("beside", "", "do it in a child, and wait for `FILE` meanwhile")
	user   = flag.Bool("user", false, "a userfaultfd that does not answer for what the kernel reads")
	probe  = flag.Bool("probe", false, "only try userfaultfd")
	hold   = flag.Duration("hold", 0, "for missing's own use")
)

var null = []byte("/dev/null\x00") // not on a stack

// The main goroutine keeps the main thread, so that the calls come from another one, which has made none before.
func init() {
	runtime.LockOSThread()
}

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "missing:", err)
		os.Exit(2)
	}
}

func run() error {
	switch {
	case *hold > 0:
		time.Sleep(*hold)
		return nil
	case *probe:
		_, err := openUffd()
		return err
	case *beside != "":
		return watchChild()
	}
	switch *page {
	case "present", "absent":
	case "back", "zero":
		if *when == "" {
			return fmt.Errorf("no -when")
		}
	default:
		return fmt.Errorf("no such -page: %q", *page)
	}
	return loseAndCall()
}

func open() syscall.Errno {
	const atFdcwd = ^uintptr(99)
	fd, _, errno := syscall.Syscall6(syscall.SYS_OPENAT, atFdcwd, uintptr(unsafe.Pointer(&null[0])), syscall.O_RDONLY, 0, 0, 0)
	if errno == 0 {
		syscall.Close(int(fd))
	}
	return errno
}

func text(errno syscall.Errno) string {
	if errno == 0 {
		return "ok"
	}
	return errno.Error()
}

// Looking whether a file is there is something that nobody is refused, so nobody answers for it.
func await(file string) {
	var st syscall.Stat_t
	for syscall.Stat(file, &st) != nil {
		time.Sleep(10 * time.Millisecond)
	}
}

// ---- the page ----------------------------------------------------------------------------------

type lost struct {
	fd    uintptr
	page  uintptr
	saved []byte
	err   error
	last  syscall.Errno // of the system call
	after syscall.Errno // of providing the page once that had returned: 0, it was missing still
}

func openUffd() (uintptr, error) {
	api := [3]uint64{uffdAPI}
	flags := uintptr(syscall.O_CLOEXEC)
	if *user {
		flags |= userModeOnly
	}
	fd, _, errno := syscall.RawSyscall(sysUserfaultfd, flags, 0, 0)
	if errno != 0 {
		return 0, fmt.Errorf("userfaultfd: %v", errno)
	}
	if _, _, errno = syscall.RawSyscall(syscall.SYS_IOCTL, fd, uffdioAPI, uintptr(unsafe.Pointer(&api))); errno != 0 {
		return 0, fmt.Errorf("UFFDIO_API: %v", errno)
	}
	return fd, nil
}

// Nobody reads or writes the page between the two: it is missing from here on.
func (l *lost) lose() syscall.Errno {
	reg := [4]uint64{uint64(l.page), pageSize, registerMissing}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_IOCTL, l.fd, uffdioRegister, uintptr(unsafe.Pointer(&reg))); errno != 0 {
		return errno
	}
	_, _, errno := syscall.RawSyscall(syscall.SYS_MADVISE, l.page, pageSize, syscall.MADV_DONTNEED)
	return errno
}

// provide returns EEXIST if somebody has done so already.
func (l *lost) provide() syscall.Errno {
	arg := [5]uint64{uint64(l.page), uint64(uintptr(unsafe.Pointer(&l.saved[0]))), pageSize}
	_, _, errno := syscall.RawSyscall(syscall.SYS_IOCTL, l.fd, uffdioCopy, uintptr(unsafe.Pointer(&arg)))
	return errno
}

func (l *lost) provideZeros() syscall.Errno {
	arg := [4]uint64{uint64(l.page), pageSize}
	_, _, errno := syscall.RawSyscall(syscall.SYS_IOCTL, l.fd, uffdioZeropage, uintptr(unsafe.Pointer(&arg)))
	return errno
}

// answer runs on another thread.
func (l *lost) answer() {
	runtime.LockOSThread()
	provide := l.provide
	if *page == "zero" {
		provide = l.provideZeros
	}
	await(*when)
	for provide() != 0 { // it is not missing yet
		time.Sleep(10 * time.Millisecond)
	}
}

// ---- the stack ---------------------------------------------------------------------------------

const below = 512 // bytes between the page and whatever runs while it is missing

// grow makes the stack so large that it need not move later.
//
//go:noinline
func grow() byte {
	var room [48 << 10]byte
	for i := range room {
		room[i] = byte(i)
	}
	return room[len(room)-1]
}

//go:noinline
func where() uintptr {
	var here byte
	return uintptr(unsafe.Pointer(&here))
}

// descend calls itself until it has left the page, and a little more.
//
//go:noinline
func descend(l *lost) int {
	if where()+below > l.page {
		return descend(l) + 1
	}
	act(l)
	return 1
}

// act uses only its own frame and the heap.
//
//go:noinline
func act(l *lost) {
	for i := 0; i <= *warm; i++ {
		if i == *warm && *page != "present" {
			copy(l.saved, unsafe.Slice((*byte)(unsafe.Pointer(l.page)), pageSize))
			if errno := l.lose(); errno != 0 {
				l.err = fmt.Errorf("the page cannot be taken away: %v", errno)
				return
			}
		}
		l.last = open() // each time from the same place
	}
	if *page != "present" {
		l.after = l.provide()
	}
	if *page == "zero" && l.after == syscall.EEXIST { // there is nowhere to return to
		report(l)
		os.Exit(0)
	}
}

//go:noinline
func report(l *lost) {
	state := "missing"
	if *page == "present" || l.after == syscall.EEXIST {
		state = "there"
	} else if l.after != 0 {
		state = l.after.Error()
	}
	fmt.Printf("openat: %s, page: %s\n", text(l.last), state)
}

// onTop runs at the top of a stack: its frame, and conf's if it is on it, are what goes missing.
func onTop(l *lost) {
	runtime.LockOSThread()
	grow()
	l.page = where() &^ (pageSize - 1)
	fmt.Printf("thread %d page %#x\n", syscall.Gettid(), l.page)
	if *when != "" {
		go l.answer()
	}
	if *as == "conf" {
		conf.Callback(func() { startOnPage(l) })
	} else {
		startOnPage(l)
	}
}

//go:noinline
func startOnPage(l *lost) {
	if where()&^(pageSize-1) != l.page {
		l.err = fmt.Errorf("the frames are not on the page")
		return
	}
	descend(l)
}

func loseAndCall() error {
	debug.SetGCPercent(-1) // it would read the stack, and move it
	l := &lost{saved: make([]byte, pageSize)}
	if *page != "present" {
		if l.fd, l.err = openUffd(); l.err != nil {
			return l.err
		}
	}
	if *keep {
		if err := startHolder(l.fd); err != nil {
			return err
		}
	}
	done := make(chan struct{})
	go func() {
		onTop(l)
		close(done)
	}()
	<-done
	if l.err == nil {
		report(l)
	}
	return l.err
}

// ---- other processes ---------------------------------------------------------------------------

func command(args ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd, nil
}

// startHolder starts a process that has the userfaultfd and does nothing with it.
func startHolder(fd uintptr) error {
	cmd, err := command("-hold=2m")
	if err != nil {
		return err
	}
	cmd.ExtraFiles = []*os.File{os.NewFile(fd, "userfaultfd")}
	if err = cmd.Start(); err == nil {
		fmt.Println("holder", cmd.Process.Pid)
	}
	return err
}

func watchChild() error {
	// Of two flags of the same name the last one counts.
	cmd, err := command(append(os.Args[1:len(os.Args):len(os.Args)], "-beside=")...)
	if err != nil {
		return err
	}
	if err = cmd.Start(); err != nil {
		return err
	}
	fmt.Println("beside", os.Getpid(), "child", cmd.Process.Pid)
	await(*beside)
	fmt.Println("beside:", text(open()))
	cmd.Wait()
	fmt.Println("child:", cmd.ProcessState)
	return nil
}
